# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='first loads with and without linking' MINUTES=3

link_round() {
  local nodes
  first batchsync
  first 'batchsync, linked'
  nodes=$(sql run "SELECT (SELECT count(*) FROM knowledge_graph_nodes),
    (SELECT count(*) FROM batch_sync_link_queue)")
  [ "$nodes" = "$N 0" ] ||
    die "$nodes nodes and queued items instead of $N and 0"
}

measure() {
  local sizes=(1000 5000 20000)
  ! $QUICK || sizes=(200 2000)
  DIMENSIONS=256
  embedder 0
  for N in "${sizes[@]}"; do
    coordinator "$N"
    rounds "$N x $DIMENSIONS" link_round
  done
}
