/*
 * PAGES -> SWEEP -> END, in two parts, each where the schema asks for it:
 *
 *   TOLD      what the source has told is deleted, by any run that has read to
 *             the source's end: a later page could have told otherwise
 *   MISSING   when a pass has read the whole source without an error, what
 *             neither it nor the complete pass before it has seen
 *
 * The port finds both by what the pages' checkpoints have kept.
 *
 * Happy path: one batch per call, until the port reports no more.
 * Failures: transient ones are retried; any other is an error of the service,
 * and the pass does not count as complete. Deleted batches stay deleted, and
 * what was told stays told.
 * Cancel: stopping lets the current batch finish; the resumed run deletes the
 * rest.
 */
#include "sync/service/service_impl.h"

enum { LONGEST_ID = 1024 * 1024 }; /* bytes: others' rows may have any */

/* Has every page been read? What is there to be told has been told then. */
static bool service_sweep_is_told(const struct service *s)
{
    return s->schema->deleted_when != NULL && s->read_all && !s->busy->failed &&
           pipeline_open(s->p);
}

/* Was everything requested and read, without an error? */
static bool service_sweep_is_complete_pass(const struct service *s)
{
    return s->schema->delete_missing && s->result->errors_total == 0 &&
           s->result->pass.complete && s->ctx.since == NULL &&
           strcmp(s->p->options->spec.kind, "incremental") != 0 &&
           pipeline_open(s->p);
}

/* By enum sweep_kind. */
static const char *const service_sweep_words[] = {
    [SWEEP_MISSING] = "gone from the source",
    [SWEEP_TOLD] = "deleted, as the source tells"};

static void log_sweep(const struct service *s)
{
    const struct sweep_req *req = &s->busy->sweep;
    struct log_ctx ctx = {.run = s->p->run_id, .service = s->result->service};
    const char *gone = service_sweep_words[req->kind];

    if (req->refused)
        log_warn(&ctx,
            "%llu of %llu items are %s: more than "
            "BATCH_SYNC_MAX_DELETE_PERCENT (%d), so none is deleted",
            (unsigned long long)req->missing, (unsigned long long)req->items,
            gone, req->max_percent);
    if (req->deleted > req->deleted_before)
        log_info(&ctx, "deleted %llu items that are %s",
            (unsigned long long)(req->deleted - req->deleted_before), gone);
    if (req->nodes_kept > 0)
        log_info(&ctx,
            "kept %llu graph nodes of deleted items: others' edges hold them",
            (unsigned long long)req->nodes_kept);
}

static void service_sweep_submit(struct service *s);

static void service_sweep_begin(struct service *s, enum sweep_kind kind)
{
    struct sweep_req *req = &s->busy->sweep;

    if (s->state != SERVICE_SWEEP)
        service_move(s, SERVICE_SWEEP);
    *req = (struct sweep_req){.kind = kind,
        .scope = &s->scope,
        .max_percent = s->p->options->max_delete_percent};
    buf_init(&req->after, LONGEST_ID);
    retry_reset(&s->busy->retry);
    service_sweep_submit(s);
}

/* What is missing is looked at when what was told is gone. Where that was too
 * much to be believed nothing else is: an item that was told of is missing,
 * too. */
static void service_sweep_missing(struct service *s)
{
    if (service_sweep_is_complete_pass(s))
        service_sweep_begin(s, SWEEP_MISSING);
    else
        service_end(s);
}

static void service_sweep_finish(struct service *s)
{
    const struct sweep_req *req = &s->busy->sweep;

    log_sweep(s);
    s->result->counts.deleted += req->deleted - req->deleted_before;
    s->result->counts.delete_refused += req->refused ? req->missing : 0;
    buf_free(&s->busy->sweep.after);
    if (req->kind == SWEEP_TOLD && !req->refused)
        service_sweep_missing(s);
    else
        service_end(s);
}

static void service_sweep_fail(struct service *s, struct err *err)
{
    err_wrap(
        err, "delete what is %s", service_sweep_words[s->busy->sweep.kind]);
    service_error(s, 0, err);
    service_sweep_finish(s);
}

static void on_service_sweep_waited(struct op *op)
{
    struct service *s =
        container_of(op, struct service_busy, retry.timer.op)->service;

    if (op->err.code != 0)
        service_sweep_fail(s, &op->err);
    else
        service_sweep_submit(s);
}

static void on_service_sweep_swept(struct op *op)
{
    struct service_busy *busy = container_of(op, struct service_busy, sweep.op);
    struct service *s = busy->service;
    struct err err = op->err;

    if (err.code != 0) {
        if (!retry_start(&busy->retry, s->p, CALL_CHECKPOINT, &err,
                on_service_sweep_waited))
            service_sweep_fail(s, &err);
        return;
    }
    retry_reset(&busy->retry);
    if (!busy->sweep.more) {
        service_sweep_finish(s);
    } else if (pipeline_open(s->p)) {
        service_sweep_submit(s);
    } else {
        err_set(&err, ERR_CANCELED, "stopped before all of it was deleted");
        service_sweep_fail(s, &err);
    }
}

static void service_sweep_submit(struct service *s)
{
    const struct ports *ports = s->p->ports;
    struct sweep_req *req = &s->busy->sweep;

    op_init(&req->op, on_service_sweep_swept);
    ports->sweep(ports->world, req);
}

void service_sweep(struct service *s)
{
    if (service_sweep_is_told(s))
        service_sweep_begin(s, SWEEP_TOLD);
    else
        service_sweep_missing(s);
}
