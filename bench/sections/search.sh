# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='searches of the demo by vector, by words and by both' MINUTES=3

# shellcheck source=bench/lib/serve.sh
source "$ROOT/bench/lib/serve.sh"

# The demo's records with the builtin embedder, and all queries in each way.
measure() {
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
  export EMBEDDING_PROVIDER=builtin BATCH_SYNC_FULL_TEXT=true
  export SCHEMA_DIR=$ROOT/schema/services
  unset BATCH_SYNC_SERVICES EMBEDDING_MODEL
  DIMENSIONS=1536
  fresh run plain
  KG_ENABLED=true DATABASE_URL=$SERVER/run "$BUILD/batchsync" sync \
    >"$DIR/sync.log" 2>&1 || die "no sync: $(tail -n 5 "$DIR/sync.log")"
  serve run
  node "$ROOT/bench/search/ask.mjs" "http://127.0.0.1:$PORT" >>"$DIR/measured"
  reap "$SERVE"
}
