/*
 * When the server refuses further connections (53300: max_connections, or the
 * CONNECTION LIMIT of the role or the database), the pools of one process share
 * what they have, by rank: 0 gets its connection first.
 *
 * Happy path: no pool is refused, and nothing here runs. A refused pool takes a
 * connection from another one: an idle one, from the least important pool
 * first; else a busy one is closed after its transaction. It tries again
 * PG_AGAIN_MS later. Failures: when there is nothing to take, pools of rank 0
 * fail what waits in line, as after any failed connect; pools of other ranks
 * keep it waiting, up to their bound.
 */
#include "net/pg/pg_impl.h"

#include <stdlib.h>

/* An idle connection of a pool of rank 0 may be taken after so long: it is
 * longer than the pauses of a heartbeat. Other ranks lend theirs at once, and
 * take it back when they need it: the probe, which needs its own every second,
 * would otherwise keep it from all that wait. */
enum { PG_IDLE_MS = 15 * 1000 };

void pg_share_init(struct pg_share *share)
{
    list_init(&share->pools);
}

void pg_pool_join(struct pg_pool *pool, struct pg_share *share, int rank)
{
    pool->share = share;
    pool->rank = rank;
    list_push(&share->pools, &pool->sibling);
}

void pg_share_leave(struct pg_pool *pool)
{
    if (pool->share != NULL)
        list_remove(&pool->sibling);
    pool->share = NULL;
}

static int share_open(const struct pg_pool *pool)
{
    int n = 0;

    for (int i = 0; i < pool->nslots; i++)
        n += pool->slots[i].state >= PG_IDLE && !pool->slots[i].doomed;
    return n;
}

/* May `taker` have the connection? One that two pools need is left alone. */
static bool share_may_take(
    const struct pg_pool *taker, const struct pg_slot *slot)
{
    const struct pg_pool *owner = slot->pool;
    uint64_t now_ms = loop_now_ms(owner->loop);

    if (owner == taker || slot->state < PG_IDLE || slot->doomed)
        return false;
    if (owner->rank > taker->rank ||
        (taker->rank == 0 && share_open(owner) > 1 && share_open(taker) == 0))
        return true;
    return slot->state == PG_IDLE && list_empty(&owner->waiting) &&
           share_open(taker) == 0 &&
           (owner->rank > 0 || now_ms - slot->idle_ms >= PG_IDLE_MS);
}

/* Idle before busy, then the less important. */
static bool share_is_better(const struct pg_slot *a, const struct pg_slot *b)
{
    if (b == NULL || a->state != b->state)
        return b == NULL || a->state == PG_IDLE;
    return a->pool->rank > b->pool->rank;
}

static struct pg_slot *share_find(const struct pg_pool *taker)
{
    struct pg_slot *best = NULL;

    list_for_each (node, &taker->share->pools) {
        struct pg_pool *owner = container_of(node, struct pg_pool, sibling);

        for (int i = 0; i < owner->nslots; i++)
            if (share_may_take(taker, &owner->slots[i]) &&
                share_is_better(&owner->slots[i], best))
                best = &owner->slots[i];
    }
    return best;
}

/* Of a pool that was refused: may what waits in line go on waiting? */
bool pg_share_take(struct pg_pool *taker)
{
    struct pg_slot *slot;

    if (taker->share == NULL)
        return false;
    slot = share_find(taker);
    if (slot == NULL)
        return taker->rank > 0;
    slot->pool->hold_ms = loop_now_ms(taker->loop) + PG_HOLD_MS;
    if (slot->state == PG_IDLE)
        pg_slot_drop(slot, NULL);
    else
        slot->doomed = true;
    taker->hold_ms = loop_now_ms(taker->loop) + PG_AGAIN_MS;
    return true;
}
