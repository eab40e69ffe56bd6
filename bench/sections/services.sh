# What a small service costs of which nothing has changed: claimed, opened, read,
# looked up, checkpointed, ended.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
ABOUT='small services, unchanged' MINUTES=1

ITEMS_EACH=10

services_round() {
  run_subject batchsync synced
  record batchsync "${SAMPLE[@]}" "services=$SERVICES"
}

measure() {
  DIMENSIONS=256 SERVICES=200
  ! $QUICK || SERVICES=20
  N=$((SERVICES * ITEMS_EACH))
  embedder 0
  several "$SERVICES" "$N"
  subject batchsync
  fresh synced "$TEMPLATE"
  run_subject batchsync synced
  sql synced 'VACUUM ANALYZE'
  rounds services services_round
}
