# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='memory and rate from 1,000 to 1,000,000 items' MINUTES=5

GIB=1048576 # KiB

memory_round() {
  embedder 0
  coordinator "$N"
  first batchsync
}

# free_kib: on the database's disk.
free_kib() {
  df --output=avail "$DIR" | tail -n 1
}

# sizes DIMENSIONS ITEMS...: each once a round.
sizes() {
  DIMENSIONS=$1
  shift
  for N; do
    rounds "x $DIMENSIONS" memory_round
  done
}

measure() {
  if $QUICK; then
    sizes 256 500 1000 4000
    sizes 1536 500 1000
    return
  fi
  sizes 256 1000 10000 100000
  sizes 1536 1000 10000 100000
  # Its rows, their index and the log of both.
  if [ "$(free_kib)" -lt $((8 * GIB)) ]; then
    skip 'a million items' 'less than 8 GiB are free on the disk'
  else
    ROUNDS=1
    sizes 256 1000000
  fi
  sql postgres 'DROP DATABASE IF EXISTS run'
}
