# The service: how soon it is ready, what it costs when there is nothing to do,
# and how it answers while it syncs as fast as it can.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='the service: ready, idle, and while it syncs' MINUTES=3
# shellcheck source=bench/lib/serve.sh
source "$ROOT/bench/lib/serve.sh"

PATHS=(/health /admin/batch-sync/runs) WRK_SECONDS=3

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

# The same, as wrk sees it: four connections that ask one request after another
# for three seconds of the run.
under_wrk() {
  local path wrk running=()
  export EMBEDDING_ENCODING=base64
  for path in "${PATHS[@]}"; do
    template lean
    fresh run "$TEMPLATE"
    serve run
    trigger >"$DIR/took" &
    running=("$!")
    sleep 0.3
    wrk=$(wrk -t 1 -c 4 -d "${WRK_SECONDS}s" --latency \
      "http://127.0.0.1:$PORT$path")
    alive "${running[0]}" || die "the run was over before wrk was"
    wait "${running[0]}"
    reap "$SERVE"
    check run "$N"
    record "wrk, $path" "seconds=$(<"$DIR/took")" "$(wrk_field 50% p50)" \
      "$(wrk_field 99% p99)" "$(wrk_field Requests/sec: per_second)"
  done
}

# wrk_field WORD NAME: NAME=the number that stands behind WORD in what wrk has
# said, in seconds if it is a time.
wrk_field() {
  awk -v word="$1" -v name="$2" '$1 == word {
    value = $2 + 0
    if ($2 ~ /us$/) value /= 1e6
    else if ($2 ~ /ms$/) value /= 1e3
    printf "%s=%.9f", name, value
  }' <<<"$wrk"
}

flat_out_round() {
  flat_out base64 5 'a request every 5 ms'
  flat_out float 5 'a request every 5 ms'
  flat_out base64 0 'one request after another'
  under_wrk
}

measure() {
  SCENARIO=service N=$MANY
  if $QUICK; then # long enough for wrk
    N=$((5 * MANY)) WRK_SECONDS=1
  fi
  embedder 0
  coordinator "$N"
  DIMENSIONS=1536
  ready
  idle
  rounds service flat_out_round
}
