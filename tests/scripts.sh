#!/usr/bin/env bash
# What the scripts stand on: quoting, the list of packages, and that nothing is
# left behind after a Ctrl-C.
# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../scripts/lib/common.sh"
# shellcheck source=scripts/lib/node.sh
source "$ROOT/scripts/lib/node.sh"
# shellcheck source=scripts/lib/model.sh
source "$ROOT/scripts/lib/model.sh"

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

# The demo's model is made once, again when it is older than what makes it, and
# the builtin embedder stands in where npm cannot be reached.
check_model() {
  local dir top=$ROOT said
  scratch_dir dir
  ROOT=$dir
  mkdir -p "$dir"/{bin,examples/model,examples/coordinator/data}
  touch -d -1hour "$dir/examples/model/package-lock.json"
  printf '#!/bin/sh\necho "npm error code ENOTFOUND"; exit 1\n' >"$dir/bin/npm"
  chmod +x "$dir/bin/npm"
  said=$(PATH=$dir/bin:$PATH model_env "$dir/build/model" 2>&1
    echo "$EMBEDDING_PROVIDER${EMBEDDING_MODEL_PATH:-}")
  case $said in
    *'letters but no meaning'*'npm error code ENOTFOUND'*builtin) ;;
    *) fault "without npm the model is $said" ;;
  esac
  mkdir -p "$dir/build/model"
  touch "$dir/build/model/model.safetensors"
  said=$(model_env "$dir/build/model" 2>&1
    echo "$EMBEDDING_PROVIDER $EMBEDDING_MODEL_PATH")
  [ "$said" = "static $dir/build/model" ] || fault "the model there is $said"
  touch -d +1hour "$dir/examples/model/make.mjs"
  ! model_fresh "$dir/build/model" || fault "an old model is taken for a new one"
  ROOT=$top
}

check_quoting
check_packages
check_model
check_interrupt
[ "$FAULTS" -eq 0 ] || exit 1
echo "scripts: all well"
