/*
 * Happy path: fetch -> render -> compare -> drain -> checkpoint; the header
 * draws it. Fetching and understanding are here, then comes page_render.c, the
 * comparison is in page_compare.c, the end in page_checkpoint.c.
 *
 * Failures: transient ones of fetch, lookup and checkpoint are tried again in
 * place; what is left goes to page->err, and the page ends.
 *
 * Cancel: page_fail(.., true) cancels what is under way; the callback of that
 * ends the page. Close: the service frees it in DONE, when nothing of it is
 * pending.
 */
#include "sync/page/page_impl.h"

#include <assert.h>
#include <stdlib.h>

enum {
    ANSWER_BYTES = 512 * 1024 * 1024,
    PAGE_LEAST_BYTES = 64 * 1024 * 1024,
    PAGE_FACTOR = 3,
    ITEM_BYTES = 128 /* an id and the stored hashes, of a small one */
};

#define TO(state) (1u << (state))

/* The moves the header draws; every state may end in DONE. */
static const unsigned page_moves[] = {
    [PAGE_FETCH] = TO(PAGE_FETCH_WAIT) | TO(PAGE_RENDER),
    [PAGE_FETCH_WAIT] = TO(PAGE_FETCH),
    [PAGE_RENDER] = TO(PAGE_READY),
    [PAGE_READY] = TO(PAGE_LOOKUP) | TO(PAGE_DRAIN),
    [PAGE_LOOKUP] = TO(PAGE_LOOKUP_WAIT) | TO(PAGE_DRAIN),
    [PAGE_LOOKUP_WAIT] = TO(PAGE_LOOKUP),
    [PAGE_DRAIN] = TO(PAGE_CHECKPOINT),
    [PAGE_CHECKPOINT] = TO(PAGE_CHECKPOINT_WAIT),
    [PAGE_CHECKPOINT_WAIT] = TO(PAGE_CHECKPOINT),
};

void page_move(struct page *page, enum page_state to)
{
    assert(page->state != PAGE_DONE);
    assert(to == PAGE_DONE || page_moves[page->state] & TO(to));
    page->state = to;
    page->ctx->kick(page->ctx->arg);
}

bool page_retry(
    struct page *page, const struct err *err, enum page_state wait, op_cb done)
{
    static const enum call_kind calls[] = {
        [PAGE_FETCH_WAIT] = CALL_FETCH,
        [PAGE_LOOKUP_WAIT] = CALL_LOOKUP,
        [PAGE_CHECKPOINT_WAIT] = CALL_CHECKPOINT,
    };

    if (page->share.failed ||
        !retry_start(&page->busy->retry, page->ctx->p, calls[wait], err, done))
        return false;
    pipeline_note_retry(
        page->ctx->p, page->ctx->service, page->number, calls[wait], err);
    if (!page->busy->again) /* in DRAIN it stays there */
        page_move(page, wait);
    return true;
}

/* Fetching */

static void on_page_fetched(struct op *op);

static void page_fetch_submit(struct page *page)
{
    const struct ports *ports = page->ctx->p->ports;
    struct page_req *req = &page->busy->fetch;

    arena_free(&page->busy->answer);
    *req = (struct page_req){.arena = &page->busy->answer,
        .service = page->ctx->service,
        .tenant = page->ctx->p->options->spec.tenant,
        .since = page->ctx->since,
        .page = page->number,
        .limit = page->limit};
    trace_context_next(&page->ctx->p->trace, req->traceparent);
    pipeline_op_init(page->ctx->p, &req->op, on_page_fetched);
    ports->fetch_page(ports->world, req);
}

static void on_page_fetch_waited(struct op *op)
{
    struct page *page = page_of_timer(op);

    if (page->share.failed) {
        page_finish(page);
        return;
    }
    page_move(page, PAGE_FETCH);
    page_fetch_submit(page);
}

static void page_fetch_failed(struct page *page, const struct err *err)
{
    if (page_retry(page, err, PAGE_FETCH_WAIT, on_page_fetch_waited))
        return;
    page->too_large = err->code == ERR_TOO_LARGE;
    page->view = (struct page_view){.items = NULL};
    page_fail(page, err, false);
    page_finish(page);
}

static int page_understand(struct page *page, struct err *err)
{
    struct page_work *busy = page->busy;
    int rc = envelope_read(&busy->fetch.envelope, busy->fetch.service,
        page->ctx->schema, &page->arena, &page->view, err);

    if (rc < 0)
        return rc;
    page->items =
        arena_calloc(&page->arena, page->view.n, sizeof(*page->items));
    busy->keys = arena_calloc(&page->arena, page->view.n, sizeof(*busy->keys));
    if (page->items == NULL || busy->keys == NULL ||
        strmap_init(&page->ids, &page->arena, page->view.n) < 0 ||
        arena_room(&page->arena) / ITEM_BYTES < page->view.n)
        return err_set(
            err, ERR_NOMEM, "no memory for a page of %zu items", page->view.n);
    return 0;
}

/*
 * What a page may hold goes by what came: values, ids and texts of items as
 * they are, but not a million items that are next to nothing. Those are asked
 * for in smaller pages.
 */
static void page_understand_answer(struct work_req *req)
{
    struct page_work *busy = container_of(req, struct page_work, computing);
    struct page *page = busy->page;

    page->arena.cap_bytes = PAGE_LEAST_BYTES + PAGE_FACTOR * page->bytes;
    err_clear(&busy->why);
    page_understand(page, &busy->why);
    arena_free(&busy->answer);
    if (busy->why.code != ERR_NOMEM)
        return;
    arena_free(&page->arena);
    err_set(&busy->why, ERR_TOO_LARGE,
        "the answer of %zu bytes with %zu items takes more than the %zu MiB "
        "that a page of that size may have",
        page->bytes, page->view.n, page->arena.cap_bytes >> 20);
}

static void on_page_understood(struct op *op)
{
    struct page *page = page_of_computing(op);
    struct page_work *busy = page->busy;
    struct err err = op->err;

    if (err.code == 0)
        err = page->share.failed ? page->err : busy->why;
    if (err.code != 0) {
        page_fetch_failed(page, &err);
        return;
    }
    page->counts.replaced += page->view.replaced;
    retry_reset(&busy->retry);
    page_move(page, PAGE_RENDER);
    if (page->letters == NULL)
        pipeline_event(
            page->ctx->p, &(struct run_event){.kind = EVENT_PAGE_READ,
                              .service = page->ctx->service,
                              .page = page->number});
    page_render(page);
}

static void on_page_fetched(struct op *op)
{
    struct page_work *busy = container_of(op, struct page_work, fetch.op);
    struct page *page = busy->page;
    struct err err = op->err;

    pipeline_measure(page->ctx->p, CALL_FETCH, op);
    if (err.code == 0 && page->share.failed)
        err = page->err;
    if (err.code != 0) {
        page_fetch_failed(page, &err);
        return;
    }
    page->bytes = busy->fetch.envelope.json.len;
    page_compute(page, page_understand_answer, on_page_understood);
}

/* Computing */

/*
 * Nothing else looks at what a page in FETCH, RENDER or LOOKUP fills in. Done
 * at once unless the page is large.
 */
void page_compute(
    struct page *page, void (*work)(struct work_req *req), op_cb done)
{
    const struct ports *ports = page->ctx->p->ports;
    struct work_req *req = &page->busy->computing;

    op_init(&req->op, done);
    req->work = work;
    if (page_is_large(page)) {
        ports->work(ports->world, req);
        return;
    }
    work(req);
    done(&req->op);
}

void page_later(struct page *page, op_cb done)
{
    struct pipeline *p = page->ctx->p;
    struct timer_req *timer = &page->busy->retry.timer;

    op_init(&timer->op, done);
    p->ports->timer(p->ports->world, timer, 0);
}

/* Life */

static struct page *page_new(struct page_context *ctx, int number, int limit)
{
    struct page *page = calloc(1, sizeof(*page));
    struct page_work *busy = calloc(1, sizeof(*busy));

    if (page == NULL || busy == NULL)
        abort();
    page->ctx = ctx;
    page->busy = busy;
    busy->page = page;
    page->number = number;
    page->next_page = number + 1;
    page->limit = page->next_limit = limit;
    page->announced = -1;
    arena_init(&page->arena, PAGE_LEAST_BYTES);
    arena_init(&busy->answer, ANSWER_BYTES);
    arena_init(&busy->texts, PAGE_LEAST_BYTES);
    arena_init(&busy->passing, ANSWER_BYTES);
    buf_init(&busy->scratch, TEXT_BYTES);
    list_init(&page->link);
    page->share = (struct page_share){
        .arena = &page->arena, .counts = &page->counts, .number = number};
    return page;
}

struct page *page_start(struct page_context *ctx, int number, int limit)
{
    struct page *page = page_new(ctx, number, limit);

    page->state = PAGE_FETCH;
    page_fetch_submit(page);
    return page;
}

static int page_take_letters(
    struct page *page, const struct due_letters_req *due)
{
    struct page_req *fetch = &page->busy->fetch;
    uint8_t(*digests)[SHA256_BYTES] =
        arena_calloc(&page->arena, due->n, SHA256_BYTES);

    *fetch = (struct page_req){.service = page->ctx->service,
        .envelope.json = arena_dup(&page->busy->answer, due->json)};
    if (digests == NULL || fetch->envelope.json.p == NULL)
        return ERR_NOMEM;
    memcpy(digests, due->digests, due->n * SHA256_BYTES);
    page->letters = digests;
    page->bytes = due->json.len;
    return 0;
}

struct page *page_start_letters(
    struct page_context *ctx, int next_page, const struct due_letters_req *due)
{
    struct page *page = page_new(ctx, 0, (int)due->n);

    if (page_take_letters(page, due) < 0)
        abort();
    page->state = PAGE_FETCH;
    page->next_page = next_page;
    page_compute(page, page_understand_answer, on_page_understood);
    return page;
}

struct page *page_skip(struct page_context *ctx, int number)
{
    struct page *page = page_new(ctx, number, 1);

    page->state = PAGE_DRAIN;
    page->unread = true;
    return page;
}

void page_free(struct page *page)
{
    assert(page->state == PAGE_DONE && page->share.under_way == 0);
    list_remove(&page->link);
    buf_free(&page->busy->scratch);
    arena_free(&page->busy->answer);
    arena_free(&page->busy->passing);
    arena_free(&page->busy->texts);
    arena_free(&page->arena);
    free(page->busy);
    free(page);
}
