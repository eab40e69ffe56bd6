# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='one item in a hundred has changed, 50 ms' MINUTES=2

# There and back again, so that a round finds the last one's revision stored.
changed_round() {
  embedder 50
  coordinator "$N" $(((ROUND + 1) % 2))
  again 'batchsync, unchanged' synced
  coordinator "$N" $((ROUND % 2))
  again batchsync synced
}

measure() {
  for N in "$FEW" "$MANY"; do
    for DIMENSIONS in 256 1536; do
      keep batchsync synced
      rounds "$N x $DIMENSIONS" changed_round
    done
  done
}
