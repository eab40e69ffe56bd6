/*
 * The ledger, in memory: one run, its services, and whose they are. Heartbeats
 * are no events: who is alive keeps his lease, who has crashed or is frozen
 * keeps it for SIM_LEASE_MS more.
 */
#include "world.h"

#include "record/pass/care.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t draw_latency(struct world *w)
{
    return 1 + sim_random(&w->random) % (uint64_t)w->faults.latency_ms;
}

static bool is_stalled(const struct world *p, uint64_t now_ms)
{
    return p->crashed ? now_ms > p->crashed_ms + SIM_LEASE_MS
                      : now_ms < p->frozen_until_ms &&
                            now_ms > p->frozen_from_ms + SIM_LEASE_MS;
}

/* Whose heartbeats name this token, if he is alive. */
static bool is_alive(const struct shared *shared, int token)
{
    for (int i = 0; i < shared->n; i++) {
        const struct world *p = shared->processes[i];

        for (int k = 0; k < SIM_SERVICES; k++)
            if (p->works[k].token == token)
                return !is_stalled(p, shared->clock_ms);
    }
    return false;
}

/* Does somebody have it? He may never have heard so. */
static bool is_held(const struct shared *shared, const struct sim_service *s)
{
    return s->state == TAKEN &&
           (is_alive(shared, s->token) || shared->clock_ms < s->expires_ms);
}

/* Ended or not: whose end is recorded a second time has it all the same. */
static struct sim_service *service_of(struct world *w, const char *token)
{
    struct sim_ledger *ledger = &w->shared->ledger;

    for (int i = 0; i < ledger->nservices; i++)
        if (ledger->services[i].token == atoi(token))
            return &ledger->services[i];
    return NULL;
}

bool ledger_has(const struct world *w, const struct scope *scope)
{
    return service_of((struct world *)w, scope->token) != NULL;
}

static int fenced(struct err *err)
{
    return err_set(err, ERR_FENCED, "another owner has taken over");
}

/* False: nothing came of it. True with *err: its answer alone is lost. */
static bool takes_effect(struct world *w, struct err *err)
{
    return !database_fails(w, w->faults.ledger, err) ||
           (int)(sim_random(&w->random) % 100) < w->faults.lost_ack;
}

/* Pages */

bool ledger_passes(
    const struct sim_work *work, const struct checkpoint_req *req)
{
    const struct open_page *page = &work->pages[work->ncheckpointed];

    return req->next_page > 0 && work->ncheckpointed < work->npages &&
           (page->hi == page->lo || page->letters ||
               (req->next_page - 1) * req->limit >= page->hi);
}

static void checkpoint(struct world *w, struct op *op, struct err *err)
{
    struct checkpoint_req *req = container_of(op, struct checkpoint_req, op);
    struct sim_service *s = service_of(w, req->scope->token);
    struct sim_work *work = world_work(w, req->scope);
    int service = world_service(req->scope->service);
    uint64_t known;

    if (s == NULL) {
        fenced(err);
        return;
    }
    if (!takes_effect(w, err))
        return;
    if (w->on_checkpoint != NULL)
        w->on_checkpoint(w, req);
    links_take(&w->shared->links, service, req);
    known = letters_take(&w->shared->letters, service, req);
    if (req->next_page > 0) {
        s->result.pages += req->next_page > s->next_page;
        s->next_page = req->next_page;
        s->limit = req->limit;
        s->announced = req->announced;
        s->deaths = req->deaths;
        s->result.counts = s->base;
        counts_add(&s->result.counts, req->counts);
        s->result.counts.known_failures += known;
    }
    if (err->code != 0)
        return; /* and when it comes again, nothing is counted twice */
    req->known_letters = known;
    if (op->err.code == 0 && ledger_passes(work, req))
        work->ncheckpointed++;
}

static void port_checkpoint(void *world, struct checkpoint_req *req)
{
    struct world *w = world;
    const struct counts *c = req->counts;

    CHECK(c->received ==
          c->stored + c->unchanged + c->tombstones + c->failed + c->collisions);
    if (ledger_passes(world_work(w, req->scope), req) && !w->crashed &&
        ledger_has(w, req->scope))
        world_check_settled(w, req);
    world_schedule(w, &req->op, draw_latency(w), checkpoint);
}

/* Services */

static void give_up(struct sim_ledger *ledger)
{
    for (int i = 0; i < ledger->nservices; i++)
        if (ledger->services[i].state == FREE) {
            ledger->services[i].state = ENDED;
            ledger->services[i].result.errors_total++;
        }
}

/* Its owner has, unless it is this one and did not hear that it was. */
static bool has_died(const struct world *w, const struct sim_service *s)
{
    return s->state == TAKEN && s->owner != w->life;
}

/* The next to be claimed, or NULL; *left: how many have not ended. `beside`:
 * nothing that its owners may have been lost of. */
static struct sim_service *next_service(struct world *w, bool beside, int *left)
{
    struct shared *shared = w->shared;
    struct sim_ledger *ledger = &shared->ledger;
    struct sim_service *lost = NULL, *free = NULL;

    *left = 0;
    for (int i = ledger->nservices - 1; i >= 0; i--) {
        struct sim_service *s = &ledger->services[i];

        *left += s->state != ENDED;
        if (beside && s->deaths + has_died(w, s) > 0)
            continue;
        if (s->state == FREE)
            free = s;
        else if (s->state == TAKEN && !is_held(shared, s))
            lost = s;
    }
    return free != NULL ? free : lost;
}

/* As many at once as may be, and none beside one whose owner was lost. */
static void check_company(const struct world *w, const struct sim_service *s)
{
    int n = 1;

    for (int i = 0; i < SIM_SERVICES; i++) {
        n += w->works[i].token != 0;
        CHECK(w->works[i].token == 0 ||
              w->shared->ledger.services[i].deaths == 0);
    }
    CHECK(n <= w->options->parallel);
}

/* It hears that the service is its own. */
static void take_claim(
    struct world *w, struct service_begin_req *req, const struct sim_service *s)
{
    struct sim_work *work = &w->works[s - w->shared->ledger.services];

    CHECK(w->shared->ledger.generation <= w->generation);
    req->claim = CLAIM_SERVICE;
    req->position = (size_t)(s - w->shared->ledger.services);
    req->first_page = s->next_page;
    req->limit = s->limit;
    req->received = s->base.received;
    req->announced = s->announced;
    req->short_before = w->shared->short_before[req->position];
    req->deaths = s->deaths;
    w->shared->ledger.careful |= s->deaths >= CARE_DEATHS;
    req->letters = s->base.failed - s->base.known_failures;
    snprintf(req->token, sizeof(req->token), "%d", s->token);
    w->beats = true;
    CHECK(s->deaths == 0 || !req->beside);
    check_company(w, s);
    world_begin_work(work);
    work->token = s->token;
    work->told = s->announced;
    work->claim = ++w->claims;
}

static void take_service(struct world *w, struct sim_service *s)
{
    s->deaths += has_died(w, s);
    s->state = TAKEN;
    s->begun = true;
    s->owner = w->life;
    s->token = ++w->shared->ledger.tokens;
    s->expires_ms = w->shared->clock_ms + SIM_LEASE_MS;
    s->base = s->result.counts;
}

static void claim(struct world *w, struct op *op, struct err *err)
{
    struct service_begin_req *req =
        container_of(op, struct service_begin_req, op);
    struct sim_ledger *ledger = &w->shared->ledger;
    struct sim_service *s;
    int left;

    if (!takes_effect(w, err))
        return;
    if (!ledger->running || ledger->generation > w->generation) {
        req->claim = CLAIM_GONE;
        return;
    }
    if (req->give_up != NULL)
        give_up(ledger);
    s = next_service(w, req->beside, &left);
    if (s == NULL) {
        req->claim = left > 0 ? CLAIM_WAIT : CLAIM_DONE;
        return;
    }
    take_service(w, s);
    if (err->code == 0)
        take_claim(w, req, s);
}

static void port_service_begin(void *world, struct service_begin_req *req)
{
    world_schedule(world, &req->op, 1, claim);
}

/* What the next pass is held against; one that was cut short says nothing. */
static void note_pass(
    struct shared *shared, ptrdiff_t service, const struct pass_end *pass)
{
    CHECK(!pass->complete || pass->shortfall == 0);
    if (pass->shortfall >= 0)
        shared->short_before[service] = pass->complete ? -1 : pass->shortfall;
}

/* The end of a service claims another, though its own may be another's. */
static void claim_next(struct world *w, struct service_end_req *req, bool told)
{
    struct sim_ledger *ledger = &w->shared->ledger;
    struct sim_service *s;
    int left;

    if (req->next == NULL || !ledger->running ||
        ledger->generation > w->generation)
        return;
    CHECK(!req->interrupted && req->next->give_up == NULL);
    s = next_service(w, true, &left);
    if (s == NULL || s->state != FREE || s->begun)
        return;
    for (int i = 0; told && i < SIM_SERVICES; i++)
        if (w->works[i].token == atoi(req->token))
            world_end_work(&w->works[i]);
    take_service(w, s);
    if (told)
        take_claim(w, req->next, s);
}

static void end_service(struct world *w, struct op *op, struct err *err)
{
    struct service_end_req *req = container_of(op, struct service_end_req, op);
    struct sim_service *s = service_of(w, req->token);

    if (s == NULL) {
        claim_next(w, req, true);
        fenced(err);
        return;
    }
    if (!takes_effect(w, err))
        return;
    if (req->withdraws)
        letters_withdraw(&w->shared->letters);
    if (req->interrupted) {
        s->state = FREE; /* as the last checkpoint left it */
        return;
    }
    s->result = (struct service_result){.success = req->result->success,
        .pages = s->result.pages,
        .errors_total = req->result->errors_total,
        .duration_ms = req->result->duration_ms,
        .pass = {req->result->pass.complete, req->result->pass.shortfall, NULL},
        .counts = s->base};
    counts_add(&s->result.counts, &req->result->counts);
    s->state = ENDED;
    note_pass(w->shared, s - w->shared->ledger.services, &s->result.pass);
    claim_next(w, req, err->code == 0);
}

static void port_service_end(void *world, struct service_end_req *req)
{
    struct world *w = world;

    for (int i = 0; i < SIM_SERVICES; i++)
        if (w->works[i].token == atoi(req->token))
            w->works[i].begun = false; /* what it had read is gone */
    world_schedule(w, &req->op, 1, end_service);
}

/* No heartbeat names its token any more. */
static void port_service_release(void *world, const char *token)
{
    struct world *w = world;

    for (int i = 0; i < SIM_SERVICES; i++)
        if (w->works[i].token == atoi(token))
            world_end_work(&w->works[i]);
}

/* Runs */

static bool anybody_alive(const struct shared *shared)
{
    for (int i = 0; i < shared->ledger.nservices; i++)
        if (is_held(shared, &shared->ledger.services[i]))
            return true;
    return false;
}

/* Nobody is at work on it: its owner is lost, or has let go of it. */
static bool is_lost(const struct shared *shared)
{
    const struct sim_ledger *ledger = &shared->ledger;
    const struct world *owner;

    if (ledger->interrupted)
        return !ledger->by_budget;
    if (!ledger->running || anybody_alive(shared) ||
        shared->clock_ms < ledger->expires_ms)
        return false;
    owner = ledger->owner < 0 ? NULL : shared->processes[ledger->owner];
    return owner == NULL || !owner->beats ||
           is_stalled(owner, shared->clock_ms);
}

static void resume(struct world *w)
{
    struct sim_ledger *ledger = &w->shared->ledger;

    for (int i = 0; i < ledger->nservices; i++) {
        struct sim_service *s = &ledger->services[i];

        s->deaths += has_died(w, s);
        if (s->state == TAKEN)
            s->state = FREE;
        s->token = ++ledger->tokens;
    }
    ledger->running = true;
    ledger->interrupted = ledger->by_budget = false;
    ledger->owner = w->process;
    ledger->generation = w->generation;
    ledger->expires_ms = w->shared->clock_ms + SIM_LEASE_MS;
}

static void begin_run(struct world *w, struct op *op, struct err *err)
{
    struct sim_ledger *ledger = &w->shared->ledger;

    w->beats = true;
    if (w->resumes && (ledger->running || ledger->interrupted)) {
        resume(w);
        return;
    }
    w->shared->letters.run++;
    *ledger = (struct sim_ledger){.running = true,
        .owner = w->process,
        .generation = w->generation,
        .nservices = w->source.services,
        .tokens = ledger->tokens};
    for (int i = 0; i < ledger->nservices; i++)
        ledger->services[i] = (struct sim_service){
            .next_page = 1, .limit = w->options->limit, .announced = -1};
}

static void port_run_begin(void *world, struct run_begin_req *req)
{
    const struct world *w = world;

    CHECK((int)req->spec.nservices == w->source.services);
    strcpy(req->run_id, "run");
    world_schedule(world, &req->op, 1, begin_run);
}

static bool has_work(struct world *w)
{
    int left;

    return next_service(w, false, &left) != NULL;
}

static void join(struct world *w, struct op *op, struct err *err)
{
    struct run_join_req *req = container_of(op, struct run_join_req, op);
    struct sim_ledger *ledger = &w->shared->ledger;
    static const char *names[] = {"service-0", "service-1", "service-2",
        "service-3", "service-4", "service-5"};

    req->run_id[0] = '\0';
    if (!takes_effect(w, err))
        return;
    if (ledger->generation > w->generation)
        return;
    if (is_lost(w->shared))
        resume(w);
    else if (!ledger->running || ledger->generation < w->generation ||
             !has_work(w))
        return;
    if (err->code != 0)
        return;
    strcpy(req->run_id, "run");
    req->spec = (struct run_spec){.run_id = req->run_id,
        .kind = "batch",
        .source = "env",
        .services = names,
        .nservices = (size_t)ledger->nservices};
}

static void port_run_join(void *world, struct run_join_req *req)
{
    world_schedule(world, &req->op, 1, join);
}

static bool all_ended(const struct sim_ledger *ledger)
{
    for (int i = 0; i < ledger->nservices; i++)
        if (ledger->services[i].state != ENDED)
            return false;
    return true;
}

static void settle(struct world *w, struct run_end_req *req)
{
    struct sim_ledger *ledger = &w->shared->ledger;
    bool owned = ledger->owner == w->process || ledger->owner < 0;

    if (!ledger->running)
        return;
    if (owned && all_ended(ledger)) {
        ledger->running = false;
        ledger->owner = w->process;
        ledger->closed++;
    } else if (req->mode == RUN_END_CANCEL) {
        ledger->running = false;
        ledger->owner = w->process;
    } else if (req->mode == RUN_END_LEAVE && owned) {
        ledger->interrupted = !anybody_alive(w->shared);
        ledger->by_budget = ledger->interrupted && req->budget != NULL;
        ledger->running = !ledger->interrupted;
        ledger->owner = ledger->running ? -1 : w->process;
    }
}

static enum run_status status_of(const struct sim_ledger *ledger)
{
    size_t successes = 0, some = 0;

    if (ledger->running || ledger->interrupted)
        return RUN_INTERRUPTED;
    if (!all_ended(ledger))
        return RUN_CANCELED;
    for (int i = 0; i < ledger->nservices; i++) {
        successes += ledger->services[i].result.success;
        some += ledger->services[i].result.pages > 0;
    }
    if (successes == (size_t)ledger->nservices)
        return RUN_SUCCESS;
    return successes + some > 0 ? RUN_PARTIAL : RUN_FAILED;
}

static void end_run(struct world *w, struct op *op, struct err *err)
{
    struct run_end_req *req = container_of(op, struct run_end_req, op);
    struct sim_ledger *ledger = &w->shared->ledger;

    if (!takes_effect(w, err))
        return;
    settle(w, req);
    if (err->code != 0)
        return;
    req->status = status_of(ledger);
    req->closed = !ledger->running && ledger->owner == w->process;
    req->services =
        arena_calloc(req->arena, req->nservices, sizeof(*req->services));
    req->ended = arena_calloc(req->arena, req->nservices, sizeof(bool));
    for (size_t i = 0; i < req->nservices; i++) {
        req->services[i] = ledger->services[i].result;
        req->ended[i] = ledger->services[i].state == ENDED;
    }
}

static void port_run_end(void *world, struct run_end_req *req)
{
    ((struct world *)world)->beats = false;
    world_schedule(world, &req->op, 1, end_run);
}

/* That there is one says that the graph is kept. */
static void port_link(void *world, struct link_req *req)
{
    abort();
}

void ledger_ports(struct world *w)
{
    w->ports.service_release = port_service_release;
    w->ports.link = port_link;
    w->ports.run_begin = port_run_begin;
    w->ports.run_join = port_run_join;
    w->ports.service_begin = port_service_begin;
    w->ports.checkpoint = port_checkpoint;
    w->ports.service_end = port_service_end;
    w->ports.run_end = port_run_end;
}
