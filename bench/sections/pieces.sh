# What the pieces of long texts are best sent with, by a model that knows
# meanings: one in six of the demo's records, cut at 100 tokens, and its English
# queries, by vector alone. Encoding takes most of the time; what was encoded is
# kept in build-bench and not encoded again.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='what is sent with the pieces of long texts' MINUTES=25

# shellcheck source=bench/sections/search.sh
source "$ROOT/bench/sections/search.sh"

# with KEYS: the demo's schemas with further keys.
with() {
  local file
  mkdir -p "$DIR/schemas"
  for file in "$ROOT"/schema/services/demo-*.json; do
    case $file in
      *.cases.json) ;;
      *) sed "1s/{/{ $1/" "$file" >"$DIR/schemas/${file##*/}" ;;
    esac
  done
}

# sent NAME KEYS: a store of its own, searched.
sent() {
  with "$2"
  filled
  sql run 'SELECT DISTINCT content_id FROM vector_embeddings' >"$DIR/ids"
  node "$ROOT/bench/search/pieces.mjs" "http://127.0.0.1:$PORT" "$1" \
    "$(sql run 'SELECT count(*) FROM vector_embeddings')" \
    <"$DIR/ids" >>"$DIR/measured"
  reap "$SERVE"
}

measure() {
  node_deps "$ROOT/examples/model"
  export DEMO_EVERY=6
  ! $QUICK || DEMO_EVERY=60
  demo
  spawn "$DIR/encoder.log" nice -n 10 node "$ROOT/bench/search/encoder.mjs" \
    "$ROOT/build-bench/encoded.vectors"
  wait_for 120 grep -q '^ready ' "$DIR/encoder.log" ||
    die "the encoder does not start: $(tail -n 3 "$DIR/encoder.log")"
  OPENAI_API_URL=$(sed -n 's/^ready //p' "$DIR/encoder.log")
  export OPENAI_API_URL EMBEDDING_PROVIDER=openai EMBEDDING_MODEL=encoder
  export EMBEDDING_TIMEOUT=600 EMBEDDING_MAX_TOKENS=100 SCHEMA_DIR=$DIR/schemas
  unset BATCH_SYNC_FULL_TEXT
  DIMENSIONS=512
  sent 'the piece alone' ''
  sent 'its title before it' '"piece_prefix": true,'
  sent 'the end of the piece before it' '"piece_overlap": 20,'
  sent 'both' '"piece_prefix": true, "piece_overlap": 20,'
}
