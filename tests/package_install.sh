#!/usr/bin/env bash
# dpkg installs the Debian package in a Debian of its own, of this machine's
# release: user, rights, the unit's enabling, configuration kept on an upgrade,
# removal and purge.
#
#     tests/package_install.sh DEB      about a minute, root, the network
#
# Where that Debian cannot be made it says so and is skipped.
# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../scripts/lib/common.sh"

DEB=${1:?which package?}

skip() {
  echo "package: not installed anywhere: $*"
  exit 0
}
fault() { die "$*"; }

# inside CMD...: run CMD in that Debian. Its mounts go with it.
inside() {
  # shellcheck disable=SC2016 # the dollars are the inner shell's
  unshare --mount --propagation private -- bash -euc '
    root=$1; shift
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    exec chroot "$root" env -i HOME=/root LANG=C.UTF-8 \
      DEBIAN_FRONTEND=noninteractive \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      "$@"' _ "$DIR/root" "$@"
}

# quietly CMD...: its output only if it fails.
quietly() {
  "$@" </dev/null >"$DIR/log" 2>&1 ||
    { tail -n 40 "$DIR/log" >&2; fault "failed: $*"; }
}

# depends: the packages that ours needs, a line each; the first alternative.
depends() {
  dpkg-deb --field "$DEB" Depends | tr ',' '\n' |
    sed -E 's/^ *([^ |:]+).*/\1/' | sort -u
}

# unknown PACKAGE...: those that no repository of this release has. What
# scripts/setup took from a newer one is known to dpkg alone.
unknown() {
  apt-cache policy "$@" | awk '
    /^[^ ]/ { package = substr($1, 1, length($1) - 1); known[package] += 0 }
    /^ +[0-9]+ [a-z]+:/ { known[package]++ }
    END { for (package in known) if (!known[package]) print package }'
}

# repack PACKAGE: make a package again of what is installed here.
repack() {
  local tree=$DIR/repack/$1
  mkdir -p "$tree/DEBIAN"
  dpkg-query --listfiles "$1" | while read -r file; do
    if [ -f "$file" ] || [ -L "$file" ]; then
      cp -a --parents "$file" "$tree"
    fi
  done
  dpkg-query --status "$1" | grep -v '^Status:' >"$tree/DEBIAN/control"
  dpkg-deb --root-owner-group -Znone --build "$tree" \
    "$DIR/root/root/$1.deb"
}

make_root() {
  local mirror needs again include package
  # shellcheck disable=SC2016 # the dollar is apt's
  mirror=$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Origin: Debian' 'Component: main' |
    grep -v '^cdrom:' | head -n 1)
  [ -n "$mirror" ] || skip "apt knows no mirror"
  mapfile -t needs < <(depends)
  again=$(unknown "${needs[@]}")
  include=$(printf '%s\n' "${needs[@]}" | grep -vxF "$again" | paste -sd,) ||
    skip "apt has no lists of packages"
  # Its mounts, too, go with it.
  unshare --mount --propagation private -- debootstrap --variant=minbase \
    --include="$include,systemd" \
    "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$DIR/root" "$mirror" \
    >"$DIR/log" 2>&1 ||
    skip "debootstrap failed: $(tail -n 3 "$DIR/log" | paste -sd' ')"
  for package in $again; do
    quietly repack "$package"
  done
  cp -- "$DEB" "$DIR/root/root/batchsync.deb"
}

# newer: the package again, as version 9.9 with another template.
newer() {
  local tree=$DIR/newer
  dpkg-deb --raw-extract "$DEB" "$tree"
  sed -i 's/^Version: .*/Version: 9.9/' "$tree/DEBIAN/control"
  echo '# 9.9' >>"$tree/etc/batchsync/batchsync.env"
  dpkg-deb -Znone --build "$tree" "$DIR/root/root/newer.deb"
}

about() { inside dpkg-query -W -f "\${$1}" batchsync; }
mode_of() { inside stat -c '%a %U:%G' "$1"; }
is_there() { inside test -e "$1"; }

check_installed() {
  local entry
  # As one command, so that dpkg itself sees whether anything is missing.
  # shellcheck disable=SC2016 # the inner shell's
  quietly inside sh -c 'dpkg --install /root/*.deb'
  [ "$(about Status)" = 'install ok installed' ] ||
    fault "dpkg has not installed it"
  entry=$(inside getent passwd batchsync) || fault "there is no user"
  [[ $entry == batchsync:*:/nonexistent:/usr/sbin/nologin ]] ||
    fault "the user may log in: $entry"
  [ "$(inside id -u batchsync)" -lt 1000 ] || fault "no user of the system"
  [ "$(mode_of /etc/batchsync/batchsync.env)" = '600 root:root' ] ||
    fault "who reads the secrets? $(mode_of /etc/batchsync/batchsync.env)"
}

# run_as_unit CMD...: with the user and the environment of the unit.
run_as_unit() {
  # shellcheck disable=SC2016
  inside sh -c 'set -a; . /etc/batchsync/batchsync.env; set +a
    exec setpriv --reuid batchsync --regid batchsync --clear-groups \
      --no-new-privs --bounding-set=-all "$@"' _ "$@"
}

# It starts with what its dependencies bring, finds its schemas, and names what
# is still to be set.
check_runs() {
  local status=0
  run_as_unit batchsync check >"$DIR/log" 2>&1 || status=$?
  if [ "$status" -ne 78 ] || ! grep -q DATABASE_URL "$DIR/log"; then
    fault "batchsync check ended with $status: $(cat "$DIR/log")"
  fi
}

check_unit() {
  local unit=/usr/lib/systemd/system/batchsync.service
  for tool in systemctl systemd-analyze; do
    command -v "$tool" >/dev/null || { say "no $tool: unit not looked at"; return; }
  done
  quietly systemctl --root="$DIR/root" enable batchsync.service
  [ -L "$DIR/root/etc/systemd/system/multi-user.target.wants/\
batchsync.service" ] || fault "the unit is not enabled"
  # Names what of the unit is wrong, a missing program too.
  systemd-analyze verify --root="$DIR/root" --man=no "$unit" >"$DIR/log" 2>&1 ||
    fault "systemd-analyze verify: $(cat "$DIR/log")"
}

check_upgrade() {
  quietly newer
  echo "ADMIN_TOKEN='mine'" >>"$DIR/root/etc/batchsync/batchsync.env"
  # Without an answer dpkg changes nothing; with "keep mine" ours stays.
  ! inside dpkg --install /root/newer.deb </dev/null >"$DIR/log" 2>&1 ||
    fault "dpkg did not ask about a changed configuration"
  grep -q 'batchsync.env' "$DIR/log" || fault "dpkg failed: $(cat "$DIR/log")"
  quietly inside dpkg --force-confold --install /root/newer.deb
  grep -q "^ADMIN_TOKEN='mine'" "$DIR/root/etc/batchsync/batchsync.env" ||
    fault "the upgrade has overwritten the configuration"
  [ "$(about Version)" = 9.9 ] || fault "not upgraded"
}

check_gone() {
  quietly inside dpkg --remove batchsync
  ! is_there /usr/bin/batchsync || fault "the program is still there"
  is_there /etc/batchsync/batchsync.env || fault "the configuration is gone"
  quietly inside dpkg --purge batchsync
  ! is_there /etc/batchsync || fault "left behind: $(inside ls -A /etc/batchsync)"
  inside getent passwd batchsync >/dev/null || fault "the user is gone"
}

[ "$(id -u)" -eq 0 ] || skip "this needs root"
for need in debootstrap unshare apt-cache; do
  command -v "$need" >/dev/null || skip "there is no $need"
done
unshare --mount true 2>/dev/null || skip "no mounts of its own are allowed here"
scratch_dir DIR

make_root
check_installed
check_runs
check_unit
check_upgrade
check_gone
echo "package: dpkg installs, upgrades, removes and purges it"
