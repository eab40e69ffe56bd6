# Where batchsync's own time goes, by perf: the share of each function in each
# scenario.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='where the time goes' MINUTES=2

# shares: what perf reports, as JSON; functions without a name as one, and all
# below half a percent as one, a library each.
shares() {
  awk -F '|' '
    NF >= 3 {
      gsub(/[ %]/, "", $1); gsub(/ /, "", $2)
      sub(/^ *\[.\] */, "", $3); gsub(/ +$/, "", $3); gsub(/["\\]/, "", $3)
      if ($3 ~ /^0x/) $3 = "without a name"
      share[$2 "|" $3] += $1 / 100
    }
    END {
      for (key in share) {
        split(key, part, "|")
        if (share[key] >= 0.005) print part[1] "|" part[2] "|" share[key]
        else rest[part[1]] += share[key]
      }
      for (library in rest) print library "|all others|" rest[library]
    }' | sort |
    awk -F '|' -v scenario="$SCENARIO" '{
      printf "{\"scenario\":\"%s\",\"library\":\"%s\",\"symbol\":\"%s\"," \
        "\"share\":%.4f}\n", scenario, $1, $2, $3 }'
}

# profile SCENARIO DATABASE: one sync under perf.
profile() {
  SCENARIO=$1
  UNDER=(perf record -q -e cpu-clock -F 2999 -o "$DIR/perf.data" --)
  run_subject batchsync "$2"
  UNDER=()
  say "$SCENARIO: ${SAMPLE[0]}"
  perf report -i "$DIR/perf.data" --stdio -q -t '|' -F overhead,dso,sym \
    2>"$DIR/perf.log" | shares >>"$DIR/measured"
}

scenarios() {
  local d=$DIMENSIONS
  embedder 0
  coordinator "$N"
  subject batchsync
  fresh synced "$TEMPLATE"
  profile "first load, $d, 0 ms" synced
  sql synced 'VACUUM ANALYZE'
  [ "$d" -eq 256 ] || return 0
  profile "unchanged, $d" synced
  embedder 50
  coordinator "$N" 1
  profile "1% changed, $d, 50 ms" synced
}

measure() {
  ROUND=1 N=$MANY
  if ! perf record -q -e cpu-clock -o "$DIR/perf.data" -- true 2>/dev/null; then
    skip 'the profile' 'there is no perf here, or it may not be used'
    return
  fi
  for DIMENSIONS in 256 1536; do
    scenarios
  done
}
