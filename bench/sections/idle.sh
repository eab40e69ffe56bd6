# The service: how soon it is ready, what it costs when there is nothing to do,
# and how it answers while it syncs as fast as it can.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='the service: ready, idle, and while it syncs' MINUTES=3
# shellcheck source=bench/lib/serve.sh
source "$ROOT/bench/lib/serve.sh"

PATHS=(/health /admin/batch-sync/runs)

ready() {
  local took
  template lean
  export DATABASE_URL=$SERVER/$TEMPLATE EMBEDDING_DIMENSIONS=$DIMENSIONS
  export HOST=127.0.0.1 PORT
  for ((ROUND = 1; ROUND <= 10; ROUND++)); do
    PORT=$(free_port)
    took=$("$BIN/bench_ready" "$PORT" /readyz "$BUILD/batchsync" serve \
      2>"$DIR/ready.log") ||
      die "the service is not ready: $(tail -n 5 "$DIR/ready.log")"
    record ready "seconds=$took"
  done
}

idle() {
  local for_seconds=30 before
  ! $QUICK || for_seconds=5
  ROUND=1
  template lean
  fresh run "$TEMPLATE"
  serve run
  sleep 5
  before=$(cpu_of "$SERVE")
  sleep "$for_seconds"
  record idle "for_seconds=$for_seconds" "kib=$(kib_of "$SERVE")" \
    "cpu_share=$(calc "($(cpu_of "$SERVE") - $before) / $for_seconds")"
  reap "$SERVE"
}

# flat_out ENCODING EVERY_MS TEXT: a run, the paths asked for meanwhile.
flat_out() {
  local took path latency fields=()
  export EMBEDDING_ENCODING=$1
  template lean
  fresh run "$TEMPLATE"
  serve run
  took=$(timeout "$MOST" "$BIN/bench_ask" "$PORT" "$2" "${PATHS[@]}") ||
    die "the service does not answer: $(tail -n 5 "$DIR/serve.log")"
  {
    read -r latency
    fields+=("seconds=$latency")
    for path in health runs; do
      read -r latency
      fields+=("$path=[${latency// /,}]")
    done
  } <<<"$took"
  fields+=("kib=$(kib_of "$SERVE")" "metrics=$(loop_metrics)")
  reap "$SERVE"
  STORED='SELECT content_text, embedding FROM vector_embeddings'
  check run "$N"
  record "flat out, $1, $3" "${fields[@]}"
}

flat_out_round() {
  flat_out base64 5 'a request every 5 ms'
  flat_out float 5 'a request every 5 ms'
  flat_out base64 0 'one request after another'
}

measure() {
  SCENARIO=service N=$MANY
  embedder 0
  coordinator "$N"
  DIMENSIONS=1536
  ready
  idle
  rounds service flat_out_round
}
