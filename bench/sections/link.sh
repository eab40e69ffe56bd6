# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='first loads with and without linking' MINUTES=3

# shellcheck source=bench/lib/serve.sh
source "$ROOT/bench/lib/serve.sh"

link_round() {
  local nodes
  first batchsync
  first 'batchsync, linked'
  nodes=$(sql run "SELECT (SELECT count(*) FROM knowledge_graph_nodes),
    (SELECT count(*) FROM batch_sync_link_queue)")
  [ "$nodes" = "$N 0" ] ||
    die "$nodes nodes and queued items instead of $N and 0"
}

# Two services of N items each: one that is stored, indexed and waits to be
# linked, and one that is synced.
queued() {
  several 2 "$((2 * N))"
  subject 'batchsync, link queue'
  fresh queued "$TEMPLATE"
  BATCH_SYNC_SERVICES=bench-items-0
  run_subject 'batchsync, link queue' queued
  BATCH_SYNC_SERVICES=bench-items-1
  sql queued 'CREATE INDEX idx_vector_embeddings_embedding_hnsw ON
    vector_embeddings USING hnsw (embedding vector_cosine_ops)
    WITH (m = 16, ef_construction = 64)'
}

# beside GRAPH SUBJECT: a run of the second service, with linking beside it or
# not.
beside() {
  local before took
  fresh run queued
  serve run "$1"
  before=$(link_seconds)
  took=$(trigger)
  record "$2" "seconds=$took" "link=$(calc "$(link_seconds) - $before")"
  reap "$SERVE"
  check run "$((2 * N))"
}

beside_round() {
  beside false 'a run alone'
  beside true 'a run with linking beside it'
}

measure() {
  local sizes=(1000 5000 20000)
  ! $QUICK || sizes=(200 2000)
  DIMENSIONS=256
  embedder 0
  for N in "${sizes[@]}"; do
    coordinator "$N"
    rounds "$N x $DIMENSIONS" link_round
  done
  N=5000
  ! $QUICK || N=1000
  queued
  rounds beside beside_round
}
