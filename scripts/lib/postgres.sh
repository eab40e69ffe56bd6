# A private PostgreSQL for a script: source this file after common.sh.
# shellcheck shell=bash
#
#   scratch_dir dir
#   pg_start "$dir"        # now PG_PORT and PG_URL say where it is
#   pg_psql -c 'CREATE EXTENSION vector'
#
# The server belongs to the script that started it: it listens on 127.0.0.1
# alone, trusts whoever connects there, and ends with the script. PostgreSQL
# refuses to run as root, so a script of root's runs it as the system's user
# `postgres`; DIR must be a place which that user can enter, such as one from
# scratch_dir (the checkout need not be one).

# What a user has set for other servers must not lead anyone astray here.
unset PGHOST PGHOSTADDR PGPORT PGDATABASE PGUSER PGPASSWORD PGPASSFILE \
  PGSERVICE PGOPTIONS PGSSLMODE PGDATA PGCLIENTENCODING

# pg_bin_dirs: print the folders with a server's programs, newest first.
# Distributions keep them out of PATH.
pg_bin_dirs() {
  local dir
  {
    printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV
    pg_config --bindir 2>/dev/null || true
    dirname -- "$(command -v initdb || true)"
  } | while read -r dir; do
    [ -x "$dir/initdb" ] && printf '%s\n' "$dir"
  done | cat
}

# pg_vector_version BIN_DIR: print the pgvector version this server would
# create; nothing if it has none.
pg_vector_version() {
  local control
  control=$("$1/pg_config" --sharedir 2>/dev/null)/extension/vector.control
  [ ! -f "$control" ] ||
    sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$control"
}

# pg_has_vector BIN_DIR: with iterative index scans, so 0.8 or newer?
pg_has_vector() {
  local version
  version=$(pg_vector_version "$1")
  [ -n "$version" ] && printf '0.8\n%s\n' "$version" | sort -CV
}

# pg_bin_dir: print the folder of the server to use: the newest one that has
# pgvector, else the newest. Fails if there is none.
pg_bin_dir() {
  local dir newest=
  while read -r dir; do
    newest=${newest:-$dir}
    if pg_has_vector "$dir"; then
      printf '%s\n' "$dir"
      return
    fi
  done < <(pg_bin_dirs)
  [ -n "$newest" ] && printf '%s\n' "$newest"
}

# Leads every command of the server's: its user, if this is root; English
# messages; a working directory it can stand in.
PG_AS=(env -C / LC_ALL=C.UTF-8 setpriv)
[ "$(id -u)" -ne 0 ] ||
  PG_AS+=(--reuid=postgres --regid=postgres --init-groups)

# pg_as CMD [ARG...]: run CMD as the server's user.
pg_as() {
  "${PG_AS[@]}" -- "$@"
}

# pg_psql ARG...: psql on the database of PG_URL; the first error ends it.
pg_psql() {
  "$PG_BIN/psql" --no-psqlrc --quiet --pset=pager=off --set=ON_ERROR_STOP=1 \
    --dbname="$PG_URL" "$@"
}

# pg_start DIR [PORT [SETTING=VALUE...]]: start the server of DIR, with an
# empty cluster if DIR has none yet, on PORT (none or 0: any free one), and
# wait until it answers. Sets PG_BIN (its programs), PG_PORT and PG_URL, the
# database `batchsync` as the superuser `batchsync`. The log is DIR/log.
# PG_FSYNC=off in the environment trades safety for speed.
pg_start() {
  local dir port=${2:-0} try
  dir=$(realpath -m -- "$1")
  shift "$(($# > 2 ? 2 : $#))"
  PG_BIN=$(pg_bin_dir) || die "no PostgreSQL server here: run scripts/setup"
  pg_init "$dir"
  on_exit pg_stop "$dir"
  for try in 1 2 3 4 5; do
    PG_PORT=$port
    [ "$port" -ne 0 ] || PG_PORT=$(free_port)
    PG_URL="postgresql://batchsync@127.0.0.1:$PG_PORT/batchsync"
    pg_launch "$dir" "$PG_PORT" "$@"
    wait_for 60 pg_settled "$dir" || pg_fail "$dir" "PostgreSQL does not answer"
    alive "$PG_PID" && break
    # Someone else may have taken the port in between: try another.
    if [ "$port" -ne 0 ] || [ "$try" -eq 5 ] ||
      ! tail -n 5 -- "$dir/log" | grep -q 'Address already in use'; then
      pg_fail "$dir" "PostgreSQL did not start"
    fi
  done
  pg_create_database
}

# pg_stop DIR: stop the server of DIR, if it runs: as one should, then as one
# must.
pg_stop() {
  local dir pid
  dir=$(realpath -m -- "$1")
  pid=$(pg_as sed -n 1p "$dir/data/postmaster.pid" 2>/dev/null) || return 0
  if ! pg_ctl_stop "$dir" fast 30 && ! pg_ctl_stop "$dir" immediate 10 &&
    grep -qx postgres "/proc/$pid/comm" 2>/dev/null; then
    pg_as kill -KILL "$pid" || true
  fi
  wait "$pid" 2>/dev/null || true
}

# --- what the functions above are made of -----------------------------------

# pg_init DIR: make an empty cluster in DIR/data, unless there is one. Its
# first user, and so its superuser, is batchsync.
pg_init() {
  local dir=$1
  mkdir -p -- "$dir"
  if [ "$(id -u)" -eq 0 ]; then
    id postgres >/dev/null 2>&1 || die "there is no user postgres to run as"
    chown postgres: -- "$dir"
  fi
  pg_as test -x "$dir" ||
    die "user postgres cannot enter $dir: choose a folder below /tmp"
  ! pg_as test -f "$dir/data/PG_VERSION" || return 0
  pg_as "$PG_BIN/initdb" --pgdata="$dir/data" --username=batchsync \
    --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync \
    --no-instructions >"$dir/log" 2>&1 || pg_fail "$dir" "initdb failed"
}

# pg_launch DIR PORT [SETTING=VALUE...]: the server itself, in the background.
# It has no Unix socket, whose path would have to fit in 107 bytes. Should the
# script be killed, the kernel sends the server the signal to stop at once.
pg_launch() {
  local dir=$1 setting args=()
  for setting in listen_addresses=127.0.0.1 unix_socket_directories= \
    port="$2" fsync="${PG_FSYNC:-on}" "${@:3}"; do
    args+=(-c "$setting")
  done
  setsid "${PG_AS[@]}" --pdeathsig INT -- \
    "$PG_BIN/postgres" -D "$dir/data" "${args[@]}" \
    </dev/null >>"$dir/log" 2>&1 &
  PG_PID=$!
}

# pg_settled DIR: has the server come up, or ended? Its own file tells; at the
# port, another server might answer.
pg_settled() {
  gone "$PG_PID" ||
    [ "$(sed -n '1p; 8s/ready */ready/p' "$1/data/postmaster.pid")" = \
      "$PG_PID"$'\n'ready ]
}

pg_create_database() {
  local server=${PG_URL%/*}
  local sql="SELECT 1 FROM pg_database WHERE datname = 'batchsync'"
  [ -n "$("$PG_BIN/psql" -XAtc "$sql" -d "$server/postgres")" ] ||
    "$PG_BIN/createdb" --maintenance-db="$server/postgres" batchsync
}

pg_ctl_stop() {
  pg_as "$PG_BIN/pg_ctl" stop -s -D "$1/data" -m "$2" -t "$3" 2>/dev/null
}

# pg_fail DIR TEXT: die, after the end of the server's log.
pg_fail() {
  tail -n 20 -- "$1/log" >&2
  die "$2"
}
