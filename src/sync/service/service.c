/*
 * Happy path: open, pages, end; the header draws it. All decisions
 * about pages are taken in service_pages.c, in one place and one turn of the
 * loop: pages and chunks only say that something has moved (service_kick()).
 *
 * Failures: transient ones of the ledger and the store are tried again in
 * place; what is left becomes an error of page 0 and the service ends.
 *
 * Cancel: the pipeline says `stopping` or `aborting`, and a kick follows.
 * Close: the run frees it after `done`.
 */
#include "sync/service/service_impl.h"

#include <assert.h>
#include <stdlib.h>

enum { DUE_BYTES = 64 * 1024 * 1024 }; /* kept items that are tried at once */

static const unsigned service_moves[] = {
    [SERVICE_OPEN] = 1u << SERVICE_PAGES | 1u << SERVICE_END,
    [SERVICE_PAGES] = 1u << SERVICE_SWEEP | 1u << SERVICE_END,
    [SERVICE_SWEEP] = 1u << SERVICE_END,
    [SERVICE_END] = 1u << SERVICE_DONE,
    [SERVICE_DONE] = 0,
};

void service_move(struct service *s, enum service_state to)
{
    assert(service_moves[s->state] & 1u << to);
    s->state = to;
}

void service_result_error(struct service_result *result, struct arena *arena,
    int page, const struct err *err)
{
    struct page_error *e;

    result->errors_total++;
    if (result->errors == NULL)
        result->errors =
            arena_calloc(arena, RESULT_ERRORS, sizeof(*result->errors));
    if (result->errors == NULL || result->nerrors == RESULT_ERRORS)
        return;
    e = &result->errors[result->nerrors++];
    e->page = page;
    e->code = err->code;
    memcpy(e->error, err->msg, sizeof(e->error));
}

void service_error(struct service *s, int page, const struct err *err)
{
    struct log_ctx ctx = {
        .run = s->p->run_id, .service = s->result->service, .page = page};

    service_result_error(s->result, s->arena, page, err);
    log_error(&ctx, "%s", err->msg);
}

/* Kicks: the next iteration of the loop takes all decisions at once. */

static void on_service_kick(struct op *op)
{
    struct service_busy *busy = container_of(op, struct service_busy, kick.op);

    service_step_pages(busy->service);
}

static void service_kick_one(struct service *s)
{
    struct timer_req *timer = &s->busy->kick;

    if (s->state != SERVICE_PAGES || op_pending(&timer->op))
        return;
    op_init(&timer->op, on_service_kick);
    s->p->ports->timer(s->p->ports->world, timer, 0);
}

static void service_kick_later(void *arg)
{
    struct service *s = arg;

    list_for_each (at, &s->p->services)
        service_kick_one(container_of(at, struct service, sibling));
}

void service_kick_siblings(struct service *s)
{
    list_for_each (at, &s->p->services)
        if (at != &s->sibling)
            service_kick_one(container_of(at, struct service, sibling));
}

bool service_is_alone(const struct service *s)
{
    return s->sibling.next == s->sibling.prev; /* the head */
}

void service_took(struct service *s)
{
    list_remove(&s->sibling);
    list_push(&s->p->services, &s->sibling);
}

void service_kick(struct service *s)
{
    if (s->p->aborting) {
        op_cancel(&s->busy->open.op);
        op_cancel(&s->busy->sweep.op);
        op_cancel(&s->busy->due.op);
        op_cancel(&s->busy->retry.timer.op);
    }
    service_kick_later(s);
}

/* The end */

static void service_log_end(const struct service *s)
{
    const struct counts *c = &s->result->counts;

    log_info(
        &(struct log_ctx){.run = s->p->run_id, .service = s->result->service},
        "the service has ended: %s, %u pages, %llu items: %llu %s, %llu "
        "unchanged, %llu failed; %llu ms",
        s->result->success ? "success" : "failed", s->result->pages,
        (unsigned long long)c->received, (unsigned long long)c->stored,
        pipeline_stored_word(s->p), (unsigned long long)c->unchanged,
        (unsigned long long)c->failed,
        (unsigned long long)s->result->duration_ms);
}

static void service_finish(struct service *s)
{
    const struct ports *ports = s->p->ports;
    struct service_result *result = s->result;

    service_move(s, SERVICE_DONE);
    result->success = result->errors_total == 0;
    result->duration_ms = ports->now_ms(ports->world) - s->busy->started_ms;
    service_log_end(s);
    service_kick_siblings(s);
    list_remove(&s->sibling);
    pipeline_event(
        s->p, &(struct run_event){.kind = EVENT_SERVICE_END,
                  .service = result->service,
                  .position = s->busy->claim->position,
                  .counts = &result->counts,
                  .duration_ms = result->duration_ms,
                  .complete = result->pass.complete,
                  .outcome = result->success ? "success" : "failed"});
    s->done(s, s->arg);
}

static void service_end_submit(struct service *s);

static void on_service_end_waited(struct op *op)
{
    service_end_submit(
        container_of(op, struct service_busy, retry.timer.op)->service);
}

static void on_service_ended(struct op *op)
{
    struct service *s = container_of(op, struct service_busy, end.op)->service;
    struct err err = op->err;

    if (err.code != 0) {
        err_wrap(&err, "record the end of the service");
        if (retry_start(&s->busy->retry, s->p, CALL_CHECKPOINT, &err,
                on_service_end_waited))
            return;
        service_error(s, 0, &err);
    }
    service_finish(s);
}

static void service_end_submit(struct service *s)
{
    const struct ports *ports = s->p->ports;
    struct service_end_req *req = &s->busy->end;

    *req = (struct service_end_req){.token = s->busy->claim->token,
        .result = s->result,
        .interrupted = s->p->stopping,
        .withdraws = s->p->embed.at_fault,
        .next = s->next == NULL ? NULL : s->next(s->arg)};
    op_init(&req->op, on_service_ended);
    ports->service_end(ports->world, req);
}

/* What its pages have set aside is withdrawn: the fault was the embedder's, and
 * the same run may succeed later. */
static void service_excuse_letters(struct service_result *result)
{
    for (uint32_t i = 0; i < result->nerrors; i++)
        if (result->errors[i].code == ERR_INVALID)
            result->errors[i].code = ERR_UNAVAILABLE;
}

void service_end(struct service *s)
{
    const struct ports *ports = s->p->ports;

    if (s->p->embed.at_fault)
        service_excuse_letters(s->result);
    retry_reset(&s->busy->retry);
    s->result->success = s->result->errors_total == 0;
    s->result->duration_ms = ports->now_ms(ports->world) - s->busy->started_ms;
    service_move(s, SERVICE_END);
    service_end_submit(s);
}

static void service_fail(struct service *s, const struct err *err)
{
    service_error(s, 0, err);
    service_end(s);
}

/* Opening */

static void service_open_submit(struct service *s);

static void on_service_open_waited(struct op *op)
{
    struct service *s =
        container_of(op, struct service_busy, retry.timer.op)->service;

    if (op->err.code != 0)
        service_fail(s, &op->err);
    else
        service_open_submit(s);
}

/* Before anything is paid for. */
static void service_note_model(const struct service *s)
{
    const struct store_open_req *open = &s->busy->open;
    struct log_ctx ctx = {.run = s->p->run_id, .service = s->result->service};
    struct err note;

    if (open->model_before[0] == '\0')
        return;
    err_set(&note, 0,
        "the model has changed from %s to %s (%s, %d): up to %llu items will "
        "be embedded again",
        open->model_before, open->model, open->provider, open->dimensions,
        (unsigned long long)open->items);
    log_warn(&ctx, "%s", note.msg);
    pipeline_event(s->p, &(struct run_event){.kind = EVENT_NOTE,
                             .service = s->result->service,
                             .note = note.msg});
}

static void on_service_opened(struct op *op)
{
    struct service *s = container_of(op, struct service_busy, open.op)->service;
    struct err err = op->err;

    if (err.code != 0) {
        err_wrap(&err, "open the store");
        if (!retry_start(&s->busy->retry, s->p, CALL_CHECKPOINT, &err,
                on_service_open_waited))
            service_fail(s, &err);
        return;
    }
    s->scope.microservice_id = s->busy->open.microservice_id;
    s->ctx.has_letters = s->busy->open.has_letters;
    service_note_model(s);
    service_move(s, SERVICE_PAGES);
    service_kick_later(s);
}

static void service_open_submit(struct service *s)
{
    const struct ports *ports = s->p->ports;
    const struct embedding_id *id = &s->p->options->embedding;
    struct store_open_req *req = &s->busy->open;

    *req = (struct store_open_req){.tenant = s->scope.tenant,
        .service = s->scope.service,
        .description = s->schema->description,
        .version = s->schema->version,
        .forget_seen = !s->schema->delete_missing,
        .forget_told = s->schema->deleted_when == NULL,
        .forget_links = s->schema->nlinks == 0 && ports->link != NULL,
        .registered = s->result->service,
        .provider = id->provider,
        .model = id->model,
        .dimensions = id->dimensions};
    op_init(&req->op, on_service_opened);
    ports->store_open(ports->world, req);
}

/* Beginning */

/* An interruption does not erase the failures from before it. */
static void service_note_earlier_letters(struct service *s)
{
    struct err err;

    if (s->busy->claim->letters == 0)
        return;
    err_set(&err, ERR_INVALID,
        "%llu items could not be stored and are dead letters since before the "
        "run was interrupted",
        (unsigned long long)s->busy->claim->letters);
    service_error(s, 0, &err);
}

static void service_begin_care(struct service *s)
{
    struct log_ctx ctx = {.run = s->p->run_id, .service = s->result->service};

    s->suspect = s->busy->claim->deaths > 0;
    care_begin(&s->busy->care, s->p->options->limit, s->busy->claim->deaths,
        &s->next_page, &s->limit);
    if (s->limit != s->busy->claim->limit)
        s->busy->shrunk = s->limit;
    if (s->busy->care.mode != CARE_NONE)
        log_warn(&ctx,
            "%d processes in a row have ended in this page: reading on "
            "carefully, in pages of %d",
            s->busy->claim->deaths, s->limit);
}

static void service_begin(struct service *s)
{
    const struct service_begin_req *claim = s->busy->claim;
    const char *given = s->p->options->spec.since;
    struct err err;

    if (s->schema == NULL) {
        err_set(
            &err, ERR_INVALID, "no schema for service %s", s->result->service);
        service_fail(s, &err);
        return;
    }
    s->scope.token = claim->token;
    s->scope.service = s->schema->service_name;
    item_fingerprint(
        s->schema, &s->p->options->embedding, s->scope.fingerprint);
    s->ctx.since = given != NULL          ? given
                   : claim->since[0] != 0 ? claim->since
                                          : NULL;
    s->next_page = claim->first_page;
    s->limit = claim->limit;
    service_begin_care(s);
    pass_begin(&s->pass, s->p->options->limit, s->schema->ignores_total,
        claim->received, claim->announced);
    service_note_earlier_letters(s);
    service_open_submit(s);
}

struct service *service_start(struct pipeline *p, struct arena *arena,
    const struct schema_set *schemas, const struct service_begin_req *claim,
    struct service_result *result, void (*done)(struct service *s, void *arg),
    void *arg)
{
    struct service *s = calloc(1, sizeof(*s));
    struct service_busy *busy = calloc(1, sizeof(*busy));

    if (s == NULL || busy == NULL)
        abort();
    result->pass = (struct pass_end){.shortfall = -1};
    *s = (struct service){.p = p,
        .arena = arena,
        .schema = schema_find(schemas, arena, result->service),
        .state = SERVICE_OPEN,
        .scope = {.tenant = p->options->spec.tenant},
        .more = true,
        .ids = known_ids_new(),
        .result = result,
        .busy = busy,
        .done = done,
        .arg = arg};
    s->ctx = (struct page_context){.p = p,
        .schema = s->schema,
        .scope = &s->scope,
        .service = result->service,
        .kick = service_kick_later,
        .arg = s};
    list_init(&s->pages);
    list_push(&p->services, &s->sibling);
    service_fill_init(s);
    busy->service = s;
    arena_init(&busy->due_arena, DUE_BYTES);
    busy->claim = claim;
    busy->started_ms = p->ports->now_ms(p->ports->world);
    pipeline_event(p, &(struct run_event){.kind = EVENT_SERVICE_BEGIN,
                          .service = result->service,
                          .position = claim->position});
    service_begin(s);
    return s;
}

void service_free(struct service *s)
{
    assert(s->state == SERVICE_DONE && list_empty(&s->pages) &&
           list_empty(&s->chunks.list));
    buf_free(&s->busy->sweep.after);
    arena_free(&s->busy->due_arena);
    known_ids_free(s->ids);
    free(s->busy);
    free(s);
}
