# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='first loads, an embedder of 0 ms' MINUTES=12

# What the servers give to drivers that do nothing with it.
servers_alone() {
  local rate
  SCENARIO=servers ROUND=1 N=$FEW
  embedder 0
  coordinator "$N"
  DIMENSIONS=0
  pull "$PULL" pull
  for DIMENSIONS in 256 1536; do
    rate=$(timeout "$MOST" "$BIN/bench_load" "$EMBEDDER_PORT" "$DIMENSIONS" \
      "$WORKERS" 1000) || die "bench_load failed"
    record vectors "per_second=$rate"
  done
}

load_round() {
  local peer
  limit "$LIMIT" unnest
  first batchsync
  limit 'limit: COPY BINARY, 2 connections' copy
  first 'batchsync, link queue'
  first 'batchsync, adopted indexes'
  [ "$N" -eq "$FEW" ] || return 0
  for peer in "${PEERS[@]}"; do
    first "$peer"
  done
}

measure() {
  servers_alone
  for N in "$FEW" "$MANY"; do
    for DIMENSIONS in 256 1536; do
      keep batchsync synced
      rounds "$N x $DIMENSIONS" load_round
    done
  done
}
