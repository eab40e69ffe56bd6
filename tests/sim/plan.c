/*
 * A plan tells what the run that follows does: of each service the items that
 * are new, changed, changed in their metadata alone, unchanged, failed and
 * deleted, and their pieces, requests and tokens. It asks the embedder for
 * nothing and writes nothing, whatever fails while it reads.
 *
 * The ports are those of the use case (ops/plan/plan_ports.c) over the
 * simulated world; what the database would know beforehand stands here.
 */
#include "sim.h"

#include "ops/plan/plan_impl.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 5 };

/* --- what the database knows beforehand --- */

/* The pool of connections is the world. */
static struct world *world_behind(struct pg_pool *pool)
{
    return (struct world *)(void *)pool;
}

static bool has_rows(const struct world *w, int service)
{
    for (size_t i = 0; i < w->shared->db.n; i++)
        if (w->shared->db.rows[i].service == service)
            return true;
    return false;
}

static void answer_facts(struct world *w, struct op *op, struct err *err)
{
    struct plan_facts_req *req = container_of(op, struct plan_facts_req, op);
    int service = world_service(req->open->service);

    if (database_fails(w, w->faults.ledger, err))
        return;
    if (has_rows(w, service))
        strcpy(req->open->microservice_id, "microservice");
    req->open->has_letters = letters_any(&w->shared->letters, service);
    if (w->on_facts != NULL)
        w->on_facts(w, req);
}

void plan_facts_ask(
    struct pg_pool *pool, struct loop *loop, struct plan_facts_req *req)
{
    struct world *w = world_behind(pool);

    for (int i = 0; i < SIM_SERVICES; i++)
        world_end_work(&w->works[i]);
    world_begin_work(&w->works[world_service(req->open->service)]);
    world_schedule(w, &req->op, 1, answer_facts);
}

/* Incremental runs of this world ask for everything. */
void plan_since_ask(
    struct pg_pool *pool, struct loop *loop, struct plan_since_req *req)
{
    req->since[0] = '\0';
    world_schedule(world_behind(pool), &req->op, 1, NULL);
}

/* --- making one --- */

struct look {
    struct plan plan;
    void (*checkpoint)(void *world, struct checkpoint_req *req);
};

/* A page that the plan has looked at is no longer open. */
static void port_checkpoint(void *world, struct checkpoint_req *req)
{
    struct look *look = container_of(world, struct look, plan);
    struct world *w = look->plan.ops->ports->world;

    struct sim_work *work = world_work(w, req->scope);

    if (ledger_passes(work, req))
        work->ncheckpointed++;
    look->checkpoint(world, req);
}

static void on_planned(struct op *op)
{
}

/* What may not change. */
struct kept {
    struct sim_ledger ledger;
    uint64_t writes;
    size_t rows, letters, links;
    bool proven;
};

static void keep(const struct world *w, struct kept *out)
{
    const struct shared *shared = w->shared;

    memset(out, 0, sizeof(*out));
    memcpy(&out->ledger, &shared->ledger, sizeof(out->ledger));
    out->writes = shared->db.writes;
    out->rows = shared->db.n;
    out->letters = shared->letters.n;
    out->links = shared->links.n;
    out->proven = shared->proven;
}

static void run_plan(struct plan *p, struct world *w,
    const struct schema_set *schemas, struct run_req *run)
{
    struct kept before, after;

    keep(w, &before);
    world_join_run(w);
    run->options = *w->options;
    op_init(&run->op, on_planned);
    run_submit(&p->ports, schemas, run);
    while (world_step(w))
        ;
    CHECK(!op_pending(&run->op));
    CHECK(w->embed_requests == 0);
    keep(w, &after);
    CHECK(memcmp(&before, &after, sizeof(before)) == 0);
}

json_t *plan_ahead(struct world *w, const struct schema_set *schemas)
{
    struct ops ops = {.ports = &w->ports,
        .write = (struct pg_pool *)(void *)w,
        .embedding = w->options->embedding};
    struct plan_req req = {.spec = &w->options->spec};
    struct look *look = calloc(1, sizeof(*look));
    struct plan *p;
    json_t *json;

    if (look == NULL)
        abort();
    p = &look->plan;
    p->ops = &ops;
    p->req = &req;
    p->config.sync.limit = w->options->limit;
    p->config.sync.max_delete_percent = w->options->max_delete_percent;
    p->config.embedding.provider = PROVIDER_OPENAI;
    arena_init(&p->arena, 0);
    plan_wire(p);
    look->checkpoint = p->ports.checkpoint;
    p->ports.checkpoint = port_checkpoint;
    run_plan(p, w, schemas, &p->run.run);
    p->run.result = &p->run.run.result;
    json = plan_json(p);
    run_req_clear(&p->run.run);
    arena_free(&p->arena);
    free(look);
    return json;
}

uint64_t plan_number(const json_t *object, const char *key)
{
    const json_t *n = json_object_get(object, key);

    CHECK(json_is_integer(n));
    return (uint64_t)json_integer_value(n);
}

/* --- the run that follows --- */

struct done {
    uint64_t fresh, changed, metadata, pieces;
};

struct ahead {
    struct world w;
    struct run_options options;
    struct schema_set schemas;
    struct done done[SIM_SERVICES];
};

static void on_store(struct world *w, const struct store_req *req)
{
    struct done *done = &container_of(w, struct ahead, w)
                             ->done[world_service(req->scope->service)];

    for (size_t i = 0; i < req->nrows; i++) {
        const struct store_row *row = &req->rows[i];

        done->pieces += row->vector != NULL;
        if (row->chunk_index > 0)
            continue;
        done->fresh += row->fresh;
        done->changed += !row->fresh && row->vector != NULL;
        done->metadata += row->vector == NULL;
    }
}

static void check_service(const struct done *done,
    const struct service_result *result, const json_t *told)
{
    const struct counts *c = &result->counts;

    CHECK(strcmp(json_string_value(json_object_get(told, "service")),
              result->service) == 0);
    CHECK(json_is_true(json_object_get(told, "success")));
    CHECK(plan_number(told, "items") == c->received);
    CHECK(plan_number(told, "new") == done->fresh);
    CHECK(plan_number(told, "changed") == done->changed);
    CHECK(plan_number(told, "metadataOnly") == done->metadata);
    CHECK(plan_number(told, "pieces") == done->pieces);
    CHECK(plan_number(told, "unchanged") == c->unchanged);
    CHECK(plan_number(told, "collisions") == c->collisions);
    CHECK(plan_number(told, "failed") == c->failed);
    CHECK(plan_number(told, "repaired") == c->repaired);
}

static uint64_t sum_of(const json_t *services, const char *key)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < json_array_size(services); i++)
        sum += plan_number(json_array_get(services, i), key);
    return sum;
}

static void check_run(
    const struct ahead *a, const struct run_req *req, const json_t *plan)
{
    const json_t *services = json_object_get(plan, "services");
    uint64_t tokens = sum_of(services, "tokensEstimated"), pages = 0;

    CHECK(req->result.status == RUN_SUCCESS);
    CHECK(json_array_size(services) == req->result.nservices);
    for (size_t i = 0; i < req->result.nservices; i++) {
        pages += req->result.services[i].pages;
        check_service(
            &a->done[i], &req->result.services[i], json_array_get(services, i));
    }
    CHECK(tokens == a->w.tokens_sent);
    CHECK(sum_of(services, "pieces") == a->w.texts_embedded);
    /* A chunk that is not full is sent after two seconds, or where the oldest
     * page waits for it: when pages come, which faults delay, a plan cannot
     * foresee. */
    CHECK(is_near(sum_of(services, "requests"),
        (uint64_t)a->w.embed_requests - a->w.witnesses,
        pages + req->result.nservices));
    CHECK(plan_number(json_object_get(plan, "total"), "pieces") ==
          a->w.texts_embedded);
}

/* --- the world between two runs --- */

static void change_rows(struct ahead *a, uint64_t *r)
{
    struct database *db = &a->w.shared->db;
    bool any = draw(r, 2) == 0;

    for (size_t i = 0; i < db->n; i++)
        if (any && draw(r, 8) == 0)
            database_change(&db->rows[i], draw(r, 2) == 0, draw(r, 2) == 0);
}

static void change_world(struct ahead *a, uint64_t *r, int most)
{
    static const char *const models[] = {"model", "another"};
    static const char *const versions[] = {"1.0.0", "1.0.1"};
    const char *version = versions[draw(r, 4) == 0];
    struct source *s = &a->w.source;

    s->items = PICK(r, most, most, most * 3 / 4, most / 2);
    s->version = (int)draw(r, 4);
    a->options.embedding.model = models[draw(r, 5) == 0];
    for (size_t i = 0; i < a->schemas.n; i++)
        a->schemas.schemas[i]->version = version;
    change_rows(a, r);
}

static const struct faults none = {
    .latency_ms = 5, .other_answers = -1, .roomy = true};

/* What fails in passing while it reads costs the plan its time alone. */
static json_t *plan_disturbed(struct ahead *a, uint64_t *r)
{
    json_t *plan;

    a->w.faults.fetch = PICK(r, 0, 0, 50);
    a->w.faults.store = PICK(r, 0, 0, 50);
    a->w.faults.ledger = PICK(r, 0, 0, 50);
    plan = plan_ahead(&a->w, &a->schemas);
    a->w.faults = none;
    return plan;
}

static void plan_and_run(struct ahead *a, uint64_t *r)
{
    json_t *plan = plan_disturbed(a, r), *again;
    struct run_req req = {.run = NULL};

    memset(a->done, 0, sizeof(a->done));
    run_until(&a->w, &a->schemas, &req, 0);
    check_counts(&req);
    check_run(a, &req, plan);
    run_req_clear(&req);
    json_decref(plan);
    again = plan_ahead(&a->w, &a->schemas);
    CHECK(sum_of(json_object_get(again, "services"), "requests") == 0);
    CHECK(sum_of(json_object_get(again, "services"), "metadataOnly") == 0);
    json_decref(again);
}

void simulate_plan(uint64_t seed)
{
    struct ahead *a = calloc(1, sizeof(*a));
    uint64_t r = seed ^ 0x97A4;
    struct source source;

    if (a == NULL)
        abort();
    draw_source(&r, &source);
    source.unique = true;
    source.poison = source.bad_data = source.no_id = source.twice = 0;
    draw_options(&r, &a->options);
    spread_ids(&source, a->options.limit);
    a->options.retries.tries = 12; /* what passes does pass */
    make_schemas(&a->schemas, source.services);
    world_init(&a->w, &source, &none, &a->options, seed);
    a->w.on_store = on_store;
    for (int round = 0; round < ROUNDS; round++) {
        plan_and_run(a, &r);
        change_world(a, &r, source.items);
    }
    world_free(&a->w);
    arena_free(&a->schemas.arena);
    free(a);
}
