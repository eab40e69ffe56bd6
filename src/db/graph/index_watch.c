/*
 * Happy path: look, pause, look again, until the building has ended.
 * Failures: a look that fails changes nothing; the next one may do better.
 * On cancel: index_watch_end() cancels the request under way, be it the look or
 * the pause; its callback sees that the build is over and stops. A build that
 * starts before that callback takes the request over.
 */
#include "db/graph/index_watch.h"

#include "base/log.h"
#include "db/call.h"
#include <stdio.h>

enum { LOOK_TIMEOUT_MS = 2000 };

static void on_watch_looked(struct op *op);
static void on_index_watch_paused(struct op *op);

void index_watch_init(
    struct index_watch *w, struct pg_pool *pool, struct loop *loop)
{
    *w = (struct index_watch){.pool = pool, .loop = loop};
    op_init(&w->look, on_watch_looked);
    op_init(&w->pause.op, on_index_watch_paused);
}

static void watch_tell(struct index_watch *w)
{
    const struct index_progress *p = &w->progress;
    uint64_t now_ms = loop_now_ms(w->loop);

    if (now_ms - w->logged_ms < INDEX_LOG_MS)
        return;
    w->logged_ms = now_ms;
    log_info(NULL,
        "the vector index: %s, %lld of %lld blocks, %lld of %lld rows, "
        "%lld s so far",
        p->phase[0] == '\0' ? "no news" : p->phase, (long long)p->blocks_done,
        (long long)p->blocks_total, (long long)p->rows_done,
        (long long)p->rows_total, (long long)(p->elapsed_ms / 1000));
}

static void watch_take(struct call *c)
{
    struct index_watch *w = container_of(c->op, struct index_watch, look);
    const struct pg_result *r = c->pg.results[0];
    struct index_progress *p = &w->progress;

    if (pg_rows(r) > 0) {
        call_copy(r, 0, 0, p->phase, sizeof(p->phase));
        p->blocks_done = call_int(r, 0, 1);
        p->blocks_total = call_int(r, 0, 2);
        p->rows_done = call_int(r, 0, 3);
        if (call_int(r, 0, 4) > 0)
            p->rows_total = call_int(r, 0, 4);
    }
    call_end(c, NULL);
}

static void watch_look(struct index_watch *w)
{
    struct call *c;

    op_init(&w->look, on_watch_looked);
    c = call_new(w->pool, w->loop, &w->look, watch_take, 1);
    c->pg.timeout_ms = LOOK_TIMEOUT_MS;
    call_stmt(c,
        "SELECT phase, blocks_done, blocks_total, tuples_done, tuples_total"
        " FROM " INDEX_PROGRESS_ROWS,
        false);
    call_send(c);
}

static void on_watch_looked(struct op *op)
{
    struct index_watch *w = container_of(op, struct index_watch, look);

    if (!w->progress.building)
        return;
    w->progress.elapsed_ms = (int64_t)(loop_now_ms(w->loop) - w->begun_ms);
    watch_tell(w);
    op_init(&w->pause.op, on_index_watch_paused);
    loop_timer(w->loop, &w->pause, INDEX_WATCH_MS);
}

static void on_index_watch_paused(struct op *op)
{
    struct index_watch *w = container_of(op, struct index_watch, pause.op);

    if (w->progress.building)
        watch_look(w);
}

void index_watch_begin(struct index_watch *w, int64_t rows)
{
    if (w->pool == NULL || w->progress.building)
        return;
    w->progress = (struct index_progress){.building = true, .rows_total = rows};
    w->begun_ms = w->logged_ms = loop_now_ms(w->loop);
    if (!op_pending(&w->look) && !op_pending(&w->pause.op))
        watch_look(w);
}

void index_watch_end(struct index_watch *w)
{
    w->progress.building = false;
    op_cancel(&w->look);
    op_cancel(&w->pause.op);
}
