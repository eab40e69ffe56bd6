#!/usr/bin/env bash
# Reads off a program whether it was built hardened: a position-independent
# executable, all relocations done and read-only before main(), no executable
# stack, stack protector, FORTIFY.
#
#     tests/hardening.sh build/batchsync
set -euo pipefail

PROGRAM=${1:?which program?}
HEADERS=$(readelf --wide --file-header --program-headers --dynamic "$PROGRAM")
SYMBOLS=$(readelf --wide --dyn-syms "$PROGRAM")
FAULTS=0

# need WHAT PATTERN TEXT: TEXT must have a line that matches.
need() {
  grep -qE -- "$2" <<<"$3" && return
  echo "$PROGRAM: not hardened: $1"
  FAULTS=$((FAULTS + 1))
}

need 'no position-independent executable (-pie)' '^ *Type: +DYN' "$HEADERS"
need 'no position-independent executable (-pie)' 'Flags:.* PIE' "$HEADERS"
need 'relocations stay writable (-z relro)' '^ *GNU_RELRO ' "$HEADERS"
need 'relocations are done lazily (-z now)' '\(FLAGS\) +.*BIND_NOW' "$HEADERS"
need 'the stack is executable (-z noexecstack)' \
  '^ *GNU_STACK .* RW +0x[0-9a-f]+$' "$HEADERS"
need 'no stack protector (-fstack-protector-strong)' ' __stack_chk_fail' \
  "$SYMBOLS"
need 'nothing is checked by FORTIFY (-D_FORTIFY_SOURCE)' \
  ' __(memcpy|snprintf|vsnprintf)_chk' "$SYMBOLS"

[ "$FAULTS" -eq 0 ] || exit 1
echo "$PROGRAM: hardened"
