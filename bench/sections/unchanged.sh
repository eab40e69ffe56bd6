# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='syncs of what is there already' MINUTES=4

# Pages one after another, as the pipeline does them; the rest of a re-run is
# the look-up.
unchanged_round() {
  pull "$PULL" pull
  pull 'pull and parse' parse
  pull 'pull, parse and render' render
  again batchsync synced
  again 'batchsync plan' synced
  [ "$N" -eq "$FEW" ] && [ "${#PEERS[@]}" -gt 0 ] || return 0
  again 'LangChain index()' indexed
  [ "$DIMENSIONS" -eq 256 ] || return 0
  again 'design, in Node' designed
  again 'LlamaIndex IngestionPipeline' llama
}

measure() {
  for DIMENSIONS in 256 1536; do
    for N in "$FEW" "$MANY"; do
      keep batchsync synced
      if [ "$N" -eq "$FEW" ] && [ "${#PEERS[@]}" -gt 0 ]; then
        keep 'LangChain index()' indexed
        if [ "$DIMENSIONS" -eq 256 ]; then
          keep 'design, in Node' designed
          keep 'LlamaIndex IngestionPipeline' llama
        fi
      fi
      rounds "$N x $DIMENSIONS" unchanged_round
    done
  done
}
