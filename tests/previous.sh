#!/usr/bin/env bash
# Builds the program as of an earlier commit, to be tested beside this one, and
# prints its path. It is built once and kept in build/. Where the commit is not
# there (a tarball, a shallow clone) it says so and exits with 3.
#
#   tests/previous.sh
#
# The commit is the one that added the migration below: the oldest program that
# knows of generations (docs/deployment.md, rolling upgrades).
set -euo pipefail
MIGRATION=schema/sql/0028_generations.sql

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# no_history REASON: there is nothing to build.
no_history() {
  echo "the previous version cannot be built: $*"
  exit 3
}

[ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$(pwd -P)" ] ||
  no_history "this is not a checkout of git"
[ "$(git rev-parse --is-shallow-repository)" = false ] ||
  no_history "the clone is shallow"
PREVIOUS=$(git log --diff-filter=A --format=%H -- "$MIGRATION" | tail -n 1)
[ -n "$PREVIOUS" ] || no_history "no commit adds $MIGRATION"

DIR=$PWD/build/previous-${PREVIOUS:0:9}
PROGRAM=$DIR/out/batchsync
mkdir -p "$DIR"
exec 9>"$DIR/lock"
flock 9
if [ ! -x "$PROGRAM" ]; then
  mkdir -p "$DIR/source"
  git archive "$PREVIOUS" | tar -x -C "$DIR/source"
  launcher=$(command -v ccache || true)
  {
    cmake -S "$DIR/source" -B "$DIR/out" -G Ninja -DBATCHSYNC_WEB=OFF \
      -DCMAKE_C_COMPILER_LAUNCHER="$launcher"
    ninja -C "$DIR/out" batchsync
  } >"$DIR/log" 2>&1 || { tail -n 40 "$DIR/log" >&2; exit 1; }
fi
echo "$PROGRAM"
