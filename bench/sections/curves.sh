# How cost grows with each thing that can grow; x is how much there is of it.
# How it grows with the number of items is in the section memory.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='how cost grows with size, dimensions, workers, ...' MINUTES=4
# shellcheck source=bench/lib/serve.sh
source "$ROOT/bench/lib/serve.sh"

# point CURVE X: a first load, once a round.
point() {
  subject batchsync
  SCENARIO=$1
  for ((ROUND = 1; ROUND <= ROUNDS; ROUND++)); do
    fresh run "$TEMPLATE"
    run_subject batchsync run
    record batchsync "x=$2" "${SAMPLE[@]}"
  done
}

# All of about the same total, in pages that fit into a message.
item_sizes() {
  local bytes
  export BATCH_SYNC_LIMIT=100
  PIECES=true DIMENSIONS=256
  embedder 0
  for bytes in 100 300 1000 3000 10000 30000 100000; do
    N=$(((bytes < 5000 ? 10000 : 50000000 / bytes) / SMALLER + 100))
    N=$((N / 100 * 100))
    coordinator "$N" 0 "$bytes"
    point size "$ITEM_BYTES"
  done
  export BATCH_SYNC_LIMIT=$PAGE
  PIECES=false
}

dimensions() {
  embedder 0
  coordinator "$N"
  for DIMENSIONS in 64 128 256 512 1024 1536 2048 3072; do
    point dimensions "$DIMENSIONS"
  done
}

workers() {
  DIMENSIONS=256
  embedder 50
  coordinator "$N"
  for BATCH_SYNC_WORKERS in 1 2 5 10 20 40 64; do
    export BATCH_SYNC_WORKERS
    point workers "$BATCH_SYNC_WORKERS"
  done
  unset BATCH_SYNC_WORKERS
}

chunk_sizes() {
  DIMENSIONS=256
  embedder 0
  coordinator "$N"
  for BATCH_SYNC_CHUNK_SIZE in 1 2 5 10 20 50 100 200 500; do
    export BATCH_SYNC_CHUNK_SIZE
    point chunk "$BATCH_SYNC_CHUNK_SIZE"
  done
  unset BATCH_SYNC_CHUNK_SIZE
}

services() {
  local count
  DIMENSIONS=256
  embedder 0
  for count in 1 10 100 1000; do
    several "$count" "$N"
    point services "$count"
  done
}

# Services of one run, done by several processes. The embedder is what limits
# each one of them.
replicas() {
  local count i pids took
  SCENARIO=replicas DIMENSIONS=256 N=$((48000 / SMALLER))
  embedder 50
  several 8 "$N"
  for ((ROUND = 1; ROUND <= ROUNDS; ROUND++)); do
    for count in 1 2 4; do
      subject batchsync
      fresh run "$TEMPLATE"
      pids=()
      for ((i = 0; i < count; i++)); do
        serve run
        pids+=("$SERVE")
      done
      took=$(trigger)
      for i in "${pids[@]}"; do
        reap "$i"
      done
      check run "$N"
      record batchsync "x=$count" "seconds=$took"
    done
  done
}

measure() {
  SMALLER=1 ROUNDS=1 # the points beside it show what is noise
  ! $QUICK || SMALLER=20
  N=$((10000 / SMALLER))
  item_sizes
  N=$((10000 / SMALLER))
  dimensions
  workers
  N=$((5000 / SMALLER))
  chunk_sizes
  N=20000
  ! $QUICK || N=2000
  services
  replicas
}
