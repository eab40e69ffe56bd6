#include "ops/verify/verifier.h"

#include "base/log.h"
#include "base/text.h"
#include "ops/result_json.h"
#include <stdlib.h>

static void verifier_look(struct verifier *v);

static json_t *verifier_time(int64_t ms)
{
    char iso[ISO_BYTES];

    iso_from_ms(ms, iso);
    return json_string(iso);
}

/* --- one of them ---------------------------------------------------------- */

static void verifier_keep(struct verifier *v, const struct err *err)
{
    json_decref(v->last);
    v->last = verify_json(&v->req);
    json_object_set_new(v->last, "trigger", json_string(v->trigger));
    json_object_set_new(v->last, "startedAt", verifier_time(v->began_ms));
    json_object_set_new(v->last, "finishedAt", verifier_time(loop_wall_ms()));
    json_object_set_new(v->last, "error",
        err->code == 0 ? json_null() : result_json_text(err->msg));
}

static void verifier_log(const struct verifier *v, const struct err *err)
{
    uint64_t left = verify_left(&v->req);

    if (err->code != 0)
        log_warn(NULL, "verify: %s", err->msg);
    else if (left > 0)
        log_warn(NULL,
            "verify: something is wrong in %llu places of what is stored: GET "
            "/admin/batch-sync/verify says what, and what to do",
            (unsigned long long)left);
    else
        log_info(NULL, "verify: %llu rows, nothing is wrong",
            (unsigned long long)v->req.rows);
}

static void on_verifier_done(struct op *op)
{
    struct verifier *v = container_of(op, struct verifier, req.op);

    v->running = false;
    verifier_keep(v, &op->err);
    verifier_log(v, &op->err);
    if (op->err.code == 0)
        metrics_verified(
            v->metrics, verify_left(&v->req), loop_wall_ms() / 1000);
    if (v->req.ask.repair && !v->stopped)
        linker_kick(v->linker, v->ops->config->sync.tenant);
    verify_clear(&v->req);
    arena_free(&v->asked);
}

static void verifier_copy(struct verifier *v, const struct verify_ask *ask)
{
    const char **names;

    arena_init(&v->asked, 0);
    v->req = (struct verify_request){.ask = *ask};
    names = arena_calloc(&v->asked, ask->nservices + 1, sizeof(*names));
    if (names == NULL)
        abort();
    for (size_t i = 0; i < ask->nservices; i++)
        names[i] = arena_dup(&v->asked, str_of(ask->services[i])).p;
    v->req.ask.services = names;
    v->req.ask.traceparent = arena_dup(&v->asked, str_of(ask->traceparent)).p;
}

int verifier_begin(struct verifier *v, const struct verify_ask *ask,
    const char *trigger, struct err *err)
{
    if (v->running)
        return err_set(err, ERR_ALREADY_RUNNING, "a verification is under way");
    v->running = true;
    v->trigger = trigger;
    v->began_ms = loop_wall_ms();
    verifier_copy(v, ask);
    op_init(&v->req.op, on_verifier_done);
    verify_begin(v->ops, &v->req);
    return 0;
}

static json_t *verifier_running(const struct verifier *v)
{
    uint64_t found = 0;

    if (!v->running)
        return json_null();
    for (int i = 0; i < VERIFY_NKINDS; i++)
        found += v->req.tallies[i].found;
    return json_pack("{s:s, s:o, s:I, s:I, s:I, s:I}", "trigger", v->trigger,
        "startedAt", verifier_time(v->began_ms), "rows",
        (json_int_t)v->req.rows, "items", (json_int_t)v->req.items, "nodes",
        (json_int_t)v->req.nodes, "found", (json_int_t)found);
}

json_t *verifier_json(const struct verifier *v)
{
    int64_t next_ms =
        v->zone == NULL ? SCHEDULE_NONE : schedule_next_ms(&v->schedule);

    return json_pack("{s:o, s:O, s:o}", "running", verifier_running(v), "last",
        v->last == NULL ? json_null() : v->last, "next",
        next_ms == SCHEDULE_NONE ? json_null() : verifier_time(next_ms));
}

/* --- the schedule --------------------------------------------------------- */

/* A scheduled one looks, and mends nothing. */
static void on_verifier_claimed(struct op *op)
{
    struct verifier *v = container_of(op, struct verifier, claim.op);
    struct verify_ask ask = {0};
    struct err err;

    if (v->stopped)
        return;
    if (op->err.code != 0)
        log_warn(
            NULL, "verify: the schedule's fire was not taken: %s", op->err.msg);
    else if (v->claim.taken && verifier_begin(v, &ask, "schedule", &err) < 0)
        log_warn(NULL, "verify: %s", err.msg);
    verifier_look(v);
}

static void on_verifier_timer(struct op *op)
{
    struct verifier *v = container_of(op, struct verifier, timer.op);

    if (op->err.code == 0 && !v->stopped)
        verifier_look(v);
}

static void verifier_look(struct verifier *v)
{
    struct schedule_step step;

    schedule_look(&v->schedule, loop_wall_ms(), (int64_t)loop_mono_ms(), &step);
    if (step.fire) {
        v->claim = (struct verify_claim_req){.fire_ms = step.nominal_ms};
        op_init(&v->claim.op, on_verifier_claimed);
        verify_claim(v->ops->write, v->ops->loop, &v->claim);
        return;
    }
    op_init(&v->timer.op, on_verifier_timer);
    loop_timer(v->ops->loop, &v->timer, (uint64_t)step.wake_ms);
}

void verifier_start(struct verifier *v)
{
    struct schedule_options options = {.cron = &v->cron, .zone = v->zone};

    if (v->zone == NULL || v->stopped)
        return;
    schedule_init(&v->schedule, &options, SCHEDULE_NONE, loop_wall_ms(),
        (int64_t)loop_mono_ms());
    verifier_look(v);
}

void verifier_init(struct verifier *v, const struct ops *ops,
    struct linker *linker, struct metrics *metrics)
{
    const struct config_schedule *config = &ops->config->schedule;
    struct err err;

    *v = (struct verifier){.ops = ops, .linker = linker, .metrics = metrics};
    op_init(&v->req.op, on_verifier_done);
    op_init(&v->timer.op, on_verifier_timer);
    op_init(&v->claim.op, on_verifier_claimed);
    if (config->verify != NULL &&
        cron_parse(config->verify, &v->cron, &err) == 0)
        v->zone = zone_open(config->timezone, &err);
    if (v->zone != NULL)
        v->schedule.pending_ms = SCHEDULE_NONE;
}

void verifier_stop(struct verifier *v)
{
    v->stopped = true;
    op_cancel(&v->timer.op);
    op_cancel(&v->claim.op);
    op_cancel(&v->req.op);
}

bool verifier_is_idle(const struct verifier *v)
{
    return !v->running && !op_pending(&v->timer.op) &&
           !op_pending(&v->claim.op);
}

void verifier_free(struct verifier *v)
{
    zone_close(v->zone);
    json_decref(v->last);
}
