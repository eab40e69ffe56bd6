# Node packages for the scripts: source this file after common.sh.
# shellcheck shell=bash

# node_deps DIR: install what DIR/package-lock.json names, unless it is there.
# npm writes node_modules/.package-lock.json as its last step, so one that is
# missing, or older than ours, means an installation to do or to do again.
node_deps() {
  local dir=$1 log
  [ "$dir/node_modules/.package-lock.json" -nt "$dir/package-lock.json" ] &&
    return
  say "installing the Node packages of ${dir#"$ROOT"/}"
  log=$(mktemp "${TMPDIR:-/tmp}/batchsync-npm.XXXXXX")
  if ! (cd -- "$dir" && npm ci --no-audit --no-fund) \
    </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    rm -f -- "$log"
    die "npm ci failed in $dir"
  fi
  rm -f -- "$log"
}
