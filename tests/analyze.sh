#!/usr/bin/env bash
# What compilers and tests do not see: cppcheck, gcc -fanalyzer and clang-tidy
# over all of src/. Nothing may be reported.
#
#   tests/analyze.sh            cppcheck and gcc -fanalyzer
#   tests/analyze.sh --long     clang-tidy too
#
# Needs ./build (gcc) and, for clang-tidy, ./build-clang.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
JOBS=$(nproc)
FAULTS=0

# report NAME LOG: what the tool said must be nothing.
report() {
  if [ -s "$2" ]; then
    head -n 100 "$2"
    FAULTS=$((FAULTS + 1))
  else
    echo "$1: clean"
  fi
}

# Suppressed: a NULL among variable arguments, which POSIX makes a pointer. Of
# yyjson's header, which is not read, it gets the loops.
check_cppcheck() {
  cat >"$SCRATCH/loops.h" <<'END'
#define yyjson_arr_foreach(a, i, n, v) \
  for (i = 0, n = 1, v = yyjson_arr_get(a, i); i < n; i++)
#define json_array_foreach(a, i, v) \
  for (i = 0; i < json_array_size(a) && (v = json_array_get(a, i)) != 0; i++)
#define yyjson_obj_foreach(a, i, n, k, v) \
  for (i = 0, n = 1, k = v = yyjson_arr_get(a, i); i < n; i++)
END
  cppcheck -j "$JOBS" -Isrc --include="$SCRATCH/loops.h" --std=c11 --quiet \
    --inline-suppr --enable=warning,performance,portability \
    --suppress=varFuncNullUB --suppress=missingIncludeSystem \
    --template='{file}:{line}: {severity}: {id}: {message}' \
    src >"$SCRATCH/cppcheck" 2>&1 || true
  report cppcheck "$SCRATCH/cppcheck"
}

# commands: the compiler's arguments for each file of src/, a line each.
commands() {
  sed -nE 's/^ *"command": "(.*)",?$/\1/p' build/compile_commands.json |
    sed -e 's/\\"/"/g' -e 's/^[^ ]*ccache //' |
    grep -E -- '-c [^ ]*/src/' | sed -E 's/ -o [^ ]+//'
}

# Suppressed: leaks, which it sees in whatever hangs on a list by its member
# (the sanitizers look for leaks in every test); and what it takes for NULL, as it
# does not know that err_set() returns the error it is given, and that a text
# which is not empty has bytes (clang-tidy looks for the same, and knows more).
check_gcc() {
  local flags="-fanalyzer -Wno-analyzer-malloc-leak"
  flags+=" -Wno-analyzer-null-argument -Wno-analyzer-null-dereference"
  commands |
    sed "s,\$, $flags -o /dev/null," | tr '\n' '\0' |
    (cd build && xargs -0 -P "$JOBS" -I{} sh -c '{}') \
      >"$SCRATCH/gcc" 2>&1 || true
  report "gcc -fanalyzer" "$SCRATCH/gcc"
}

check_clang_tidy() {
  find src -name '*.c' -print0 |
    xargs -0 -P "$JOBS" -n 4 clang-tidy --quiet -p build-clang \
      >"$SCRATCH/tidy" 2>"$SCRATCH/tidy.log" || true
  report clang-tidy "$SCRATCH/tidy"
}

check_cppcheck
check_gcc
if [ "${1:-}" = --long ]; then
  check_clang_tidy
fi
[ "$FAULTS" -eq 0 ]
