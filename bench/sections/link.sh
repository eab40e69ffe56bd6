# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='linking: to the last edge, by method, beside a run' MINUTES=9

# shellcheck source=bench/lib/serve.sh
source "$ROOT/bench/lib/serve.sh"

LINK_FLOOR='floor: exact in one thread, then plain SQL'

# recall: of the nearest that 200 items have, by brute force, how many are
# linked.
recall() {
  sql run "WITH s AS (SELECT id, content_id, embedding FROM vector_embeddings
      ORDER BY md5(content_id) LIMIT 200),
    t AS (SELECT 'content:' || s.content_id AS source,
        'content:' || d.content_id AS target
      FROM s CROSS JOIN LATERAL (SELECT v.content_id,
        v.embedding <=> s.embedding AS distance FROM vector_embeddings v
        WHERE v.id <> s.id
        ORDER BY (v.embedding <=> s.embedding) + 0 LIMIT 10) d
      WHERE 1 - d.distance > 0.70)
    SELECT count(e.id)::float8 / count(*) FROM t
      LEFT JOIN knowledge_graph_edges e
      ON e.source_node_id = t.source AND e.target_node_id = t.target"
}

# writes: seconds for the nodes and edges of the database `run` in plain SQL,
# from tables that the server has in memory.
writes() {
  local from
  sql run 'CREATE TABLE n AS TABLE knowledge_graph_nodes;
    CREATE TABLE e AS TABLE knowledge_graph_edges;
    TRUNCATE knowledge_graph_nodes, knowledge_graph_edges'
  from=$EPOCHREALTIME
  sql run 'INSERT INTO knowledge_graph_nodes SELECT * FROM n ORDER BY node_id'
  sql run 'INSERT INTO knowledge_graph_edges SELECT * FROM e
    ORDER BY source_node_id, target_node_id'
  calc "$EPOCHREALTIME - $from"
}

# link_floor: what linking can hardly be below, and how much of what is near has
# been linked.
link_floor() {
  local compute writes recall
  recall=$(recall)
  compute=$("$BIN/bench_nearest" "$N" "$DIMENSIONS")
  writes=$(writes)
  record "$LINK_FLOOR" "seconds=$(calc "$compute + $writes")" \
    "compute=$compute" "writes=$writes" "recall=$recall"
}

# linked METHOD: links what the database `run` has, anew (bench/link.c).
linked() {
  local took each
  sql run 'TRUNCATE knowledge_graph_edges, knowledge_graph_nodes,
    batch_sync_links, batch_sync_link_queue'
  sql postgres CHECKPOINT
  read -r took each <<<"$(timeout "$MOST" "$BIN/bench_link" "$1" \
    "$SERVER/run" 2>"$DIR/err")" ||
    { tail -n 5 "$DIR/err" >&2; die "bench_link $1 failed"; }
  SAMPLE=("seconds=$took" "per_second=$each")
}

# By the index, which a load of this size would not be, and what is declared.
other_methods() {
  local from
  from=$EPOCHREALTIME
  sql run 'CREATE INDEX idx_vector_embeddings_embedding_hnsw ON
    vector_embeddings USING hnsw (embedding vector_cosine_ops)
    WITH (m = 16, ef_construction = 64)'
  from=$(calc "$EPOCHREALTIME - $from")
  linked index
  record 'linking, by the index' "${SAMPLE[@]}" "build=$from" \
    "recall=$(recall)"
  linked declared
  record 'links, declared' "${SAMPLE[@]}"
}

link_round() {
  local nodes
  first batchsync
  [ "$ROUND" -gt 1 ] || [ "$N" -gt 20000 ] || other_methods
  first 'batchsync, linked'
  nodes=$(sql run "SELECT (SELECT count(*) FROM knowledge_graph_nodes),
    (SELECT count(*) FROM batch_sync_link_queue)")
  [ "$nodes" = "$N 0" ] ||
    die "$nodes nodes and queued items instead of $N and 0"
  link_floor
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
  if ! $QUICK; then
    N=100000 ROUND=1 SCENARIO="100000 x $DIMENSIONS"
    coordinator "$N"
    link_round
  fi
  N=5000
  ! $QUICK || N=1000
  queued
  rounds beside beside_round
}
