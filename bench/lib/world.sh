# What is measured runs in this world: a private PostgreSQL, coordinators and
# embedders, each started when it is first needed. Source after common.sh and
# postgres.sh; DIR is a scratch directory.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154

BUILD=$ROOT/build-bench BIN=$ROOT/build-bench/bench
PAGE=1000 CHUNK=50 WORKERS=5
MOST=600 # seconds that anything may take

# world: the environment of those who are measured, and the database server.
world() {
  local name
  # What a user has set for batchsync must not lead anyone astray here.
  while read -r name; do
    unset "$name"
  done < <(compgen -e | grep -E \
    '^(BATCH_SYNC|COORDINATOR|EMBEDDING|OPENAI|GRPC|RAG|KG|LANGCHAIN|LOG)_')
  export EMBEDDING_MODEL=bench BATCH_SYNC_SERVICES=bench-items
  export BATCH_SYNC_LIMIT=$PAGE SCHEMA_DIR=$ROOT/bench/services
  # No checkpoint and no vacuum at a moment of their own choosing.
  pg_start "$DIR/postgres" 0 shared_buffers=512MB max_wal_size=16GB \
    checkpoint_timeout=1h autovacuum=off
  SERVER=${PG_URL%/*}
}

# --- servers ----------------------------------------------------------------

declare -A PORT_OF

# server NAME PROGRAM ARG...: start one of our servers, unless it runs.
server() {
  local name=$1 program=$2
  shift 2
  [ -z "${PORT_OF[$name]:-}" ] || return 0
  PORT_OF[$name]=$(free_port)
  spawn "$DIR/$name.log" "$BIN/$program" "${PORT_OF[$name]}" "$@"
  wait_for 120 grep -q ready "$DIR/$name.log" ||
    die "$program does not start: $(tail -n 3 "$DIR/$name.log")"
}

# coordinator ITEMS [REVISION [ITEM_BYTES [SERVICES [LATENCY_MS]]]]: what is
# synced from now on, in pages of BATCH_SYNC_LIMIT.
coordinator() {
  local name
  name=items-$(IFS=-; echo "$*-$BATCH_SYNC_LIMIT")
  server "$name" bench_coordinator "$1" "$BATCH_SYNC_LIMIT" "${2:-0}" \
    "${@:3}"
  export COORDINATOR_GRPC_ENDPOINT=127.0.0.1:${PORT_OF[$name]}
  ITEM_BYTES=$(sed -n 's/^ready //p' "$DIR/$name.log")
}

# several SERVICES ITEMS: so many services share so many items; all with one
# schema.
several() {
  coordinator "$2" 0 550 "$1"
  export SCHEMA_DIR=$DIR/schemas BATCH_SYNC_SERVICES=bench-items
  mkdir -p "$SCHEMA_DIR"
  cp "$ROOT/bench/services/bench-items.json" "$SCHEMA_DIR/_default.json"
  [ "$1" -eq 1 ] || BATCH_SYNC_SERVICES=$(seq -s, -f 'bench-items-%g' 0 \
    $(($1 - 1)))
}

# embedder LATENCY_MS [JITTER_MS]: who embeds from now on.
embedder() {
  local name=embedder-$1-${2:-0}
  server "$name" bench_embedder "$1" "${2:-0}"
  EMBEDDER_PORT=${PORT_OF[$name]}
  export OPENAI_API_URL=http://127.0.0.1:$EMBEDDER_PORT/v1
}

# embedder_stats: requests, texts, and tokens, billed and of texts that differ,
# since the last time.
embedder_stats() {
  curl -fsS -m 10 "http://127.0.0.1:$EMBEDDER_PORT/stats"
}

# --- databases --------------------------------------------------------------

# sql DATABASE QUERY: the answer, unaligned, its columns separated by spaces.
sql() {
  PGOPTIONS="-c client_min_messages=warning -c statement_timeout=${MOST}s" \
    "$PG_BIN/psql" -XAtq -F ' ' -v ON_ERROR_STOP=1 -d "$SERVER/$1" -c "$2"
}

# has DATABASE: is it there?
has() {
  [ -n "$(sql postgres "SELECT 1 FROM pg_database WHERE datname = '$1'")" ]
}

# The indexes that existing deployments have beside ours.
ADOPTED='
CREATE INDEX ON vector_embeddings (tenant_id);
CREATE INDEX ON vector_embeddings (content_id);
CREATE INDEX ON vector_embeddings (microservice_id);
CREATE INDEX ON vector_embeddings (content_type);
CREATE INDEX ON vector_embeddings (tenant_id, microservice_id);
CREATE INDEX ON vector_embeddings (tenant_id, content_type, microservice_id);'

# template KIND: make the database that others are copied from, unless it is
# there: plain (nothing but pgvector), lean (a fresh one) or adopted (with more
# indexes), the latter two for DIMENSIONS. Sets TEMPLATE.
template() {
  TEMPLATE=$1
  [ "$1" = plain ] || TEMPLATE=$1_$DIMENSIONS
  ! has "$TEMPLATE" || return 0
  sql postgres "CREATE DATABASE $TEMPLATE"
  if [ "$1" = plain ]; then
    sql plain "CREATE EXTENSION vector"
    return
  fi
  DATABASE_URL=$SERVER/$TEMPLATE EMBEDDING_DIMENSIONS=$DIMENSIONS \
    "$BUILD/batchsync" migrate >"$DIR/migrate.log" 2>&1 ||
    die "migrate failed: $(tail -n 5 "$DIR/migrate.log")"
  [ "$1" = lean ] || sql "$TEMPLATE" "$ADOPTED"
}

# fresh DATABASE TEMPLATE: a database just made, everything before it on disk.
fresh() {
  sql postgres "DROP DATABASE IF EXISTS $1"
  sql postgres "CREATE DATABASE $1 TEMPLATE $2"
  sql postgres CHECKPOINT
}

# check DATABASE ROWS: texts and vectors, all of them, by the query STORED.
# Ends everything if wrong.
check() {
  timeout "$MOST" "$BIN/bench_check" "$SERVER/$1" "$DIMENSIONS" "$2" \
    "$STORED" || die "$1: what is stored is not what should be"
}
