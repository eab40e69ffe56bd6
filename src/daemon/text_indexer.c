/*
 * Happy path: one request; a kick while it is under way makes another.
 * Failures: a warning, and again after a pause; where rights are missing one
 * warning, and again after the next run. Stop: cancels request and timer.
 */
#include "daemon/text_indexer.h"

#include "base/log.h"
#include "db/search/languages.h"

static void text_indexer_look(struct text_indexer *t);

static void on_text_indexer_pause(struct op *op)
{
    struct text_indexer *t = container_of(op, struct text_indexer, pause.op);

    if (op->err.code == 0)
        text_indexer_look(t);
}

static void text_indexer_tell(struct text_indexer *t, const struct err *err)
{
    if (err->code == ERR_CONFIG && t->warned)
        return;
    t->warned = t->warned || err->code == ERR_CONFIG;
    log_warn(NULL, "full text: %s", err->msg);
}

static void on_text_indexer_ensured(struct op *op)
{
    struct text_indexer *t = container_of(op, struct text_indexer, req.op);

    arena_free(&t->arena);
    if (t->stopped)
        return;
    if (op->err.code != 0)
        text_indexer_tell(t, &op->err);
    if (t->again)
        text_indexer_look(t);
    else if (op->err.code != 0 && op->err.code != ERR_CONFIG)
        loop_timer(t->loop, &t->pause, TEXT_INDEXER_RETRY_MS);
}

static void text_indexer_look(struct text_indexer *t)
{
    if (t->stopped || t->busy || t->store == NULL)
        return;
    t->again = op_pending(&t->req.op);
    if (t->again)
        return;
    op_cancel(&t->pause.op);
    arena_init(&t->arena, 0);
    t->req = (struct text_index_req){.arena = &t->arena};
    t->req.languages = languages_of(t->schemas, &t->arena, &t->req.nlanguages);
    op_init(&t->req.op, on_text_indexer_ensured);
    text_index_ensure(t->store, &t->req);
}

void text_indexer_init(struct text_indexer *t, struct store *store,
    struct loop *loop, const struct schema_set *schemas)
{
    *t =
        (struct text_indexer){.store = store, .loop = loop, .schemas = schemas};
    op_init(&t->req.op, on_text_indexer_ensured);
    op_init(&t->pause.op, on_text_indexer_pause);
}

void text_indexer_kick(struct text_indexer *t)
{
    text_indexer_look(t);
}

void text_indexer_run(struct text_indexer *t, bool busy)
{
    t->busy = busy;
    if (!busy)
        text_indexer_look(t);
}

void text_indexer_stop(struct text_indexer *t)
{
    t->stopped = true;
    op_cancel(&t->req.op);
    op_cancel(&t->pause.op);
}

bool text_indexer_is_idle(const struct text_indexer *t)
{
    return !op_pending(&t->req.op) && !op_pending(&t->pause.op);
}
