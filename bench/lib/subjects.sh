# Who is measured, and how a measurement is taken and kept. Source after
# world.sh. A measurement is of a subject, in a round of a SCENARIO, with N
# items of DIMENSIONS.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154

LIMIT='limit: unnest from memory, 2 connections'
BOUND='limit: workers x 50 / latency'
REQUESTS='the requests alone, answers unread'
PULL='the pull alone'
PEERS=('design, in Node' 'LangChain addDocuments' 'LangChain index()'
  'LlamaIndex IngestionPipeline')

# Peers are the libraries of bench/peers; they need Node 20.
has_node_20() {
  printf 'v20\n%s\n' "$(node --version)" | sort -CV
}
has_node_20 || PEERS=()

UNDER=() # what a subject is run under: a profiler

# subject NAME: how it is run (COMMAND), on which database (TEMPLATE), and what
# it has stored (STORED).
subject() {
  STORED='SELECT content_text, embedding FROM vector_embeddings'
  UNTIL=()
  COMMAND=("$BUILD/batchsync" sync --json)
  export KG_ENABLED=false
  case $1 in
    *queue)
      KG_ENABLED=true
      UNTIL=(--stop-at 'the run has ended')
      template lean
      ;;
    *linked)
      KG_ENABLED=true
      # The vector index is built after the last edge.
      UNTIL=(--stop-at "linked $N items")
      template lean
      ;;
    *indexes) template adopted ;;
    *plan)
      COMMAND=("$BUILD/batchsync" plan --json)
      template lean
      ;;
    batchsync*) template lean ;;
    design*)
      COMMAND=(node "$ROOT/bench/peers/design.mjs")
      template lean
      ;;
    *)
      template plain
      STORED='SELECT text, embedding FROM items'
      case $1 in
        *addDocuments) COMMAND=(node "$ROOT/bench/peers/langchain.mjs" add) ;;
        *'index()') COMMAND=(node "$ROOT/bench/peers/langchain.mjs" index) ;;
        LlamaIndex*)
          COMMAND=(node "$ROOT/bench/peers/llamaindex.mjs")
          STORED='SELECT document, embeddings FROM llamaindex_embedding'
          ;;
        *) die "no subject $1" ;;
      esac
      ;;
  esac
}

# Inserted, changed and deleted rows, but for the ledger's own.
written() {
  sql "$1" "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)
    FROM pg_stat_user_tables WHERE relname NOT LIKE 'batch_sync%runs'"
}

# own_seconds: what the program says it took, without its start and its end, if
# it says that.
own_seconds() {
  if [ "${COMMAND[0]}" = node ]; then
    cat "$DIR/out"
  else
    sed -n 's/.*"duration_ms":\([0-9]*\).*/\1e-3/p' "$DIR/out"
  fi
}

# rows DATABASE: how many rows there must be: N, or where long texts are stored
# in PIECES, as many as there are, of N items.
rows() {
  local rows=$N items=$N
  ! ${PIECES:-false} || read -r rows items <<<"$(sql "$1" "SELECT count(*),
    count(DISTINCT content_id) FROM vector_embeddings")"
  [ "$items" -eq "$N" ] || die "$1: $items items instead of $N"
  echo "$rows"
}

# run_subject NAME DATABASE: one sync, its outcome checked. Sets SAMPLE.
run_subject() {
  local before took own cpu kib requests billed unique rows
  subject "$1"
  embedder_stats >/dev/null
  before=$(written "$2")
  export DATABASE_URL=$SERVER/$2 EMBEDDING_DIMENSIONS=$DIMENSIONS
  took=$("$BIN/bench_measure" "$DIR/out" "$DIR/err" "${UNTIL[@]}" \
    "${UNDER[@]}" "${COMMAND[@]}") ||
    { tail -n 20 "$DIR/out" "$DIR/err" >&2; die "$1 failed"; }
  read -r took cpu kib <<<"$took"
  own=$(own_seconds)
  SAMPLE=()
  [ -z "$own" ] || SAMPLE=("around=$(calc "$took - $own")")
  # Loading their libraries is not held against the peers.
  [ "${COMMAND[0]}" != node ] || took=$own
  read -r requests _ billed unique <<<"$(embedder_stats)"
  sleep 0.3 # the server's counters come a little later
  SAMPLE+=("seconds=$took" "cpu=$cpu" "kib=$kib"
    "requests=$requests" "billed=$billed" "unique=$unique" "written=$(($(written "$2") - before))")
  rows=$(rows "$2")
  check "$2" "$rows"
}

# calc EXPRESSION: its value.
calc() {
  awk "BEGIN { printf \"%.6f\", $1 }"
}

# record SUBJECT KEY=NUMBER...: keep a measurement.
record() {
  local subject=$1 field
  shift
  {
    printf '{"scenario":"%s","subject":"%s","round":%d,"items":%d' \
      "$SCENARIO" "$subject" "$ROUND" "$N"
    for field in "dimensions=$DIMENSIONS" "$@"; do
      printf ',"%s":%s' "${field%%=*}" "${field#*=}"
    done
    printf '}\n'
  } >>"$DIR/measured"
  field=$*
  say "$SCENARIO, round $ROUND: $subject: ${field:0:200}"
}

# rounds SCENARIO CMD...: CMD once a round.
rounds() {
  SCENARIO=$1
  shift
  for ((ROUND = 1; ROUND <= ROUNDS; ROUND++)); do
    "$@"
  done
}

# --- what is done -----------------------------------------------------------

# first SUBJECT: a first load into a fresh database.
first() {
  subject "$1"
  fresh run "$TEMPLATE"
  run_subject "$1" run
  record "$1" "${SAMPLE[@]}"
}

# again SUBJECT DATABASE: a sync of what is there already.
again() {
  run_subject "$1" "$2"
  record "$1" "${SAMPLE[@]}"
}

# keep SUBJECT DATABASE: a synced database for those who need one.
keep() {
  embedder 0
  coordinator "$N"
  subject "$1"
  fresh "$2" "$TEMPLATE"
  run_subject "$1" "$2"
  sql "$2" 'VACUUM ANALYZE'
}

# limit NAME HOW: the rows of the database `synced` from memory into a fresh
# one.
limit() {
  local took
  subject batchsync
  fresh run "$TEMPLATE"
  took=$(timeout "$MOST" "$BIN/bench_limit" "$2" "$SERVER/synced" \
    "$SERVER/run") || die "bench_limit failed"
  check run "$N"
  record "$1" "seconds=$took"
}

# requests NAME: what is to be embedded, asked for by a driver that looks at no
# answer and does nothing else.
requests() {
  local rate
  rate=$(timeout "$MOST" "$BIN/bench_load" "$EMBEDDER_PORT" "$DIMENSIONS" \
    "$WORKERS" $((N / CHUNK))) || die "bench_load failed"
  record "$1" "seconds=$(calc "$N / $rate")"
}

# pull NAME STEP: all pages, as far as STEP.
pull() {
  local took
  took=$(timeout "$MOST" "$BIN/bench_pull" "$COORDINATOR_GRPC_ENDPOINT" "$N" \
    "$PAGE" "$2" "$ROOT/bench/services/bench-items.json") ||
    die "bench_pull failed"
  record "$1" "seconds=$took"
}

# skip WHAT WHY: what is not measured, said where its results would be.
skip() {
  printf '{"skipped":"%s","why":"%s"}\n' "$1" "$2" >>"$DIR/measured"
  say "$NAME: $1: left out: $2"
}
