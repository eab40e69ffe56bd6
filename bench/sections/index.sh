# The vector index: built after the first load, as batchsync does in a fresh
# database, or there from the beginning, with every row going through it.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='the vector index after a load, or during it' MINUTES=8
# shellcheck source=bench/lib/serve.sh
source "$ROOT/bench/lib/serve.sh"

INDEX=idx_vector_embeddings_embedding_hnsw

# until_valid: wait for the index. No transaction of it lasts, since building
# waits for those that were there before.
until_valid() {
  sql run "DO \$\$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_index WHERE indisvalid
      AND indexrelid = to_regclass('$INDEX')) LOOP
      COMMIT;
      PERFORM pg_sleep(0.01);
      COMMIT;
    END LOOP;
  END \$\$"
}

# With the graph on: it is what the index is built for, as soon as the run has
# ended. What follows, linking, is ended.
after() {
  local start took load
  template lean
  fresh run "$TEMPLATE"
  serve run true
  start=$EPOCHREALTIME
  load=$(trigger)
  until_valid
  took=$(calc "$EPOCHREALTIME - $start")
  reap "$SERVE"
  check run "$N"
  record 'built after the load' "seconds=$took" "load=$load"
}

live() {
  local load
  template lean
  fresh run "$TEMPLATE"
  sql run "CREATE INDEX $INDEX ON vector_embeddings USING hnsw
    (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)"
  serve run
  load=$(trigger)
  reap "$SERVE"
  check run "$N"
  record 'there from the beginning' "seconds=$load" "load=$load"
}

index_round() {
  after
  live
}

measure() {
  local few=1000 sizes=(20000 200000)
  ! $QUICK || sizes=(2000)
  MOST=1200 DIMENSIONS=256
  STORED='SELECT content_text, embedding FROM vector_embeddings'
  embedder 0
  for N in "$few" "${sizes[@]}"; do
    # It takes long enough to be itself.
    [ "$N" -eq "$few" ] || ROUNDS=1
    coordinator "$N"
    rounds "$N x $DIMENSIONS" index_round
  done
}
