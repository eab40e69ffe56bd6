#!/usr/bin/env bash
# The two commands as a new user meets them: on a fresh Debian 13 without
# anything installed, from a clone of the last commit. scripts/demo must leave
# no process behind, after a Ctrl-C neither.
#
#     tests/debian13.sh          half an hour, 4 GB, root, the network
#     tests/debian13.sh demo     the demo alone, some minutes
#     tests/debian13.sh test     scripts/test alone
#
# Needs debootstrap, which scripts/setup --test installs.
# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../scripts/lib/common.sh"

# The machine's own mirror has every release.
# shellcheck disable=SC2016 # the dollar is apt's
MIRROR=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
  'Created-By: Packages' 'Origin: Debian' 'Component: main' |
  grep -v '^cdrom:' | head -n 1)}

title() { printf '\n== %s\n\n' "$*"; }

# fresh CMD...: run CMD in that Debian, in the clone, with process ids and
# mounts of its own, which end with it.
fresh() {
  # shellcheck disable=SC2016 # the dollars are the inner shell's
  unshare --mount --propagation private --pid --fork --kill-child -- \
    bash -euc '
    root=$1; shift
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --rbind /sys "$root/sys"
    chroot "$root" env -i -C /root/batchsync HOME=/root LANG=C.UTF-8 \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      NODE_EXTRA_CA_CERTS=/root/ca.crt "$@"' _ "$DIR/root" "$@"
}

make_root() {
  debootstrap --variant=minbase --include=ca-certificates trixie \
    "$DIR/root" "$MIRROR" >"$DIR/log" 2>&1 ||
    { tail -n 40 "$DIR/log"; die "debootstrap failed"; }
  cp -L /etc/resolv.conf "$DIR/root/etc/resolv.conf"
  # npm's registry may be reached through a proxy with an authority of its own.
  cp -L /etc/ssl/certs/ca-certificates.crt "$DIR/root/root/ca.crt"
  git clone --quiet --no-hardlinks "$ROOT" "$DIR/root/root/batchsync"
}

# Runs inside. Reports what still runs when the demo has ended.
# shellcheck disable=SC2016 # the dollars are the inner shell's
DEMO='
  set -euo pipefail
  none_left() {
    sleep 1
    left=$(for p in /proc/[0-9]*; do
      pid=${p##*/}
      [ "$pid" -gt 2 ] && [ "$pid" != "$BASHPID" ] && [ "$pid" != $$ ] || continue
      tr "\0" " " <"$p/cmdline" 2>/dev/null | grep . || true
    done)
    [ -z "$left" ] || { echo "$1 left behind: $left"; exit 1; }
  }
  ./scripts/demo
  none_left "the demo"
  env --default-signal=INT setsid ./scripts/demo --keep >/root/keep.log 2>&1 &
  pid=$!
  for _ in {1..300}; do
    grep -q "until you press Ctrl-C" /root/keep.log && break
    kill -0 "$pid" || { cat /root/keep.log; exit 1; }
    sleep 1
  done
  kill -INT "$pid"
  status=0
  wait "$pid" || status=$?
  [ "$status" -eq 130 ] || { cat /root/keep.log; echo "ended: $status"; exit 1; }
  none_left "the demo, after Ctrl-C,"
'

[ "$(id -u)" -eq 0 ] || die "this needs root, for debootstrap and chroot"
for need in debootstrap unshare git; do
  command -v "$need" >/dev/null || die "there is no $need: run scripts/setup --test"
done
[ "$#" -gt 0 ] || set -- demo test
scratch_dir DIR

title "A fresh Debian 13, from $MIRROR"
make_root
for command in "$@"; do
  title "scripts/$command on Debian 13"
  started=$SECONDS
  case $command in
    demo) fresh bash -c "$DEMO" ;;
    test) fresh ./scripts/test ;;
    *) die "there is no command $command, only demo and test" ;;
  esac
  printf '\n-- scripts/%s: passed in %d s; %s in all\n' "$command" \
    $((SECONDS - started)) "$(du -sh --one-file-system "$DIR/root" | cut -f 1)"
done
