#include "ops/verify/verify_impl.h"

#include "ops/services.h"
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum verify_mend mend;
} kinds[VERIFY_NKINDS] = {
#define X(kind, name, mend, what, todo) [kind] = {name, mend},
    VERIFY_KINDS(X)
#undef X
};

const char *verify_kind_name(enum verify_kind kind)
{
    return kinds[kind].name;
}

enum verify_mend verify_kind_mend(enum verify_kind kind)
{
    return kinds[kind].mend;
}

uint64_t verify_left(const struct verify_request *req)
{
    uint64_t left = 0;

    for (int i = 0; i < VERIFY_NKINDS; i++)
        left += req->tallies[i].found - req->tallies[i].mended;
    return left;
}

/* --- counting ------------------------------------------------------------- */

static const char *verify_copy(struct verify_request *req, struct str s)
{
    return s.len == 0 ? NULL : arena_dup(&req->arena, s).p;
}

void verify_note(struct verify_request *req, const char *service,
    const struct verify_finding *f)
{
    struct verify_tally *t = &req->tallies[f->kind];

    t->found += f->n;
    if (t->nexamples == VERIFY_EXAMPLES)
        return;
    t->examples[t->nexamples++] = (struct verify_example){
        .service = service == NULL ? NULL : verify_copy(req, str_of(service)),
        .content_id = verify_copy(req, f->content_id),
        .piece = f->piece,
        .n = f->n,
        .other = verify_copy(req, f->other)};
}

/* --- resting, ending ------------------------------------------------------ */

static void on_verify_rested(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, pause.op);
    void (*then)(struct verify_state *) = v->then;

    if (!verify_failed(v, op, "rest"))
        then(v);
}

void verify_rest(struct verify_state *v, void (*then)(struct verify_state *v))
{
    uint64_t took = loop_now_ms(v->req->ops->loop) - v->batch_ms;

    v->then = then;
    op_init(&v->pause.op, on_verify_rested);
    loop_timer(v->req->ops->loop, &v->pause, took);
}

bool verify_failed(struct verify_state *v, const struct op *op, const char *at)
{
    struct err err = op->err;

    if (err.code == 0 && v->canceled)
        err_set(&err, ERR_CANCELED, "canceled");
    if (err.code == 0)
        return false;
    err_wrap(&err, "%s", at);
    verify_end(v, &err);
    return true;
}

void verify_end(struct verify_state *v, const struct err *err)
{
    struct verify_request *req = v->req;

    req->ended_ms = loop_now_ms(req->ops->loop);
    arena_free(&v->batch);
    free(v->last);
    req->state = NULL;
    free(v);
    op_finish(&req->op, err);
}

void verify_over(struct verify_state *v)
{
    struct err none = {0};

    verify_end(v, &none);
}

void verify_clear(struct verify_request *req)
{
    arena_free(&req->arena);
    json_decref(req->run);
}

static void verify_cancel(struct op *op)
{
    struct verify_request *req = container_of(op, struct verify_request, op);
    struct verify_state *v = req->state;

    v->canceled = true;
    op_cancel(&v->survey.op);
    op_cancel(&v->scan.op);
    op_cancel(&v->nodes.op);
    op_cancel(&v->pause.op);
    op_cancel(&v->embed.op);
    op_cancel(&v->sample.op);
    op_cancel(&v->plan.op);
}

/* --- the survey ----------------------------------------------------------- */

static bool verify_is_asked(const struct verify_request *req, const char *name)
{
    struct arena *a = (struct arena *)&req->arena;

    for (size_t i = 0; i < req->ask.nservices; i++)
        if (strcmp(services_stored_name(req->ops, a, req->ask.services[i]),
                name) == 0)
            return true;
    return req->ask.nservices == 0;
}

/* Those that were asked for and have a schema. */
static void verify_choose(struct verify_state *v)
{
    struct verify_survey_req *s = &v->survey;
    struct verify_request *req = v->req;
    size_t n = 0;

    for (size_t i = 0; i < s->nservices; i++) {
        const char *name = s->services[i].name;
        struct verify_finding unknown = {.kind = VERIFY_SERVICE_UNKNOWN,
            .content_id = str_of(name),
            .piece = -1,
            .n = 1};

        if (!verify_is_asked(req, name))
            continue;
        if (schema_find(req->ops->schemas, &req->arena, name) == NULL)
            verify_note(req, NULL, &unknown);
        else
            s->services[n++] = s->services[i];
    }
    s->nservices = n;
}

/* A service that was asked for and has no rows. */
static const char *verify_lacks(const struct verify_state *v)
{
    struct verify_request *req = v->req;

    for (size_t i = 0; i < req->ask.nservices; i++) {
        const char *name =
            services_stored_name(req->ops, &req->arena, req->ask.services[i]);
        bool there = false;

        for (size_t k = 0; k < v->survey.nservices; k++)
            there = there || strcmp(v->survey.services[k].name, name) == 0;
        if (!there)
            return req->ask.services[i];
    }
    return NULL;
}

static void on_verify_surveyed(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, survey.op);
    const char *lacks;
    struct err err;

    if (verify_failed(v, op, "look for services"))
        return;
    lacks = verify_lacks(v);
    if (lacks != NULL) {
        err_set(&err, ERR_NOT_FOUND, "nothing is stored of service %s", lacks);
        verify_end(v, &err);
        return;
    }
    for (size_t i = 0; i < v->survey.n; i++)
        verify_note(v->req, NULL, &v->survey.findings[i]);
    verify_choose(v);
    verify_scan_begin(v);
}

void verify_begin(const struct ops *ops, struct verify_request *req)
{
    struct verify_state *v = calloc(1, sizeof(*v));

    if (v == NULL)
        abort();
    req->ops = ops;
    req->recall = -1;
    req->state = v;
    req->began_ms = loop_now_ms(ops->loop);
    arena_init(&req->arena, 0);
    arena_init(&v->batch, 0);
    v->req = req;
    trace_context_begin(&v->trace, str_of(req->ask.traceparent));
    v->survey = (struct verify_survey_req){
        .arena = &req->arena, .tenant = ops->config->sync.tenant};
    op_begin(&req->op, ops->ports->queue, verify_cancel);
    op_init(&v->survey.op, on_verify_surveyed);
    verify_survey(ops->look, &v->survey);
}
