/*
 * Happy path: recall -> load -> the embedder takes it over -> the run goes on;
 * learnt -> save, the next one when it has ended. Failures: a load's is the
 * recall's; a save's is logged, and the limit stays this process's. On cancel:
 * the load is canceled, its callback ends the recall. On close: app_close()
 * waits for what is being saved.
 */
#include "app/limits_memory.h"

#include "base/log.h"
#include "sync/ports.h"
#include <stdlib.h>

/* --- saving --- */

static void limits_memory_save_next(struct limits_memory *m);

static void on_limit_saved(struct op *op)
{
    struct limits_memory *m = container_of(op, struct limits_memory, save.op);

    if (op->err.code != 0)
        log_warn(NULL, "what was learnt about the embedder was not saved: %s",
            op->err.msg);
    limits_memory_save_next(m);
}

static void limits_memory_save_next(struct limits_memory *m)
{
    for (int i = 0; i < EMBED_LIMITS; i++) {
        if (!m->due[i])
            continue;
        m->due[i] = false;
        m->save = (struct limits_save_req){
            .key = m->key, .limit = (enum embed_limit)i, .value = m->value[i]};
        op_init(&m->save.op, on_limit_saved);
        limits_save(m->pool, m->loop, &m->save);
        return;
    }
}

static void on_limits_memory_learnt(
    void *arg, enum embed_limit limit, uint64_t value)
{
    struct limits_memory *m = arg;

    m->value[limit] = value;
    m->due[limit] = true;
    if (!op_pending(&m->save.op))
        limits_memory_save_next(m);
}

struct op *limits_memory_pending(struct limits_memory *m)
{
    return op_pending(&m->save.op) ? &m->save.op : NULL;
}

/* --- recalling --- */

struct recall_call {
    struct limits_memory *memory; /* borrowed */
    struct recall_req *req;       /* borrowed */
    struct list anchor;           /* of req->op.link, for its cancel */
    struct limits_load_req load;
};

/* What is not saved yet is newer than what was read. */
static void limits_memory_prefer_unsaved(
    struct limits_memory *m, struct embed_limits *known)
{
    for (unsigned i = 0; i < EMBED_LIMITS; i++)
        if (m->due[i] || (op_pending(&m->save.op) && m->save.limit == i)) {
            known->value[i] = m->value[i];
            known->age_ms[i] = 0;
        }
}

static void on_limits_recalled(struct op *op)
{
    struct recall_call *call = container_of(op, struct recall_call, load.op);
    struct limits_memory *m = call->memory;
    struct embed_limits *known = &call->load.known;
    struct recall_req *req = call->req;

    list_remove(&req->op.link);
    if (op->err.code == 0) {
        limits_memory_prefer_unsaved(m, known);
        embedder_recall(m->embedder, known);
        embedder_watch(m->embedder, on_limits_memory_learnt, m);
        req->proven = known->value[LIMIT_PROVEN] > 0;
    }
    op_finish(&req->op, &op->err);
    free(call);
}

static void limits_memory_recall_cancel(struct op *op)
{
    op_cancel(
        &container_of(op->link.next, struct recall_call, anchor)->load.op);
}

void limits_memory_recall(struct limits_memory *m, struct recall_req *req)
{
    struct recall_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        abort();
    call->memory = m;
    call->req = req;
    req->proven = false;
    list_init(&call->anchor);
    op_begin(&req->op, &m->loop->ready, limits_memory_recall_cancel);
    list_push(&call->anchor, &req->op.link);
    call->load.key = m->key;
    op_init(&call->load.op, on_limits_recalled);
    limits_load(m->pool, m->loop, &call->load);
}

void limits_memory_init(struct limits_memory *m, struct embedder *embedder,
    struct pg_pool *pool, struct loop *loop, const char *model)
{
    *m = (struct limits_memory){
        .embedder = embedder, .pool = pool, .loop = loop};
    embedder_settings(embedder, m->settings);
    m->key = (struct limits_key){.address = embedder_address(embedder),
        .model = model,
        .settings = m->settings};
}
