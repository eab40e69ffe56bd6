/*
 * What waits for the database is stored together: while a transaction is under
 * way requests wait here, and the next one takes all that fit. A second one
 * begins beside it when it is worth a commit: where half of what a run may have
 * under way waits, or of what a transaction takes.
 *
 * Happy path: store_write() puts the request in line; a batch takes it, its
 * transaction commits, and each request of the batch ends.
 *
 * Failures: those that say nothing about rows (no connection, the fence) are
 * all requests'. Otherwise each request of the batch is stored again by itself,
 * so that it hears what its own rows are refused for.
 *
 * Cancel: one that waits ends at once; a transaction is canceled when all of
 * its requests are. Close: the pool's, which ends the transactions; what waits
 * ends with the ones that follow.
 */
#include "db/store/store_impl.h"

#include <stdlib.h>

/* A transaction's connections: as many as the pool has. */
enum { BATCHES = 2, BATCH_ROWS = 500, BATCH_BYTES = 4 * 1024 * 1024 };

/* A request in line, or in a batch; owned by itself, freed with its end. */
struct store_wait {
    struct list link;          /* in store->waiting, or in batch->members */
    struct list anchor;        /* of req->op.link, for its cancel */
    struct store_req *req;     /* borrowed; its owner waits for us */
    struct store *store;       /* borrowed */
    struct store_batch *batch; /* NULL: in line */
    bool alone;                /* its batch was refused */
};

/* One transaction; owned by itself, freed with its end. */
struct store_batch {
    struct store *store; /* borrowed */
    struct list members; /* of struct store_wait.link */
    size_t n;
    struct store_req merged; /* its rows and trims are owned */
};

static void batch_start(struct store *s);

static void store_batch_wait_end(struct store_wait *w, const struct err *err)
{
    struct store_req *req = w->req;

    list_remove(&w->link);
    list_remove(&req->op.link);
    free(w);
    op_finish(&req->op, err);
}

/* What it takes in a transaction, as its rows are sent. */
static size_t store_batch_request_bytes(const struct store_req *req)
{
    size_t bytes = 0;

    for (size_t i = 0; i < req->nrows; i++) {
        const struct store_row *row = &req->rows[i];

        bytes += row->content_id.len + row->content_text.len +
                 row->metadata.len +
                 (row->vector == NULL ? 0 : vector_bytes(req->dimensions));
    }
    return bytes;
}

/* --- the end of a transaction ------------------------------------------ */

static bool store_batch_is_everyones(int code)
{
    return code == ERR_FENCED || code == ERR_CANCELED || code == ERR_NOMEM ||
           code == ERR_CONFIG || code == ERR_AUTH || err_is_transient(code);
}

/* First in line, each by itself. */
static void batch_divide(struct store_batch *b)
{
    while (!list_empty(&b->members)) {
        struct store_wait *w =
            container_of(b->members.prev, struct store_wait, link);

        if (w->req->op.err.code != 0) { /* canceled */
            store_batch_wait_end(w, NULL);
            continue;
        }
        list_remove(&w->link);
        list_push(b->store->waiting.next, &w->link);
        w->alone = true;
        w->batch = NULL;
    }
}

static void batch_tell(struct store_batch *b, const struct err *err)
{
    while (!list_empty(&b->members)) {
        struct store_wait *w =
            container_of(b->members.next, struct store_wait, link);

        if (b->n == 1) {
            w->req->written = b->merged.written;
            memcpy(w->req->fault, b->merged.fault, sizeof(w->req->fault));
        } else if (err->code == 0) {
            w->req->written = w->req->nrows;
        }
        store_batch_wait_end(w, err);
    }
}

static void on_batch(struct op *op)
{
    struct store_batch *b = container_of(op, struct store_batch, merged.op);
    struct store *s = b->store;

    if (b->n > 1 && op->err.code != 0 &&
        !store_batch_is_everyones(op->err.code))
        batch_divide(b);
    else
        batch_tell(b, &op->err);
    if (b->n > 1) {
        free((void *)b->merged.rows);
        free((void *)b->merged.trims);
    }
    free(b);
    s->nbatches--;
    batch_start(s);
}

/* --- its beginning ----------------------------------------------------- */

/* Does it go into the transaction that has so much already? */
static bool store_batch_fits(const struct store_wait *first,
    const struct store_wait *w, size_t rows, size_t bytes)
{
    return !w->alone && !first->alone && w->req->scope == first->req->scope &&
           w->req->dimensions == first->req->dimensions &&
           rows + w->req->nrows <= BATCH_ROWS &&
           bytes + store_batch_request_bytes(w->req) <= BATCH_BYTES;
}

/* From the line, the oldest first, until one does not fit. */
static void batch_fill(struct store_batch *b)
{
    struct store *s = b->store;
    struct store_wait *first =
        container_of(s->waiting.next, struct store_wait, link);
    size_t rows = 0, bytes = 0;

    while (!list_empty(&s->waiting)) {
        struct store_wait *w =
            container_of(s->waiting.next, struct store_wait, link);

        if (b->n > 0 && !store_batch_fits(first, w, rows, bytes))
            return;
        list_remove(&w->link);
        list_push(&b->members, &w->link);
        w->batch = b;
        b->n++;
        rows += w->req->nrows;
        bytes += store_batch_request_bytes(w->req);
        b->merged.ntrims += w->req->ntrims;
    }
}

static void batch_merge(struct store_batch *b, struct store_req *first)
{
    struct store_row *rows;
    struct store_trim *trims;
    size_t nrows = 0, ntrims = 0;

    list_for_each (at, &b->members) {
        nrows += container_of(at, struct store_wait, link)->req->nrows;
        ntrims += container_of(at, struct store_wait, link)->req->ntrims;
    }
    rows = calloc(nrows + 1, sizeof(*rows));
    trims = calloc(ntrims + 1, sizeof(*trims));
    if (rows == NULL || trims == NULL)
        abort();
    b->merged = *first;
    b->merged.rows = rows;
    b->merged.trims = trims;
    b->merged.nrows = nrows;
    b->merged.ntrims = ntrims;
    list_for_each (at, &b->members) {
        const struct store_req *req =
            container_of(at, struct store_wait, link)->req;

        memcpy(rows, req->rows, req->nrows * sizeof(*rows));
        rows += req->nrows;
        if (req->ntrims > 0)
            memcpy(trims, req->trims, req->ntrims * sizeof(*trims));
        trims += req->ntrims;
    }
}

/* Is what waits worth a transaction beside the one that is under way? */
static bool batch_is_due(const struct store *s)
{
    size_t rows = 0, bytes = 0;

    list_for_each (at, &s->waiting) {
        const struct store_req *req =
            container_of(at, struct store_wait, link)->req;

        rows += req->nrows;
        bytes += store_batch_request_bytes(req);
        if (rows >= s->second_rows || rows >= BATCH_ROWS / 2 ||
            bytes >= BATCH_BYTES / 2)
            return true;
    }
    return false;
}

static void batch_start(struct store *s)
{
    while (s->nbatches < BATCHES && !list_empty(&s->waiting) &&
           (s->nbatches == 0 || batch_is_due(s))) {
        struct store_batch *b = calloc(1, sizeof(*b));
        struct store_req *first;

        if (b == NULL)
            abort();
        b->store = s;
        list_init(&b->members);
        batch_fill(b);
        first = container_of(b->members.next, struct store_wait, link)->req;
        if (b->n == 1)
            b->merged = *first;
        else
            batch_merge(b, first);
        op_init(&b->merged.op, on_batch);
        s->nbatches++;
        store_write_batch(s, &b->merged);
    }
}

/* --- requests ---------------------------------------------------------- */

static void on_store_batch_write_cancel(struct op *op)
{
    struct store_wait *w =
        container_of(op->link.next, struct store_wait, anchor);

    if (w->batch == NULL) {
        store_batch_wait_end(w, NULL);
        return;
    }
    list_for_each (at, &w->batch->members)
        if (container_of(at, struct store_wait, link)->req->op.err.code == 0)
            return;
    op_cancel(&w->batch->merged.op);
}

void store_write(struct store *s, struct store_req *req)
{
    struct store_wait *w = calloc(1, sizeof(*w));

    if (w == NULL)
        abort();
    req->written = 0;
    req->fault[0] = '\0';
    op_begin(&req->op, &s->loop->ready, on_store_batch_write_cancel);
    *w = (struct store_wait){.req = req, .store = s};
    list_init(&w->anchor);
    list_push(&w->anchor, &req->op.link);
    list_push(&s->waiting, &w->link);
    batch_start(s);
}
