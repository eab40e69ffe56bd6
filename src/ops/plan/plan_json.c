/* What was counted, as people read it: items, tokens, money, time, reasons. */
#include "ops/plan/plan_impl.h"

#include "ops/result_json.h"
#include "record/deletes/delete_guard.h"
#include <stdio.h>

/*
 * Of tokens, as they are billed, to those that are estimated. Once so many
 * texts of a service have been billed, their ratio holds for the next ones;
 * before that these bounds do: a byte-level tokenizer makes no more tokens than
 * there are bytes, and words are rarely longer than 12.
 */
enum { MEASURED_TEXTS = 1000 };
static const double least_ratio = 0.25, most_ratio = 4;

struct plan_range {
    double low, high;
};

static bool plan_is_measured(const struct plan_service *s)
{
    return s->facts.texts >= MEASURED_TEXTS && s->facts.estimated > 0;
}

static struct plan_range plan_tokens(
    const struct plan *p, const struct plan_service *s)
{
    double ratio, guess = (double)s->tokens;

    if (p->config.embedding.provider != PROVIDER_OPENAI)
        return (struct plan_range){0, 0}; /* nobody sends a bill */
    if (!plan_is_measured(s))
        return (struct plan_range){guess * least_ratio, guess * most_ratio};
    ratio = (double)s->facts.billed / (double)s->facts.estimated;
    return (struct plan_range){guess * ratio, guess * ratio};
}

static json_t *plan_range_json(struct plan_range r)
{
    return json_pack("{s:I, s:I}", "low", (json_int_t)(r.low + 0.5), "high",
        (json_int_t)(r.high + 0.5));
}

/* null: the price is not known. */
static json_t *plan_cost_json(const struct plan *p, struct plan_range tokens)
{
    double price = p->config.embedding.price_per_token;

    if (!p->config.embedding.priced)
        return json_null();
    return json_pack(
        "{s:f, s:f}", "low", tokens.low * price, "high", tokens.high * price);
}

/* Reading has just taken as long as it will; how fast texts are embedded, the
 * last runs tell. < 0: they do not. */
static double plan_seconds(const struct plan_service *s)
{
    uint64_t items = s->fresh + s->changed;
    double seconds = (double)s->result.duration_ms / 1000;

    if (items == 0)
        return seconds;
    if (s->facts.embed_items == 0)
        return -1;
    return seconds + (double)items * (double)s->facts.embed_ms / 1000 /
                         (double)s->facts.embed_items;
}

static json_t *plan_seconds_json(double seconds)
{
    return seconds < 0 ? json_null()
                       : json_real((double)(long)(seconds * 10) / 10);
}

/* --- reasons --- */

static void plan_reason(json_t *reasons, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void plan_reason(json_t *reasons, const char *fmt, ...)
{
    char text[ERR_MSG_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    json_array_append_new(reasons, result_json_text(text));
}

static void plan_reason_model(json_t *reasons, const struct plan_service *s)
{
    uint64_t others = s->open.items;

    if (s->open.model_before[0] == '\0')
        return;
    if (others >= s->changed + s->result.counts.unchanged)
        plan_reason(reasons, "another model, %s before: all %llu",
            s->open.model_before, (unsigned long long)others);
    else
        plan_reason(reasons, "another model, %s before: up to %llu",
            s->open.model_before, (unsigned long long)others);
}

uint64_t plan_told(const struct plan_service *s)
{
    return s->swept_told ? s->result.counts.tombstones + s->told_before.left
                         : 0;
}

uint64_t plan_items_told(const struct plan_service *s)
{
    return s->facts.items + s->fresh;
}

uint64_t plan_items_missing(const struct plan_service *s)
{
    uint64_t items = plan_items_told(s), told = plan_told(s);

    return told < items ? items - told : 0; /* one may be told of twice */
}

bool plan_refuses_told(const struct plan *p, const struct plan_service *s)
{
    return delete_guard_refuses(
        plan_told(s), plan_items_told(s), p->config.sync.max_delete_percent);
}

bool plan_refuses_missing(const struct plan *p, const struct plan_service *s)
{
    return delete_guard_refuses(s->unseen.left, plan_items_missing(s),
        p->config.sync.max_delete_percent);
}

static void plan_reason_told(
    const struct plan *p, json_t *reasons, const struct plan_service *s)
{
    if (plan_refuses_told(p, s))
        plan_reason(reasons,
            "the source tells that %llu of %llu items are deleted: more than "
            "BATCH_SYNC_MAX_DELETE_PERCENT (%d), so none would be",
            (unsigned long long)plan_told(s),
            (unsigned long long)plan_items_told(s),
            p->config.sync.max_delete_percent);
}

static void plan_reason_deletes(
    const struct plan *p, json_t *reasons, const struct plan_service *s)
{
    if (!s->deletes || s->result.errors_total > 0)
        return;
    if (s->swept && plan_refuses_missing(p, s))
        plan_reason(reasons,
            "%llu of %llu items are gone: more than "
            "BATCH_SYNC_MAX_DELETE_PERCENT (%d), so none would be deleted",
            (unsigned long long)s->unseen.left,
            (unsigned long long)plan_items_missing(s),
            p->config.sync.max_delete_percent);
    else if (s->swept && s->facts.nunseen == PLAN_UNSEEN_MOST)
        plan_reason(reasons, "at least so many would be deleted");
    else if (!s->swept && !s->facts.judges)
        plan_reason(reasons,
            "nothing is deleted before two complete passes have missed it");
    else if (!s->swept)
        plan_reason(reasons,
            "what the source has no more is deleted only by a complete pass "
            "over everything; %llu items were missing at the last one",
            (unsigned long long)s->facts.nunseen);
}

static json_t *plan_reasons(const struct plan *p, const struct plan_service *s)
{
    json_t *reasons = json_array();

    if (p->req->bare ||
        (s->service != NULL && s->open.microservice_id[0] == '\0'))
        plan_reason(reasons, "nothing of the service is stored yet");
    plan_reason_model(reasons, s);
    plan_reason_told(p, reasons, s);
    plan_reason_deletes(p, reasons, s);
    if (!s->result.pass.complete && s->result.pass.reason != NULL)
        plan_reason(
            reasons, "the source is not complete: %s", s->result.pass.reason);
    return reasons;
}

/* --- a service, all of them --- */

static json_t *plan_errors(const struct service_result *result)
{
    json_t *errors = json_array();

    for (uint32_t i = 0; i < result->nerrors; i++)
        json_array_append_new(
            errors, json_pack("{s:i, s:o}", "page", result->errors[i].page,
                        "error", result_json_text(result->errors[i].error)));
    return errors;
}

/* What such a run would delete: without a complete pass over everything nothing
 * that is missing, which is a reason of its own. */
static json_t *plan_deletes_json(
    const struct plan *p, const struct plan_service *s)
{
    uint64_t missing = 0;

    if (s->swept && !plan_refuses_missing(p, s))
        missing = s->unseen.left;
    if (plan_refuses_told(p, s))
        return json_integer(0); /* nor is what is missing */
    return json_integer((json_int_t)(plan_told(s) + missing));
}

static json_t *plan_service_json(const struct plan *p,
    const struct service_result *result, const struct plan_service *s)
{
    const struct counts *c = &s->result.counts;
    struct plan_range tokens = plan_tokens(p, s);
    bool success = result->errors_total == 0;

    return json_pack(
        "{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:o,"
        " s:I, s:b, s:o, s:o, s:o, s:o}",
        "service", result->service, "success", success, "items",
        (json_int_t)c->received, "new", (json_int_t)s->fresh, "changed",
        (json_int_t)s->changed, "metadataOnly", (json_int_t)s->metadata,
        "unchanged", (json_int_t)c->unchanged, "collisions",
        (json_int_t)c->collisions, "failed", (json_int_t)c->failed, "toDelete",
        plan_deletes_json(p, s), "pieces", (json_int_t)s->pieces, "requests",
        (json_int_t)s->requests, "tokensEstimated", (json_int_t)s->tokens,
        "tokens", plan_range_json(tokens), "repaired", (json_int_t)c->repaired,
        "measured", plan_is_measured(s), "cost", plan_cost_json(p, tokens),
        "seconds", plan_seconds_json(plan_seconds(s)), "reasons",
        plan_reasons(p, s), "errors", plan_errors(result));
}

static json_t *plan_totals(const struct plan *p)
{
    struct plan_range tokens = {0, 0};
    uint64_t fresh = 0, changed = 0, metadata = 0, requests = 0, pieces = 0;
    double seconds = 0;

    for (size_t i = 0; i < p->nservices; i++) {
        const struct plan_service *s = &p->services[i];
        struct plan_range more = plan_tokens(p, s);
        double took = plan_seconds(s);

        tokens.low += more.low;
        tokens.high += more.high;
        fresh += s->fresh;
        changed += s->changed;
        metadata += s->metadata;
        requests += s->requests;
        pieces += s->pieces;
        seconds = seconds < 0 || took < 0 ? -1 : seconds + took;
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "new",
        (json_int_t)fresh, "changed", (json_int_t)changed, "metadataOnly",
        (json_int_t)metadata, "pieces", (json_int_t)pieces, "requests",
        (json_int_t)requests, "tokens", plan_range_json(tokens), "cost",
        plan_cost_json(p, tokens), "seconds", plan_seconds_json(seconds));
}

json_t *plan_json(const struct plan *p)
{
    const struct run_result *result = p->run.result;
    json_t *services = json_array();
    bool success = true;

    for (size_t i = 0; i < p->nservices; i++) {
        success = success && result->services[i].errors_total == 0;
        json_array_append_new(services,
            plan_service_json(p, &result->services[i], &p->services[i]));
    }
    return json_pack("{s:b, s:s, s:s, s:s, s:o, s:o}", "success", success,
        "source", result->source, "tenant", p->run.run.options.spec.tenant,
        "model", p->ops->embedding.model, "services", services, "total",
        plan_totals(p));
}

bool plan_succeeded(const json_t *plan)
{
    return json_is_true(json_object_get(plan, "success"));
}
