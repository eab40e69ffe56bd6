# The demo's model: source this file after common.sh and node.sh.
# shellcheck shell=bash

# model_fresh FOLDER: is the model there, and not older than what makes it?
model_fresh() {
  local from
  [ -e "$1/model.safetensors" ] || return 1
  for from in "$ROOT"/examples/model/*.mjs "$ROOT"/examples/model/*.json \
    "$ROOT"/examples/coordinator/{data,records}/*; do
    # A pattern that matches nothing is no file.
    [ ! -e "$from" ] || [ "$1/model.safetensors" -nt "$from" ] || return 1
  done
}

# model_make FOLDER: make the model there, with what npm has of it.
model_make() {
  # The demo does not wait for minutes where there is no network.
  export npm_config_fetch_retries=0 npm_config_fetch_timeout=60000
  node_deps "$ROOT/examples/model" &&
    node "$ROOT/examples/model/make.mjs" "$1"
}

# model_env FOLDER: make the model there unless it is, and export the settings
# of batchsync that use it: those of the builtin embedder if it cannot be made.
model_env() {
  local folder=$1 log=$1.log
  mkdir -p "${folder%/*}"
  # In a subshell: what dies there is not the end here.
  if model_fresh "$folder" || (model_make "$folder") >"$log" 2>&1; then
    export EMBEDDING_PROVIDER=static EMBEDDING_MODEL_PATH=$folder
    return
  fi
  unset EMBEDDING_MODEL_PATH
  export EMBEDDING_PROVIDER=builtin
  say "the model cannot be made; the builtin embedder is used, which knows" \
    "letters but no meaning. The reason is in $log:"
  grep -m 3 -E '[Ee]rror' "$log" >&2 || tail -n 3 "$log" >&2
}
