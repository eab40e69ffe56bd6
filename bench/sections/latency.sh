# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='first loads, an embedder of 50 ms' MINUTES=12

latency_round() {
  local peer
  coordinator "$N"
  record "$BOUND" "seconds=$(calc "$N * 0.05 / $WORKERS / $CHUNK")"
  embedder 50
  requests "$REQUESTS"
  first batchsync
  embedder 50 20
  first 'batchsync, 20 ms jitter'
  embedder 50
  [ "$N" -eq "$FEW" ] || return 0
  for peer in "${PEERS[@]}"; do
    first "$peer"
  done
}

measure() {
  for N in "$FEW" "$MANY"; do
    for DIMENSIONS in 256 1536; do
      rounds "$N x $DIMENSIONS" latency_round
    done
  done
}
