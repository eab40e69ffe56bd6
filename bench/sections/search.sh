# How well searches find, and how soon. What they find is asked of the demo's
# records, with embedders that need no network, peers beside it in the same
# rows. How long they take is measured over more rows, made of the demo's,
# alone and while first loads go through both indexes.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='searches by vector, by words and by both' MINUTES=11

# shellcheck source=bench/lib/serve.sh
source "$ROOT/bench/lib/serve.sh"
# shellcheck source=scripts/lib/node.sh
source "$ROOT/scripts/lib/node.sh"

# The demo's coordinator, and what is the same for all embedders.
demo() {
  node_deps "$ROOT/examples/coordinator"
  spawn "$DIR/demo.log" node "$ROOT/examples/coordinator/server.mjs" \
    --port 0 --http-port 0
  wait_for 30 grep -q '^ready ' "$DIR/demo.log" ||
    die "the demo coordinator did not start: $(cat "$DIR/demo.log")"
  COORDINATOR_GRPC_ENDPOINT=$(sed -n 's/^ready grpc=\([^ ]*\).*/\1/p' \
    "$DIR/demo.log")
  COORDINATOR_HTTP_URL=$(sed -n 's/^ready .*http=\([^ ]*\).*/\1/p' \
    "$DIR/demo.log")
  export COORDINATOR_GRPC_ENDPOINT COORDINATOR_HTTP_URL
  export BATCH_SYNC_FULL_TEXT=true SCHEMA_DIR=$ROOT/schema/services
  unset BATCH_SYNC_SERVICES EMBEDDING_MODEL
}

# filled: the demo's records in the database `run`, and the service over them.
filled() {
  template plain
  fresh run "$TEMPLATE"
  DATABASE_URL=$SERVER/run EMBEDDING_DIMENSIONS=$DIMENSIONS "$BUILD/batchsync" \
    sync >"$DIR/sync.log" 2>&1 || die "no sync: $(tail -n 5 "$DIR/sync.log")"
  serve run
}

# by EMBEDDER VECTORS: all queries in each way, and the peers; VECTORS is
# bench_vectors' word for the embedder.
by() {
  filled
  node "$ROOT/bench/search/ask.mjs" "http://127.0.0.1:$PORT" "$1" \
    >>"$DIR/measured"
  reap "$SERVE"
  ! has_node_20 || node "$ROOT/bench/search/peers.mjs" "$SERVER/run" "$1" \
    "$BIN/bench_vectors" "$2" >>"$DIR/measured"
}

# cost MODEL WHAT: the speed and the memory of a static model, by the demo's
# texts.
cost() {
  local per_second kib
  read -r per_second kib <<<"$("$BIN/bench_vectors" "$1" speed <"$DIR/texts")"
  printf '{"static":"%s","per_second":%s,"kib":%s}\n' \
    "$2" "$per_second" "$kib" >>"$DIR/measured"
}

# The demo's own model, where npm can be reached.
by_model() {
  local model=$DIR/model
  if ! (node_deps "$ROOT/examples/model" &&
    node "$ROOT/examples/model/make.mjs" "$model") >"$DIR/model.log" 2>&1; then
    skip 'static vectors' "there is no model: $(tail -n 1 "$DIR/model.log")"
    return
  fi
  export EMBEDDING_PROVIDER=static EMBEDDING_MODEL_PATH=$model
  DIMENSIONS=
  by static "$model"
  node "$ROOT/bench/search/model.mjs" "$model" "$DIR/usual"
  sql run 'SELECT content_text FROM vector_embeddings ORDER BY md5(id)' \
    >"$DIR/texts"
  cost "$model" "the demo's, 1,024 dimensions of 8 bits"
  cost "$DIR/usual" '256 dimensions of 32 bits, as most are published'
  export EMBEDDING_PROVIDER=builtin
  unset EMBEDDING_MODEL_PATH
}

# shellcheck disable=SC2317  # called by wait_for
has_text_index() {
  [ -n "$(sql run "SELECT 1 FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisvalid
    AND c.relname LIKE 'idx_vector_embeddings_text_%'")" ]
}

# larger: the database `run`, of more rows, with both indexes; the words' is in
# the demo's languages.
larger() {
  local rows=$1
  filled
  reap "$SERVE"
  "$PG_BIN/psql" -Xq -v ON_ERROR_STOP=1 -v rows="$rows" -d "$SERVER/run" \
    -f "$ROOT/bench/search/rows.sql" >"$DIR/rows.log" 2>&1 ||
    die "no rows: $(tail -n 5 "$DIR/rows.log")"
  serve run
  wait_for "$MOST" has_text_index || die "there is no full-text index"
  reap "$SERVE"
  sql run 'ANALYZE vector_embeddings'
}

# soon SCENARIO ROWS: how long searches take.
soon() {
  node "$ROOT/bench/search/speed.mjs" "http://127.0.0.1:$PORT" "$1" "$2" \
    >>"$DIR/measured"
}

# flat_out: a first load by the service, whose embedder is in process.
flat_out() {
  curl -fsS -m 10 -X POST -o "$DIR/out" -H 'Prefer: respond-async' \
    "http://127.0.0.1:$PORT/admin/batch-sync/trigger" ||
    die "no run: $(tail -n 5 "$DIR/serve.log")"
}

# paced DATABASE: a first load by a process of its own, whose provider takes its
# time; the searches' queries are still embedded in process. Sets LOAD.
paced() {
  embedder 50
  spawn "$DIR/paced.log" env DATABASE_URL="$SERVER/$1" EMBEDDING_MODEL=bench \
    EMBEDDING_PROVIDER=openai EMBEDDING_DIMENSIONS="$DIMENSIONS" \
    "$BUILD/batchsync" sync
  LOAD=$SPAWNED
  wait_for "$MOST" grep -q '"message":"page: ' "$DIR/paced.log" ||
    die "no load: $(tail -n 5 "$DIR/paced.log")"
}

# speed: alone and beside loads, which are of another service and outlast the
# searches.
speed() {
  local rows=$MANY
  ! $QUICK || rows=10000
  larger "$rows"
  coordinator 100000
  export BATCH_SYNC_SERVICES=bench-items SCHEMA_DIR=$ROOT/bench/services
  fresh paced run
  serve run
  soon alone "$rows"
  flat_out
  soon 'beside a first load, flat out' "$rows"
  reap "$SERVE"
  serve paced
  paced paced
  soon 'beside a first load, a provider of 50 ms' "$rows"
  alive "$LOAD" || die "the load ended first: $(tail -n 5 "$DIR/paced.log")"
  reap "$LOAD"
  reap "$SERVE"
}

measure() {
  demo
  export EMBEDDING_PROVIDER=builtin
  DIMENSIONS=1536
  by builtin "$DIMENSIONS"
  by_model
  DIMENSIONS=512
  speed
}
