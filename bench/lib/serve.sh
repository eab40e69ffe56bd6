# The service as the subject. Source after world.sh.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154

# serve DATABASE [GRAPH]: start it there, with the graph if that is true. Sets
# SERVE (its process) and PORT.
serve() {
  export DATABASE_URL=$SERVER/$1 EMBEDDING_DIMENSIONS=$DIMENSIONS
  export KG_ENABLED=${2:-false} HOST=127.0.0.1 PORT
  PORT=$(free_port)
  spawn "$DIR/serve.log" "$BUILD/batchsync" serve
  SERVE=$SPAWNED
  wait_for 60 curl -fsS -m 5 "http://127.0.0.1:$PORT/readyz" ||
    die "the service is not ready: $(tail -n 5 "$DIR/serve.log")"
}

# trigger: a run, from the call to its answer; prints the seconds.
trigger() {
  curl -fsS -m "$MOST" -w '%{time_total}' -o "$DIR/out" -X POST \
    "http://127.0.0.1:$PORT/admin/batch-sync/trigger" ||
    die "no run: $(tail -n 5 "$DIR/serve.log")"
  grep -q '"success":true' "$DIR/out" ||
    die "the run failed: $(head -c 500 "$DIR/out")"
}

# cpu_of PID: seconds it has used so far, of all its threads.
cpu_of() {
  awk '{ ns += $1 } END { printf "%.6f", ns / 1e9 }' \
    /proc/"$1"/task/*/schedstat
}

# kib_of PID: its resident memory.
kib_of() {
  sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}

# link_seconds: what linking's requests to the database have taken so far.
link_seconds() {
  curl -fsS -m 10 "http://127.0.0.1:$PORT/metrics" | awk '
    /^batchsync_database_request_duration_seconds_sum.*"link"/ { s = $2 }
    END { printf "%.6f", s }'
}

# loop_metrics: the lines of /metrics about the event loop, as a JSON string.
loop_metrics() {
  curl -fsS -m 10 "http://127.0.0.1:$PORT/metrics" | awk '
    BEGIN { printf "\"" }
    /^batchsync_event_loop_/ { gsub(/"/, "\\\""); printf "%s\\n", $0 }
    END { printf "\"" }'
}
