#!/usr/bin/env bash
# The Debian package of a build: what it contains, what dpkg will not overwrite,
# and what its service may do; then dpkg installs it (package_install.sh).
#
#     tests/package.sh build
set -euo pipefail

BUILD=${1:?which build directory?}
ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
DIR=$(mktemp -d)
trap 'rm -rf -- "$DIR"' EXIT
FAULTS=0
fault() {
  echo "package: $*"
  FAULTS=$((FAULTS + 1))
}

for tool in cpack dpkg-shlibdeps; do
  command -v "$tool" >/dev/null || { echo "package: skipped: no $tool" && exit 0; }
done
# Without the build's other programs: only the program is packaged.
cpack --config "$BUILD/CPackConfig.cmake" -B "$DIR" >"$DIR/log" 2>&1 ||
  { cat "$DIR/log" && exit 1; }
DEB=$(echo "$DIR"/batchsync_*_*.deb)
LIST=$(dpkg-deb --contents "$DEB" | awk '{ print $1, $2, $6 }')

# need LINE: a file of the package with this mode and owner.
need() { grep -qxF -- "$1" <<<"$LIST" || fault "the package lacks: $1"; }
need '-rwxr-xr-x root/root ./usr/bin/batchsync'
need '-rw-r--r-- root/root ./usr/lib/systemd/system/batchsync.service'
need '-rw------- root/root ./etc/batchsync/batchsync.env'
need '-rw-r--r-- root/root ./usr/share/doc/batchsync/copyright'

# Each file below /etc is one that dpkg asks about before it replaces it.
diff <(awk '$3 ~ "^./etc/.*[^/]$" { print substr($3, 2) }' <<<"$LIST" | sort) \
  <(dpkg-deb --info "$DEB" conffiles | sort) || fault 'conffiles differ'

for script in postinst prerm postrm; do
  dpkg-deb --info "$DEB" "$script" | sh -n || fault "$script is no script"
done
dpkg-deb --field "$DEB" Depends | grep -q 'libpq5' ||
  fault 'no dependency on libpq5'
dpkg-deb --extract "$DEB" "$DIR/root"
"$DIR/root/usr/bin/batchsync" --version >/dev/null || fault 'it does not start'

# The template is read by a shell and by systemd alike, and names variables
# that exist.
sh -n "$ROOT/deploy/debian/batchsync.env"
while read -r name; do
  grep -q "\`$name\`" "$ROOT/docs/configuration.md" ||
    fault "batchsync.env: $name is not a variable"
done < <(sed -nE 's/^#?([A-Z_]+)=.*/\1/p' "$ROOT/deploy/debian/batchsync.env")

if command -v systemd-analyze >/dev/null; then
  systemd-analyze security --offline=true --threshold=20 --no-pager \
    "$ROOT/deploy/debian/batchsync.service" >"$DIR/exposure" ||
    fault "the service may do too much: $(tail -1 "$DIR/exposure")"
fi

[ "$FAULTS" -eq 0 ] || exit 1
"$ROOT/tests/package_install.sh" "$DEB"
echo "package: $(basename -- "$DEB") is in order"
