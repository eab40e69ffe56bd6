/*
 * Dead letters of a passing kind, when all pages of the service have ended:
 * those that are due are tried again from what was kept of them, batch by
 * batch, as if they were one more page. So they do not wait for the source to
 * send them, which in incremental runs it never may.
 *
 * Failures: what cannot be looked for is tried by the next run, and said. One
 * that fails again has a longer pause. Each takes half a minute to be convicted
 * again: when so many have been, the rest is left to the next run.
 *
 * Cancel: the search is canceled with the service's other requests.
 */
#include "sync/service/service_impl.h"

enum { DUE_LETTERS = 10 /* a batch */, MOST_FAILED = 20 };

static void service_letters_due_failed(struct service *s, const struct err *err)
{
    s->busy->due_tried = true;
    log_warn(
        &(struct log_ctx){.run = s->p->run_id, .service = s->result->service},
        "dead letters that are due are left to the next run: %s", err->msg);
}

/* They have failed before: they say nothing new of the embedder. */
static void service_letters_start(struct service *s)
{
    struct page *page =
        page_start_letters(&s->ctx, s->next_page, &s->busy->due);

    page->next_limit = s->limit;
    page->announced = s->pass.said;
    s->chunks.known = true;
    list_push(&s->pages, &page->link);
}

static void on_service_letters_due(struct op *op)
{
    struct service_busy *busy = container_of(op, struct service_busy, due.op);
    struct service *s = busy->service;
    struct due_letters_req *due = &busy->due;

    if (op->err.code != 0)
        service_letters_due_failed(s, &op->err);
    else if (due->n == 0 || !pipeline_open(s->p))
        busy->due_tried = true;
    else {
        memcpy(busy->due_after, due->digests[due->n - 1], SHA256_BYTES);
        service_letters_start(s);
    }
    s->ctx.kick(s->ctx.arg);
}

static void service_letters_look_for_due(struct service *s)
{
    static const uint8_t none[SHA256_BYTES];
    struct service_busy *busy = s->busy;
    bool first = memcmp(busy->due_after, none, SHA256_BYTES) == 0;

    arena_free(&busy->due_arena);
    busy->due = (struct due_letters_req){.arena = &busy->due_arena,
        .scope = &s->scope,
        .after = first ? NULL : busy->due_after,
        .limit = DUE_LETTERS};
    op_init(&busy->due.op, on_service_letters_due);
    s->p->ports->due_letters(s->p->ports->world, &busy->due);
}

static bool may_try_letters(const struct service *s)
{
    return s->ctx.has_letters && !s->busy->due_tried && !s->busy->failed &&
           pipeline_open(s->p) && s->busy->care.mode < CARE_SMALL &&
           s->busy->of_letters.failed < MOST_FAILED;
}

bool service_try_letters(struct service *s)
{
    if (op_pending(&s->busy->due.op))
        return true;
    if (!may_try_letters(s))
        return false;
    service_letters_look_for_due(s);
    return true;
}
