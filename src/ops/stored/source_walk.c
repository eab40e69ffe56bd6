#include "ops/stored/source_walk.h"

#include "sync/ports.h"

enum { WALK_TRIES = 3, WALK_PAGE_BYTES = 512 * 1024 * 1024 };

static void on_source_walk_page(struct op *op);

static void source_walk_finish(struct source_walk *w, const struct err *err)
{
    arena_free(&w->arena);
    op_finish(&w->op, err);
}

static void source_walk_ask(struct source_walk *w)
{
    arena_free(&w->arena);
    arena_init(&w->arena, WALK_PAGE_BYTES);
    w->req = (struct page_req){.arena = &w->arena,
        .service = w->service,
        .tenant = w->tenant,
        .page = w->page,
        .limit = w->limit};
    trace_context_next(&w->trace, w->req.traceparent);
    op_init(&w->req.op, on_source_walk_page);
    w->ops->ports->fetch_page(w->ops->ports->world, &w->req);
}

static void on_source_walk_paused(struct op *op)
{
    struct source_walk *w = container_of(op, struct source_walk, pause.op);

    if (op->err.code != 0)
        source_walk_finish(w, &op->err);
    else
        source_walk_ask(w);
}

/* Is it tried again? */
static bool source_walk_retry(struct source_walk *w, const struct err *err)
{
    if (w->stopped || !err_is_transient(err->code) || ++w->tries >= WALK_TRIES)
        return false;
    op_init(&w->pause.op, on_source_walk_paused);
    loop_timer(w->ops->loop, &w->pause,
        (uint64_t)w->ops->config->sync.retry_base_ms << w->tries);
    return true;
}

static void on_source_walk_page(struct op *op)
{
    struct source_walk *w = container_of(op, struct source_walk, req.op);
    struct err err = op->err;

    if (err.code == 0)
        envelope_read(
            &w->req.envelope, w->service, w->schema, &w->arena, &w->view, &err);
    if (err.code == 0 && !w->stopped) {
        w->tries = 0;
        w->on_page(w);
        return;
    }
    if (err.code != 0 && source_walk_retry(w, &err))
        return;
    if (err.code == 0)
        err_set(&err, ERR_CANCELED, "canceled");
    err_wrap(&err, "page %d", w->page);
    source_walk_finish(w, &err);
}

static void source_walk_cancel(struct op *op)
{
    struct source_walk *w = container_of(op, struct source_walk, op);

    w->stopped = true;
    op_cancel(&w->req.op);
    op_cancel(&w->pause.op);
}

void source_walk_begin(struct source_walk *w)
{
    const struct config_sync *config = &w->ops->config->sync;

    op_begin(&w->op, w->ops->ports->queue, source_walk_cancel);
    w->limit = config->limit;
    w->page = 1;
    trace_context_begin(&w->trace, w->traceparent);
    pass_begin(&w->pass, config->limit, w->schema->ignores_total, 0, -1);
    source_walk_ask(w);
}

void source_walk_stop(struct source_walk *w)
{
    struct err none = {0};

    source_walk_finish(w, &none);
}

/* Every id counts as a new one: a source that repeats itself is ended by the
 * bound on pages. */
void source_walk_next(struct source_walk *w)
{
    enum pass_next next = pass_take(&w->pass, &w->view, w->limit, w->view.n);

    w->items += w->view.n;
    if (w->view.limit > 0)
        w->limit = (int)w->view.limit;
    if (next != PASS_MORE) {
        w->at_end = true;
        w->complete = pass_is_complete(&w->pass, &w->lack);
    }
    if (w->at_end || w->page >= w->most_pages || w->stopped) {
        source_walk_stop(w);
        return;
    }
    w->page++;
    source_walk_ask(w);
}
