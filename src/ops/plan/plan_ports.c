/*
 * The ports of a plan. Those that read go to the real ones; those that would
 * send a text, or write a row, count it and succeed.
 *
 * Services come one after another, so what is counted belongs to the one that
 * was begun last. Failures: those of the reads. Cancel: what only counts has
 * ended by then.
 */
#include "ops/plan/plan_impl.h"

#include <stdlib.h>

static void plan_ports_done(const struct plan *p, struct op *op)
{
    op_begin(op, p->ports.queue, NULL);
    op_finish(op, NULL);
}

static const struct ports *plan_ports_real(void *world)
{
    return ((struct plan *)world)->ops->ports;
}

/* --- those that read --- */

static void plan_port_list_services(void *world, struct services_req *req)
{
    plan_ports_real(world)->list_services(plan_ports_real(world)->world, req);
}

static void plan_port_fetch_page(void *world, struct page_req *req)
{
    plan_ports_real(world)->fetch_page(plan_ports_real(world)->world, req);
}

static void plan_port_recall(void *world, struct recall_req *req)
{
    plan_ports_real(world)->recall(plan_ports_real(world)->world, req);
}

static void plan_port_lookup(void *world, struct lookup_req *req)
{
    struct plan *p = world;

    if (req->scope->microservice_id[0] != '\0') {
        plan_ports_real(world)->lookup(plan_ports_real(world)->world, req);
        return;
    }
    req->nrows = req->nletters = 0;
    plan_ports_done(p, &req->op);
}

static void plan_port_due_letters(void *world, struct due_letters_req *req)
{
    struct plan *p = world;

    if (!p->req->bare) {
        plan_ports_real(world)->due_letters(plan_ports_real(world)->world, req);
        return;
    }
    req->n = 0;
    plan_ports_done(p, &req->op);
}

static void plan_port_work(void *world, struct work_req *req)
{
    plan_ports_real(world)->work(plan_ports_real(world)->world, req);
}

static void plan_port_timer(
    void *world, struct timer_req *req, uint64_t delay_ms)
{
    plan_ports_real(world)->timer(plan_ports_real(world)->world, req, delay_ms);
}

static uint64_t plan_port_now_ms(void *world)
{
    return plan_ports_real(world)->now_ms(plan_ports_real(world)->world);
}

static int64_t plan_port_wall_ms(void *world)
{
    return plan_ports_real(world)->wall_ms(plan_ports_real(world)->world);
}

static uint64_t plan_port_random(void *world)
{
    return plan_ports_real(world)->random(plan_ports_real(world)->world);
}

/* --- the ledger --- */

static void plan_port_run_begin(void *world, struct run_begin_req *req)
{
    struct plan *p = world;

    snprintf(req->run_id, sizeof(req->run_id), "plan");
    p->nservices = req->spec.nservices;
    p->services =
        arena_calloc(&p->arena, p->nservices + 1, sizeof(*p->services));
    if (p->services == NULL)
        abort();
    for (size_t i = 0; i < p->nservices; i++)
        p->services[i].registered = req->spec.services[i];
    plan_ports_done(p, &req->op);
}

static void plan_port_hand_out(struct plan *p, struct service_begin_req *req)
{
    req->claim = CLAIM_SERVICE;
    req->position = p->next;
    p->at = &p->services[p->next++];
    snprintf(req->token, sizeof(req->token), "plan");
    req->first_page = 1;
    req->limit = p->config.sync.limit;
    req->announced = req->short_before = -1;
    req->received = req->letters = 0;
    req->deaths = 0;
}

static void on_plan_port_since(struct op *op)
{
    struct plan *p = container_of(op, struct plan, since.op);
    struct service_begin_req *req = p->begin;

    if (op->err.code == 0) {
        plan_port_hand_out(p, req);
        memcpy(req->since, p->since.since, sizeof(req->since));
    }
    op_finish(&req->op, &op->err);
}

static void plan_port_service_begin(void *world, struct service_begin_req *req)
{
    struct plan *p = world;

    req->claim = CLAIM_DONE;
    req->since[0] = '\0';
    if (p->next == p->nservices || req->give_up != NULL) {
        plan_ports_done(p, &req->op);
    } else if (!req->incremental || p->req->bare) {
        plan_port_hand_out(p, req);
        plan_ports_done(p, &req->op);
    } else {
        op_begin(&req->op, p->ports.queue, NULL);
        p->begin = req;
        p->since = (struct plan_since_req){.tenant = req->tenant,
            .service = p->services[p->next].registered,
            .embedding = p->ops->embedding,
            .overlap_s = p->config.sync.overlap_s};
        op_init(&p->since.op, on_plan_port_since);
        plan_since_ask(p->ops->write, p->ops->loop, &p->since);
    }
}

static void plan_port_take_out(
    struct plan_ids *from, const struct str *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const size_t *out = strmap_get(&from->map, ids[i]);
        bool found;

        if (out == NULL || *out != 0)
            continue;
        *strmap_put(&from->map, ids[i], &found) = 1;
        from->left--;
    }
}

/* An id of a page is not gone, whatever it says of it; and what was told before
 * is told again, or no longer true. */
static void plan_port_see(
    struct plan_service *s, const struct str *ids, size_t n)
{
    plan_port_take_out(&s->unseen, ids, n);
    plan_port_take_out(&s->told_before, ids, n);
}

static void plan_port_checkpoint(void *world, struct checkpoint_req *req)
{
    struct plan *p = world;

    plan_port_see(p->at, req->seen, req->nseen);
    plan_port_see(p->at, req->tombstones, req->ntombstones);
    req->known_letters = 0;
    plan_ports_done(p, &req->op);
}

static void plan_port_sweep(void *world, struct sweep_req *req)
{
    struct plan *p = world;
    struct plan_service *s = p->at;

    /* How much goes is judged when all is counted. */
    if (req->kind == SWEEP_TOLD)
        s->swept_told = true;
    else
        s->swept = s->facts.judges;
    plan_ports_done(p, &req->op);
}

static void plan_port_service_end(void *world, struct service_end_req *req)
{
    struct plan *p = world;

    p->at->result = *req->result;
    plan_ports_done(p, &req->op);
}

static void plan_port_service_release(void *world, const char *token)
{
}

static void plan_port_run_end(void *world, struct run_end_req *req)
{
    struct plan *p = world;

    req->closed = req->mode == RUN_END_DONE;
    req->status = req->closed ? RUN_SUCCESS : RUN_INTERRUPTED;
    req->services =
        arena_calloc(req->arena, req->nservices + 1, sizeof(*req->services));
    req->ended =
        arena_calloc(req->arena, req->nservices + 1, sizeof(*req->ended));
    if (req->services == NULL || req->ended == NULL)
        abort();
    for (size_t i = 0; i < req->nservices; i++) {
        req->services[i] = p->services[i].result;
        req->ended[i] = i < p->next;
    }
    plan_ports_done(p, &req->op);
}

/* --- the store --- */

static void plan_port_take_ids(
    struct plan_ids *to, struct arena *arena, const struct str *ids, size_t n)
{
    bool found;

    if (strmap_init(&to->map, arena, n) < 0)
        abort();
    for (size_t i = 0; i < n; i++)
        strmap_put(&to->map, ids[i], &found);
    to->left = n;
}

/* What is told goes first, and is not missing then. */
static void plan_port_take_facts(struct plan_service *s, struct arena *arena)
{
    if (!s->told)
        s->facts.ntold = 0;
    plan_port_take_ids(&s->unseen, arena, s->facts.unseen, s->facts.nunseen);
    plan_port_take_ids(&s->told_before, arena, s->facts.told, s->facts.ntold);
    plan_port_take_out(&s->unseen, s->facts.told, s->facts.ntold);
}

static void on_plan_port_facts(struct op *op)
{
    struct plan_service *s = container_of(op, struct plan_service, facts.op);
    struct plan *p = s->plan;

    if (op->err.code == 0) {
        plan_port_take_facts(s, &p->arena);
        s->open = *p->opening;
    }
    op_finish(&p->opening->op, &op->err);
}

static void plan_port_store_open(void *world, struct store_open_req *req)
{
    struct plan *p = world;
    struct plan_service *s = p->at;

    s->plan = p;
    s->service = req->service;
    s->deletes = !req->forget_seen;
    s->told = !req->forget_told;
    req->microservice_id[0] = req->model_before[0] = '\0';
    req->has_letters = false;
    req->items = 0;
    if (p->req->bare) {
        plan_ports_done(p, &req->op);
        return;
    }
    op_begin(&req->op, p->ports.queue, NULL);
    p->opening = req;
    s->facts = (struct plan_facts_req){
        .open = req, .deletes = s->deletes || s->told, .arena = &p->arena};
    op_init(&s->facts.op, on_plan_port_facts);
    plan_facts_ask(p->ops->write, p->ops->loop, &s->facts);
}

static void plan_port_store(void *world, struct store_req *req)
{
    struct plan *p = world;
    struct plan_service *s = p->at;

    for (size_t i = 0; i < req->nrows; i++) {
        const struct store_row *row = &req->rows[i];

        s->pieces += row->vector != NULL;
        if (row->chunk_index > 0)
            continue;
        s->fresh += row->fresh;
        s->changed += !row->fresh && row->vector != NULL;
        s->metadata += !row->fresh && row->vector == NULL;
    }
    req->written = req->nrows;
    plan_ports_done(p, &req->op);
}

/* --- the embedder --- */

static size_t plan_port_requests(const struct plan *p, size_t n, size_t tokens)
{
    const struct config_embedding_limits *most = &p->config.embedding.limits;
    size_t by_inputs =
        most->inputs > 0 ? (n + (size_t)most->inputs - 1) / (size_t)most->inputs
                         : 1;
    size_t by_tokens = most->tokens > 0 ? (tokens + (size_t)most->tokens - 1) /
                                              (size_t)most->tokens
                                        : 1;

    return by_inputs > by_tokens ? by_inputs : by_tokens;
}

/* Every text gets a vector, which nobody looks at. */
static void plan_port_embed(void *world, struct embed_req *req)
{
    struct plan *p = world;
    size_t tokens = 0;

    for (size_t i = 0; i < req->n; i++)
        if (req->outcomes == NULL || req->outcomes[i] != EMBED_GOOD)
            tokens += text_tokens(req->texts[i]);
    memset(req->vectors, 0,
        req->n * (size_t)req->dimensions * sizeof(*req->vectors));
    req->status = 200;
    req->culprit = 0;
    req->over = 0;
    req->sent = req->n;
    req->tokens = 0;
    req->tokens_guess = tokens;
    p->at->requests += plan_port_requests(p, req->n, tokens);
    p->at->texts += req->n;
    p->at->tokens += tokens;
    plan_ports_done(p, &req->op);
}

void plan_wire(struct plan *p)
{
    p->ports = (struct ports){
        .world = p,
        .queue = p->ops->ports->queue,
        .dry = true,
        .list_services = plan_port_list_services,
        .fetch_page = plan_port_fetch_page,
        .recall = p->ops->ports->recall != NULL && !p->req->bare
                      ? plan_port_recall
                      : NULL,
        .embed = plan_port_embed,
        .store_open = plan_port_store_open,
        .lookup = plan_port_lookup,
        .due_letters = plan_port_due_letters,
        .store = plan_port_store,
        .run_begin = plan_port_run_begin,
        .service_begin = plan_port_service_begin,
        .checkpoint = plan_port_checkpoint,
        .sweep = plan_port_sweep,
        .service_end = plan_port_service_end,
        .service_release = plan_port_service_release,
        .run_end = plan_port_run_end,
        .work = plan_port_work,
        .timer = plan_port_timer,
        .now_ms = plan_port_now_ms,
        .wall_ms = plan_port_wall_ms,
        .random = plan_port_random,
    };
}
