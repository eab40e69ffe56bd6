#include "sync/pipeline.h"

enum { RETRY_CAP_MS = 30000 };

void pipeline_op_init(struct pipeline *p, struct op *op, op_cb done)
{
    op_init(op, done);
    op->begun_ms = p->ports->now_ms(p->ports->world);
}

void pipeline_event(const struct pipeline *p, const struct run_event *event)
{
    struct run_event full = *event;

    if (p->ports->event == NULL)
        return;
    full.run_id = p->run_id;
    full.tenant = p->tenant;
    p->ports->event(p->ports->world, &full);
}

static enum provider pipeline_provider_of(enum call_kind call)
{
    if (call == CALL_FETCH)
        return COORDINATOR;
    return call == CALL_EMBED ? EMBEDDER : DATABASE;
}

void pipeline_measure(
    struct pipeline *p, enum call_kind call, const struct op *op)
{
    uint64_t now = p->ports->now_ms(p->ports->world);
    int *spent = &p->spent[pipeline_provider_of(call)];

    if (op->err.code == 0 && *spent > 0)
        --*spent;
    pipeline_event(p, &(struct run_event){.kind = EVENT_CALL,
                          .call = call,
                          .duration_ms = now - op->begun_ms,
                          .in_flight = (size_t)p->window.in_flight,
                          .err = op->err.code == 0 ? NULL : &op->err});
}

uint64_t retry_delay_ms(
    int base_ms, int tries, uint32_t retry_after_ms, uint64_t random)
{
    uint64_t span = (uint64_t)base_ms;

    for (int i = 1; i < tries && span < RETRY_CAP_MS; i++)
        span *= 2;
    if (span > RETRY_CAP_MS)
        span = RETRY_CAP_MS;
    return retry_after_ms + random % (span + 1);
}

/*
 * Answers to requests that were under way when the window was halved say
 * nothing new: it is not halved again for them.
 */
void pipeline_pace(struct pipeline *p, const struct op *op)
{
    struct window *w = &p->window;
    double workers = p->options->workers;

    if (op->err.code == 0) {
        w->slots += 1 / w->slots;
        if (w->slots > workers)
            w->slots = workers;
    } else if ((op->err.code == ERR_BUSY || op->err.code == ERR_UNAVAILABLE) &&
               op->begun_ms >= w->slowed_ms) {
        w->slots = w->slots / 2 < 1 ? 1 : w->slots / 2;
        w->slowed_ms = p->ports->now_ms(p->ports->world);
    }
}

/* Linking is not waited for: what is queued stays queued. */
static bool pipeline_may_be_away(enum call_kind call)
{
    return pipeline_provider_of(call) == DATABASE && call != CALL_LINK;
}

/* How often it has failed, by the count that the error belongs to; 0: that
 * was the last time. */
static int pipeline_count_try(
    struct retry *r, const struct pipeline *p, enum call_kind call, int code)
{
    uint64_t now = p->ports->now_ms(p->ports->world);
    int tries = p->retries.tries;

    if (code == ERR_BUSY)
        return ++r->busy < tries * RETRY_BUSY_FACTOR ? r->busy : 0;
    if (code != ERR_UNAVAILABLE || !pipeline_may_be_away(call))
        return ++r->tries < tries ? r->tries : 0;
    if (r->away == 0)
        r->away_ms = now;
    ++r->away;
    return now - r->away_ms < RETRY_PATIENCE_MS ? r->away : 0;
}

/* Takes one retry of the provider's budget, if the failure is one of those
 * that do; false: there is none left. */
static bool pipeline_take_of_budget(
    struct pipeline *p, enum call_kind call, int code)
{
    static const char *const names[] = {
        [COORDINATOR] = "the coordinator",
        [EMBEDDER] = "the embedder",
        [DATABASE] = "the database",
    };
    enum provider provider = pipeline_provider_of(call);
    int budget = RETRY_BUDGET_FACTOR * p->retries.tries;

    if (code != ERR_TIMEOUT &&
        (code != ERR_UNAVAILABLE || pipeline_may_be_away(call)))
        return true;
    if (p->spent[provider] == budget)
        return false;
    if (++p->spent[provider] == budget)
        log_warn(
            p->run_id[0] == '\0' ? NULL : &(struct log_ctx){.run = p->run_id},
            "%s does not answer: what fails there is not tried again until "
            "it does",
            names[provider]);
    return true;
}

void pipeline_note_retry(const struct pipeline *p, const char *service,
    int page, enum call_kind call, const struct err *err)
{
    struct log_ctx log = {.run = p->run_id, .service = service, .page = page};

    log_warn(&log, "%s; trying again", err->msg);
    pipeline_event(p, &(struct run_event){.kind = EVENT_RETRY,
                          .service = service,
                          .page = page,
                          .call = call,
                          .err = err});
}

bool retry_start(struct retry *r, struct pipeline *p, enum call_kind call,
    const struct err *err, op_cb done)
{
    uint64_t delay;
    int tries;

    if (!err_is_transient(err->code) || p->aborting)
        return false;
    tries = pipeline_count_try(r, p, call, err->code);
    if (tries == 0 || !pipeline_take_of_budget(p, call, err->code))
        return false;
    delay = retry_delay_ms(p->retries.base_ms, tries, err->retry_after_ms,
        p->ports->random(p->ports->world));
    op_init(&r->timer.op, done);
    p->ports->timer(p->ports->world, &r->timer, delay);
    return true;
}

bool err_is_fatal(int code)
{
    return code == ERR_AUTH || code == ERR_QUOTA || code == ERR_CONFIG ||
           code == ERR_LATER || code == ERR_BUDGET;
}
