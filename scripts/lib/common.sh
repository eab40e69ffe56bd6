# Helpers for every script: source this file, do not run it.
# shellcheck shell=bash
#
# The script that sources it gets `set -euo pipefail`, ROOT (the top of the
# checkout) and a clean-up stack: whatever is pushed with `on_exit` runs, last
# pushed first, when the script ends, by itself or by SIGINT, SIGTERM or
# SIGHUP. Push from the script's own shell only: a stack in `( )` or `$( )` is
# a copy that nobody runs.

set -euo pipefail

ROOT=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
export ROOT

# Where Debian has pgbouncer; not in everyone's PATH.
PATH=$PATH:/usr/sbin:/sbin

# say TEXT...: one line on stderr, led by the script's name.
say() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die TEXT...: say it and end the script.
die() {
  say "$@"
  exit 1
}

ON_EXIT=()

# on_exit CMD [ARG...]: run CMD when the script ends.
on_exit() {
  ON_EXIT+=("$(printf '%q ' "$@")")
}

# Runs the stack. A step that fails does not keep the others from running, and
# the script's own exit code stays.
cleanup() {
  local status=$? i
  set +e
  trap : INT TERM HUP
  for ((i = ${#ON_EXIT[@]} - 1; i >= 0; i--)); do
    eval "${ON_EXIT[i]}"
  done
  exit "$status"
}

trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# scratch_dir VAR: put into VAR a new directory outside the checkout, gone when
# the script ends. Other users may enter it (a server started by root runs as
# another user), and nothing below it belongs to the checkout.
scratch_dir() {
  local -n scratch_dir_out=$1
  scratch_dir_out=$(mktemp -d "${TMPDIR:-/tmp}/batchsync.XXXXXX")
  chmod 755 "$scratch_dir_out"
  on_exit rm -rf -- "$scratch_dir_out"
}

# as_root CMD [ARG...]: run CMD as root.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -- "$@"
  else
    say "this needs root, and there is no sudo: $*"
    return 1
  fi
}

# wait_for SECONDS CMD [ARG...]: repeat CMD, quietly, until it succeeds.
# Returns 1 when the time is over.
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# port_open PORT: does anything listen there on loopback?
port_open() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# free_port: print a port of 127.0.0.1 that nothing listens on. It lies below
# the range the kernel gives to outgoing connections, so none of those takes it
# before the server does.
free_port() {
  local port
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 12000))
    port_open "$port" || { echo "$port"; return; }
  done
  die "found no free port"
}

# spawn LOG CMD [ARG...]: start CMD in the background, its output in LOG, and
# leave its process id in SPAWNED. It ends with the script, even with one that
# was killed, and has a session of its own: a Ctrl-C in the terminal reaches
# the script alone, which stops its children in its own order.
# From the script's own shell only: a subshell's child would end with that.
spawn() {
  local log=$1
  shift
  setsid setpriv --pdeathsig TERM -- "$@" </dev/null >>"$log" 2>&1 &
  SPAWNED=$!
  on_exit reap "$SPAWNED"
}

# stay PID: wait until the spawned process ends, or the script is told to end.
# Without a child that sleeps: a Ctrl-C would leave it behind.
stay() {
  wait "$1"
}

# shell_words WORD...: print the words as a shell reads them, those with other
# than plain characters in quotes.
shell_words() {
  local word space=''
  for word in "$@"; do
    case $word in
      '' | *[!A-Za-z0-9_./:@%+,=-]*) word="'${word//\'/\'\\\'\'}'" ;;
    esac
    printf '%s%s' "$space" "$word"
    space=' '
  done
}

# alive PID: is this child still running?
alive() {
  kill -0 "$1" 2>/dev/null
}

# gone PID: the opposite, for wait_for.
gone() {
  ! alive "$1"
}

# reap PID [SECONDS]: end a spawned process: ask, wait, then kill it and what
# it started.
reap() {
  local pid=$1
  alive "$pid" || return 0
  kill -TERM "$pid" 2>/dev/null || true
  wait_for "${2:-15}" gone "$pid" || kill -KILL -- "-$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}
