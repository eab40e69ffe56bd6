#!/usr/bin/env bash
# A private PostgreSQL that a test stops and starts: reads `stop` (orderly),
# `stop-now` (as by a crash) and `start` from standard input and answers each
# with `down` or the server's URL; it is up at first, and gone when the input
# ends. `standby` makes a standby of it and answers with its URL; `promote`
# makes that one a primary.
# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/postgres.sh
source "$ROOT/scripts/lib/postgres.sh"

export PG_FSYNC=off
scratch_dir DIR
pg_start "$DIR/postgres"
PORT=$PG_PORT
echo "$PG_URL"

start_standby() {
  mkdir -- "$DIR/standby"
  [ "$(id -u)" -ne 0 ] || chown postgres: -- "$DIR/standby"
  pg_as "$PG_BIN/pg_basebackup" --dbname="$PG_URL" --pgdata="$DIR/standby/data" \
    --write-recovery-conf --checkpoint=fast --no-sync >&2
  pg_start "$DIR/standby" 0 hot_standby=on
}

promote() {
  pg_as "$PG_BIN/pg_ctl" promote -s -w -t 60 -D "$DIR/standby/data" >&2
}

while read -r word; do
  case $word in
    stop) pg_stop "$DIR/postgres" && echo down ;;
    stop-now) pg_ctl_stop "$DIR/postgres" immediate 30 && echo down ;;
    start) pg_start "$DIR/postgres" "$PORT" && echo "$PG_URL" ;;
    standby) start_standby && STANDBY=$PG_URL && echo "$STANDBY" ;;
    promote) promote && echo "$STANDBY" ;;
    *) die "unknown word $word" ;;
  esac
done
