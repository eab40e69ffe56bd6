# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='a coordinator of 300 ms a page, one page at a time and four' MINUTES=3

# Nothing has changed, so that the coordinator is all there is to wait for.
fetches_round() {
  export BATCH_SYNC_FETCHES
  for BATCH_SYNC_FETCHES in 1 4; do
    again "batchsync, $BATCH_SYNC_FETCHES at a time" synced
  done
}

measure() {
  N=$FEW DIMENSIONS=256
  export BATCH_SYNC_LIMIT=$((N / 100))
  keep batchsync synced
  coordinator "$N" 0 550 1 300
  rounds "$N x $DIMENSIONS" fetches_round
}
