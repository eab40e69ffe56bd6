/*
 * READY and STORE: the members are stored in one statement, or in several where
 * that would be too large. Happy path: all items stored. Failures: what the
 * database refuses for its data is halved until the bad item is alone; when all
 * are bad, the table is at fault (chunk_verdict.c). An item of several
 * statements that is refused in a late one keeps the pieces of the earlier
 * ones, without a first piece. Cancel and close: chunk.c.
 */
#include "sync/chunk/chunk_impl.h"

/* Storing */

static void on_chunk_store_stored(struct op *op);

static void store_accept(struct chunk *c)
{
    for (size_t i = c->range.lo; i < c->range.hi; i++)
        if (c->members[i]->outcome == ITEM_OPEN && !c->members[i]->unembedded)
            c->members[i]->outcome = ITEM_STORED;
    c->verdict.passed += c->range.hi - c->range.lo;
}

/* False: the chunk has failed. */
static bool store_narrow(struct chunk *c, const struct err *err)
{
    if (c->range.hi - c->range.lo == 1)
        return chunk_blame_row(c, c->members[c->range.lo], err);
    ranges_halve(&c->ranges, c->range);
    return true;
}

static void store_failed(struct chunk *c, const struct err *err)
{
    if (err->code == ERR_DATA) {
        if (store_narrow(c, err))
            chunk_next_range(c);
        return;
    }
    if (chunk_retry(c, err, CALL_STORE, CHUNK_STORE_WAIT))
        return;
    c->unstorable = true;
    chunk_fail(c, err);
}

static void on_chunk_store_stored(struct op *op)
{
    struct chunk *c = container_of(op, struct chunk, store.op);
    struct err err = op->err;

    pipeline_measure(c->p, CALL_STORE, op);
    if (err.code != 0) {
        err_wrap(&err, "store");
        store_failed(c, &err);
        return;
    }
    pipeline_event(c->p, &(struct run_event){.kind = EVENT_STORED,
                             .service = c->group->service,
                             .rows = c->store.nrows});
    c->unwritten = c->unwritten_next;
    if (c->unwritten > 0) {
        retry_reset(&c->retry);
        chunk_step(c);
        return;
    }
    store_accept(c);
    chunk_next_range(c);
}

void chunk_step_ready(struct chunk *c)
{
    if (ranges_init(&c->ranges, &c->arena, c->nmembers) < 0) {
        chunk_fail_no_memory(c);
        return;
    }
    ranges_push(&c->ranges, (struct range){0, c->nmembers});
    chunk_move(c, CHUNK_STORE);
    chunk_next_range(c);
}

void chunk_step_store(struct chunk *c)
{
    const struct ports *ports = c->p->ports;

    if (c->range.lo == c->range.hi && !ranges_pop(&c->ranges, &c->range)) {
        if (chunk_judge(c))
            chunk_end(c);
        return;
    }
    if (chunk_rows(c) < 0) {
        chunk_fail_no_memory(c);
        return;
    }
    if (c->store.nrows + c->store.ntrims == 0) {
        chunk_next_range(c);
        return;
    }
    pipeline_op_init(c->p, &c->store.op, on_chunk_store_stored);
    ports->store(ports->world, &c->store);
}
