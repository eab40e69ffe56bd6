#!/usr/bin/env bash
# What the scripts stand on: quoting, the list of packages, and that nothing is
# left behind after a Ctrl-C.
# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../scripts/lib/common.sh"

FAULTS=0
fault() {
  echo "scripts: $*"
  FAULTS=$((FAULTS + 1))
}

# What is shown is read by a shell as the same words.
check_quoting() {
  # shellcheck disable=SC2016  # dollars to be quoted
  local words=(plain 'two words' '{"services":["a"]}' "it's" '' '$HOME' 'a&b'
    'http://h/x?y=1&z=2' '*' '~' '#x' 'a=b') read_back=()
  eval "read_back=($(shell_words "${words[@]}"))"
  [ "${read_back[*]@Q}" = "${words[*]@Q}" ] ||
    fault "shell_words prints $(shell_words "${words[@]}")"
  [ "$(shell_words a/b --c=1)" = 'a/b --c=1' ] || fault "plain words are quoted"
}

# Every line of the list has all of its columns.
check_packages() {
  local use look what purpose
  while read -r use look what _ _ _ purpose; do
    case $use:$look in
      : | '#'*) ;;
      build:* | run:* | demo:* | bench:* | test:* | long:*)
        case $look in
          command | library | file | check) ;;
          *) fault "deps/packages.txt: cannot look for $what: $look" ;;
        esac
        # The last column is empty when any of them is missing.
        [ -n "$purpose" ] || fault "deps/packages.txt: $what lacks a column"
        ;;
      *) fault "deps/packages.txt: $use is not a use" ;;
    esac
  done <"$ROOT/deps/packages.txt"
}

# session PID: print the processes of its session.
session() {
  ps -o pid=,args= --sid "$1"
}

# As scripts/demo --keep does: serves until it is told to end.
check_interrupt() {
  local pid status=0
  scratch_dir DIR
  cat >"$DIR/keep" <<EOF
source "$ROOT/scripts/lib/common.sh"
spawn "$DIR/log" sleep 600
echo "\$SPAWNED" >"$DIR/pid"
stay "\$SPAWNED"
EOF
  setsid env --default-signal=INT bash "$DIR/keep" &
  pid=$!
  wait_for 10 test -s "$DIR/pid" || fault "the script does not start"
  sleep 0.3
  kill -INT "$pid"
  wait "$pid" || status=$?
  [ "$status" -eq 130 ] || fault "after SIGINT it ends with $status"
  wait_for 5 gone "$(cat "$DIR/pid")" || fault "its server is left behind"
  ! session "$pid" >/dev/null || fault "left behind: $(session "$pid")"
}

check_quoting
check_packages
check_interrupt
[ "$FAULTS" -eq 0 ] || exit 1
echo "scripts: all well"
