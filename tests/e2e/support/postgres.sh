#!/usr/bin/env bash
# A private PostgreSQL that a test stops and starts: reads `stop` (orderly),
# `stop-now` (as by a crash) and `start` from standard input and answers each
# with `down` or the server's URL; it is up at first, and gone when the input
# ends.
# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/postgres.sh
source "$ROOT/scripts/lib/postgres.sh"

export PG_FSYNC=off
scratch_dir DIR
pg_start "$DIR/postgres"
PORT=$PG_PORT
echo "$PG_URL"
while read -r word; do
  case $word in
    stop) pg_stop "$DIR/postgres" && echo down ;;
    stop-now) pg_ctl_stop "$DIR/postgres" immediate 30 && echo down ;;
    start) pg_start "$DIR/postgres" "$PORT" && echo "$PG_URL" ;;
    *) die "unknown word $word" ;;
  esac
done
