# What documents cost: pages of 300 of them, and one alone. x is the bytes of
# one as JSON, page_bytes those of its page.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='documents of 1 KB to 8 MB' MINUTES=3

# documents SCENARIO ITEMS BYTES: as many on a page, once a round.
documents() {
  N=$2 SCENARIO=$1
  export BATCH_SYNC_LIMIT=$N
  coordinator "$N" 0 "$3"
  subject batchsync
  for ((ROUND = 1; ROUND <= ROUNDS; ROUND++)); do
    fresh run "$TEMPLATE"
    run_subject batchsync run
    record batchsync "x=$ITEM_BYTES" "page_bytes=$((N * ITEM_BYTES))" \
      "${SAMPLE[@]}"
  done
}

measure() {
  local bytes sizes=(1000 3000 10000 30000 100000 200000)
  local alone=(300000 1000000 4000000 8000000)
  PIECES=true DIMENSIONS=256
  embedder 0
  if $QUICK; then
    sizes=(1000 100000) alone=(1000000)
  fi
  for bytes in "${sizes[@]}"; do
    documents page 300 "$bytes"
  done
  for bytes in "${alone[@]}"; do
    documents alone 1 "$bytes"
  done
}
