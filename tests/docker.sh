#!/usr/bin/env bash
# The container files without a container engine: builds both images with
# buildah in a Debian 13 of its own, and runs batchsync from its image as
# docker-compose.yml would, against a private PostgreSQL and the demo
# coordinator from its image. Checks docker-compose.yml, the ignore file, the
# health checks, the graceful stop and the monitoring files.
#
#     tests/docker.sh      about five minutes, 3 GB, root, the network
#
# Needs debootstrap, promtool (Debian: prometheus) and what scripts/setup
# --demo installs. What it cannot show: the images that come from elsewhere
# (they are stood in for), Docker's networks and its restarts.
# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../scripts/lib/common.sh"
# shellcheck source=scripts/lib/postgres.sh
source "$ROOT/scripts/lib/postgres.sh"

# The machine's own mirror has every release.
# shellcheck disable=SC2016 # the dollar is apt's
MIRROR=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
  'Created-By: Packages' 'Origin: Debian' 'Component: main' |
  grep -v '^cdrom:' | head -n 1)}

renice -n 10 -p $$ >/dev/null

title() { printf '\n== %s\n\n' "$*"; }
ok() { printf 'ok  %s\n' "$*"; }

# quietly CMD...: its output only if it fails.
quietly() {
  "$@" >"$DIR/log" 2>&1 || { tail -n 60 "$DIR/log" >&2; die "failed: $*"; }
}

# in_root ROOT CMD...: run CMD in that Debian, with /proc, /dev, /sys and the
# checkout at /src. The mounts are CMD's own and go with it, so that nobody
# who cleans up can reach through them.
in_root() {
  # shellcheck disable=SC2016 # the dollars are the inner shell's
  unshare --mount --propagation private -- bash -euc '
    root=$1 src=$2; shift 2
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --rbind /sys "$root/sys"
    mkdir -p "$root/src"
    mount --bind -o ro "$src" "$root/src"
    exec chroot "$root" env -i -C /src HOME=/root LANG=C.UTF-8 \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      DEBIAN_FRONTEND=noninteractive "$@"' _ "$1" "$ROOT" "${@:2}"
}

tools() { in_root "$DIR/tools" "$@"; }
apt_in() { in_root "$1" apt-get -q -y --no-install-recommends "${@:2}"; }

# --- the images -------------------------------------------------------------

# make_base: a Debian 13 as small as the image debian:trixie-slim, with its
# settings: no documentation, no caches of apt's.
make_base() {
  local base=$DIR/base
  quietly debootstrap --variant=minbase trixie "$base" "$MIRROR"
  cp -L /etc/resolv.conf "$base/etc/resolv.conf"
  cat >"$base/etc/apt/apt.conf.d/docker-clean" <<'EOF'
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
EOF
  printf 'path-exclude /usr/share/%s/*\n' doc man locale info \
    >"$base/etc/dpkg/dpkg.cfg.d/docker"
  rm -rf "$base"/usr/share/{doc,man,locale,info}/* "$base"/var/lib/apt/lists/* \
    "$base"/var/cache/apt/*.bin "$base"/var/cache/apt/archives/*.deb \
    "$base"/var/log/*
}

make_tools() {
  cp -a "$DIR/base" "$DIR/tools"
  quietly apt_in "$DIR/tools" update
  quietly apt_in "$DIR/tools" install buildah netavark docker-compose
}

# import_image NAME DIRECTORY: a directory becomes an image.
import_image() {
  tar -C "$2" -cf "$DIR/tools/root/image.tar" .
  # shellcheck disable=SC2016 # the dollars are the inner shell's
  quietly tools bash -euc 'c=$(buildah from scratch)
    buildah add --quiet "$c" /root/image.tar /
    buildah config --env PATH="$PATH" --env \
      NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$c"
    buildah commit --quiet --rm "$c" "$1"
    rm /root/image.tar' _ "docker.io/library/$1"
}

# import_node IMAGE: stands in for the image of that name: Debian's Node.js
# and npm, the user, and the certificate authorities of this machine, which may
# reach npm's registry through a proxy with one of its own.
import_node() {
  cp -a "$DIR/base" "$DIR/node"
  quietly apt_in "$DIR/node" update
  quietly apt_in "$DIR/node" install nodejs npm
  in_root "$DIR/node" useradd --uid 1000 --create-home node
  mkdir -p "$DIR/node/etc/ssl/certs"
  cp -L /etc/ssl/certs/ca-certificates.crt "$DIR/node/etc/ssl/certs/"
  import_image "$1" "$DIR/node"
  rm -rf -- "$DIR/node"
}

# build TAG DOCKERFILE: build the image, and lay it out in DIR/TAG. Stand-ins
# have the names of the images that they stand in for, not their digests.
build() {
  local file=$DIR/tools/root/$1.Dockerfile
  in_root "$DIR/tools" cat "$2" | sed -E 's/@sha256:[0-9a-f]{64}//' >"$file"
  quietly in_root "$DIR/tools" buildah build --isolation chroot \
    --pull=never --format docker --layers=false \
    --ulimit nofile=1024:4096 --ulimit nproc=8192:8192 \
    --tag "$1" --file "/root/$1.Dockerfile" .
  # shellcheck disable=SC2016
  quietly tools bash -euc 'c=$(buildah from --pull=never "$1")
    cp -a "$(buildah mount "$c")" "/root/$1"
    buildah rm "$c"' _ "$1"
  mv -- "$DIR/tools/root/$1" "$DIR/$1"
  ok "$1 builds: $(du -sm -- "$DIR/$1" | cut -f 1) MB"
}

# config TAG FILTER: a part of the image's configuration.
config() {
  tools buildah inspect --type image "$1" | jq -c ".Docker.config | $2"
}

# --- running them -----------------------------------------------------------

# contained TAG USER [NAME=VALUE...] -- CMD...: run CMD from the image, as
# process 1 of its own, as that user, without capabilities, with nothing that
# it could write but /dev, and with that environment alone.
contained() {
  # shellcheck disable=SC2016
  unshare --mount --propagation private --pid --fork --kill-child -- bash -euc '
    root=$1 user=$2; shift 2
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -o remount,bind,ro "$root"
    env=()
    while [ "$1" != -- ]; do env+=("$1"); shift; done
    exec chroot "$root" env -i PATH=/usr/local/bin:/usr/bin:/bin "${env[@]}" \
      setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \
      --bounding-set=-all --inh-caps=-all "${@:2}"' _ "$DIR/$1" "${@:2}"
}
export -f contained

# contained_spawn LOG ARGS...: the same in the background; LEADER becomes the
# process itself, SPAWNED the one that waits for it.
contained_spawn() {
  spawn "$1" env DIR="$DIR" bash -c 'contained "$@"' _ "${@:2}"
  wait_for 10 has_leader || die "did not start: $(cat "$1")"
  on_exit end "$LEADER"
}

end() { kill -KILL "$1" 2>/dev/null || true; }

has_leader() {
  local unshared
  unshared=$(pgrep -P "$SPAWNED" -x unshare) &&
    LEADER=$(pgrep -P "$unshared") &&
    ! grep -qaE '^(bash|chroot|env|setpriv)' "/proc/$LEADER/comm"
}

# healthy TAG USER [NAME=VALUE...]: does the image's health check say so?
healthy() {
  local words
  mapfile -t words < <(jq -r '.[1:][] | @json' <"$DIR/$1.health" | jq -r .)
  contained "$@" -- "${words[@]}" >/dev/null 2>&1
}

get() { curl -fsS --max-time 5 "http://127.0.0.1:$PORT$1"; }

has_synced() { get /metrics | grep -qx 'batchsync_last_run_success 1'; }

# --- the checks -------------------------------------------------------------

check_monitoring() {
  promtool check rules "$ROOT/deploy/alerts.yml"
  promtool check config "$ROOT/deploy/prometheus.yml"
  promtool test rules "$ROOT/tests/data/alerts.yml"
}

check_compose() {
  quietly tools docker-compose --profile monitoring config --format json
  cp -- "$DIR/log" "$DIR/compose.json"
  jq -e '.services | length == 4' "$DIR/compose.json" >/dev/null ||
    die "docker-compose.yml has other services than this test knows"
  quietly tools env ADMIN_TOKEN=t OPENAI_API_KEY=k \
    docker-compose config --format json
  jq -e '.services.batchsync.environment |
    .ADMIN_TOKEN == "t" and .OPENAI_API_KEY == "k"' "$DIR/log" >/dev/null ||
    die "docker-compose.yml does not hand on ADMIN_TOKEN and OPENAI_API_KEY"
  ok "docker compose config"
}

# What both builds can see must be what is in git, and no more.
check_context() {
  local extra
  printf 'FROM scratch\nCOPY . /\n' >"$DIR/tools/root/Context"
  build context /root/Context
  extra=$(comm -13 <(cd "$ROOT" && git ls-files | sort) \
    <(cd "$DIR/context" && find . -type f -printf '%P\n' | sort) |
    grep -vE '^src/|^schema/' || true)
  [ -z "$extra" ] || die "the images' context has more than git has: $extra"
  rm -rf -- "$DIR/context"
  ok "the context is what is in git"
}

check_image() {
  local missing
  missing=$(chroot "$DIR/batchsync" ldd /usr/local/bin/batchsync |
    grep 'not found') && die "the image lacks libraries: $missing"
  # A package that is named although nothing needs it any more?
  missing=$(comm -23 \
    <(awk '$2 == "library" && $5 != "-" { print $5 }' \
      "$ROOT/deps/packages.txt" | sort) \
    <(chroot "$DIR/batchsync" ldd /usr/local/bin/batchsync |
      awk '/=>/ { print $3 }' | while read -r file; do
        chroot "$DIR/batchsync" dpkg-query -S "*/${file##*/}" | cut -d: -f 1
      done | sort -u))
  [ -z "$missing" ] || die "the image has what nothing needs: $missing"
  [ "$(config batchsync .User)" = '"10001:10001"' ] || die "it runs as root"
  ok "every library is there: $(contained batchsync 10001 -- \
    batchsync version)"
}

# environment: what compose gives to batchsync, a variable a line.
environment() {
  jq -r '.services.batchsync.environment | to_entries[] |
    select(.value != null) | "\(.key)=\(.value)"' "$DIR/compose.json"
}

# What the page asks for when it is opened, with the compose file's own token.
check_page() {
  local token
  token=$(jq -r '.services.batchsync.environment.ADMIN_TOKEN' \
    "$DIR/compose.json")
  get / | grep '<div id="page">' >/dev/null || die "there is no page"
  curl -fsS -H "Authorization: Bearer $token" \
    "http://127.0.0.1:$PORT/admin/batch-sync/runs" |
    jq -e '.runs[0].totals.stored > 4000' >/dev/null ||
    die "the page would show no data"
}

check_serving() {
  local env coordinator started
  pg_start "$DIR/postgres"
  PORT=$(free_port)
  contained_spawn "$DIR/coordinator.log" batchsync-coordinator 1000 -- \
    env -C /srv/examples/coordinator node server.mjs --host 0.0.0.0
  coordinator=$LEADER
  wait_for 30 healthy batchsync-coordinator 1000 ||
    die "the coordinator is not healthy: $(cat "$DIR/coordinator.log")"
  ok "the coordinator is healthy"

  mapfile -t env < <(environment)
  env+=("DATABASE_URL=$PG_URL" COORDINATOR_GRPC_ENDPOINT=127.0.0.1:50051
    COORDINATOR_HTTP_URL=http://127.0.0.1:4000 "PORT=$PORT"
    http_proxy=http://127.0.0.1:9 no_proxy=127.0.0.1)
  ! healthy batchsync 10001 "PORT=$PORT" || die "healthy before the start"
  contained_spawn "$DIR/batchsync.log" batchsync 10001 "${env[@]}" -- \
    batchsync serve
  wait_for 10 healthy batchsync 10001 "PORT=$PORT" ||
    die "not healthy: $(cat "$DIR/batchsync.log")"
  ok "batchsync is healthy"
  wait_for 10 get /readyz || die "not ready: $(cat "$DIR/batchsync.log")"
  wait_for 120 has_synced || die "no sync: $(tail "$DIR/batchsync.log")"
  get /metrics | promtool check metrics
  check_page
  ok "it has synced: $(pg_psql -Atc 'SELECT count(*) FROM vector_embeddings') \
rows, $(awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$LEADER/status") MiB"

  started=$SECONDS
  kill -TERM "$LEADER"
  wait "$SPAWNED" || die "it ended with $?: $(tail "$DIR/batchsync.log")"
  ok "SIGTERM ends it in $((SECONDS - started)) s, with code 0"
  started=$SECONDS
  kill -TERM "$coordinator"
  wait_for 8 gone "$coordinator" || die "the coordinator does not end"
  ok "SIGTERM ends the coordinator in $((SECONDS - started)) s"
}

[ "$(id -u)" -eq 0 ] || die "this needs root, for debootstrap and chroot"
for need in debootstrap promtool unshare jq curl pgrep; do
  command -v "$need" >/dev/null || die "there is no $need"
done
scratch_dir DIR

title "Prometheus"
check_monitoring

title "The tools and the base, from $MIRROR"
make_base
make_tools
import_image debian:trixie-slim "$DIR/base"
ok "Debian 13 with $(tools buildah --version), docker-compose \
$(tools docker-compose version --short)"

title "docker-compose.yml and .dockerignore"
check_compose
check_context

title "The images"
build batchsync Dockerfile
config batchsync .Healthcheck.Test >"$DIR/batchsync.health"
check_image
import_node "$(sed -n 's/^FROM \([^@]*\).*/\1/p' \
  "$ROOT/examples/coordinator/Dockerfile")"
build batchsync-coordinator examples/coordinator/Dockerfile
config batchsync-coordinator .Healthcheck.Test \
  >"$DIR/batchsync-coordinator.health"

title "Running them"
check_serving

printf '\nall well\n'
