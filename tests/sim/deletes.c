/*
 * Deletes: sources lose items and get others from run to run, some services
 * delete what is gone, some what their sources tell of by tombstones, and runs
 * fail, are stopped, or crash and go on.
 *
 * The port of the sweep keeps marks by the rules of the real one. Beside it
 * stands what has really happened: which ids the pages showed that were
 * checkpointed in which run, what was said last of each, and from which source
 * the last complete pass came. Each delete is held against that, and against
 * the plan that was made before the run.
 */
#include "sim.h"

#include "db/read/plan_facts.h"

#include <stdio.h>
#include <stdlib.h>

enum { SERVICES = 3, MOST_RENAMED = 3, ROUNDS = 7, SWEEP_BATCH = 3 };

/* What the database keeps of the passes over a service. */
struct passes {
    int run, number, complete;
    int *marks;       /* owned; by the id's number */
    bool *tombstones; /* owned; the same */
    uint64_t deleted; /* by the run at hand */
};

enum said { NOTHING_SAID, ALIVE, DEAD };

/* A judgement, and what came of it in the run at hand; by enum sweep_kind. */
struct judged {
    uint64_t items; /* before any of them was deleted */
    uint64_t deleted;
    bool refused; /* by some process */
};

/* What has really happened to a service. */
struct truth {
    int *last_seen;       /* owned; by the id's number: the run */
    bool *checkpointed;   /* owned; by seq: in the run at hand */
    int complete_run;     /* the last complete pass; 0: none */
    struct source source; /* of that */
    enum said *said;      /* owned; by the id's number: last, in pages' order */
    bool *ahead; /* owned; by the id's number: stored since then, of a page
                    that was not checkpointed */
    struct judged by[2];
    bool whole;   /* the run at hand is complete for it */
    bool deletes; /* its schema says so */
    bool tells;   /* by tombstones; the same */
};

struct deletes {
    struct world w;
    int run, ids;
    struct passes passes[SERVICES];
    struct truth truth[SERVICES];
};

static void *zeroes(int n, size_t size)
{
    void *p = calloc((size_t)n, size);

    if (p == NULL)
        abort();
    return p;
}

static struct deletes *deletes_of(struct world *w)
{
    return container_of(w, struct deletes, w);
}

static int number_of(const char *id)
{
    return atoi(id + strlen("id-"));
}

/* Does the source have it, by the last that it says of it? Then nothing may
 * delete it for being gone. */
static bool is_present(
    const struct truth *t, const struct source *s, int service, int number)
{
    bool present = false;

    for (int seq = 0; seq < s->items; seq++) {
        struct sim_item item;

        source_item(s, service, seq, &item);
        if (item.id[0] != '\0' && item.number == number)
            present = !(t->tells && item.tombstone);
    }
    return present;
}

/* Marks */

static bool has(const struct str *ids, size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(ids[i], str_of(id)))
            return true;
    return false;
}

/* Once for each id that it has, as the page's last record of it has it. */
static void check_said(const struct truth *t, const struct checkpoint_req *req,
    const struct sim_item *item)
{
    bool dead = t->said[item->number] == DEAD;

    CHECK(has(req->seen, req->nseen, item->id) ==
          ((t->deletes || t->tells) && !dead));
    CHECK(has(req->tombstones, req->ntombstones, item->id) == dead);
}

/* The page that this checkpoint checkpoints has all its ids in the request. */
static void note_page(struct deletes *d, const struct checkpoint_req *req)
{
    const struct world *w = &d->w;
    int service = world_service(req->scope->service);
    const struct sim_work *work = &w->works[service];
    const struct open_page *page = &work->pages[work->ncheckpointed];
    struct truth *t = &d->truth[service];
    struct sim_item item;

    if (work->ncheckpointed == work->npages ||
        (req->next_page - 1) * req->limit < page->hi)
        return;
    for (int seq = page->lo; seq < page->hi; seq++) {
        t->checkpointed[seq] = true;
        source_item(&w->source, service, seq, &item);
        if (item.id[0] == '\0')
            continue;
        t->said[item.number] = t->tells && item.tombstone ? DEAD : ALIVE;
        t->ahead[item.number] = false;
    }
    for (int seq = page->lo; seq < page->hi; seq++) {
        source_item(&w->source, service, seq, &item);
        if (item.id[0] != '\0')
            check_said(t, req, &item);
    }
}

static bool is_stored(const struct deletes *d, int service, int number)
{
    const struct database *db = &d->w.shared->db;

    for (size_t i = 0; i < db->n; i++)
        if (db->rows[i].service == service &&
            number_of(db->rows[i].id) == number)
            return true;
    return false;
}

/* By the rules of the real one. */
static void take_tombstones(
    struct deletes *d, int service, const struct checkpoint_req *req)
{
    bool *tombstones = d->passes[service].tombstones;

    for (size_t i = 0; i < req->nseen; i++)
        tombstones[number_of(req->seen[i].p)] = false;
    for (size_t i = 0; i < req->ntombstones; i++) {
        int number = number_of(req->tombstones[i].p);

        tombstones[number] = is_stored(d, service, number);
    }
}

static void on_checkpoint(struct world *w, const struct checkpoint_req *req)
{
    struct deletes *d = deletes_of(w);
    int service = world_service(req->scope->service);
    struct passes *p = &d->passes[service];
    bool begins = req->next_page <= 2;
    int run = begins || p->run == d->run ? d->run : 0;

    note_page(d, req);
    CHECK(req->marks == (req->next_page > 0 && d->truth[service].deletes));
    CHECK(req->deletes == (req->next_page > 0 && d->truth[service].tells));
    if (req->deletes)
        take_tombstones(d, service, req);
    if (!req->marks)
        return;
    if (p->run != run || run == 0)
        p->number++;
    p->run = run;
    for (size_t i = 0; i < req->nseen; i++) {
        int number = number_of(req->seen[i].p);

        p->marks[number] = p->number;
        d->truth[service].last_seen[number] = d->run;
    }
}

static void on_store(struct world *w, const struct store_req *req)
{
    struct truth *t = &deletes_of(w)->truth[world_service(req->scope->service)];

    for (size_t i = 0; i < req->nrows; i++)
        t->ahead[number_of(req->rows[i].content_id.p)] = true;
}

/* The sweep */

static bool is_missing(const struct deletes *d, int service, int number)
{
    const struct passes *p = &d->passes[service];

    return p->run == d->run && p->complete > 0 && p->complete < p->number &&
           p->marks[number] < p->complete;
}

static bool has_to_go(
    const struct deletes *d, int service, enum sweep_kind kind, int number)
{
    return kind == SWEEP_TOLD ? d->passes[service].tombstones[number]
                              : is_missing(d, service, number);
}

static void count(struct deletes *d, int service, struct sweep_req *to)
{
    bool *met = calloc((size_t)d->ids, sizeof(*met));

    if (met == NULL)
        abort();
    to->items = to->missing = 0;
    for (size_t i = 0; i < d->w.shared->db.n; i++) {
        const struct sim_row *row = &d->w.shared->db.rows[i];
        int number = number_of(row->id);

        if (row->service != service || met[number])
            continue;
        met[number] = true;
        to->items++;
        to->missing += has_to_go(d, service, to->kind, number);
    }
    free(met);
}

/* All of the source was read in this run, by whichever process. */
static void complete(struct deletes *d, int service)
{
    struct passes *p = &d->passes[service];
    struct truth *t = &d->truth[service];

    for (int seq = 0; seq < d->w.source.items; seq++)
        CHECK(t->checkpointed[seq]);
    CHECK(strcmp(d->w.options->spec.kind, "incremental") != 0);
    CHECK(p->run == d->run);
    p->complete = p->number;
    t->whole = true;
}

static void judge(struct deletes *d, int service, struct sweep_req *to)
{
    struct passes *p = &d->passes[service];
    struct judged *t = &d->truth[service].by[to->kind];

    count(d, service, to);
    to->judged = true;
    to->deleted = to->deleted_before = p->deleted;
    to->refused = to->missing > 10 &&
                  to->missing * 100 > to->items * (uint64_t)to->max_percent;
    to->more = to->missing > 0 && !to->refused;
    t->refused |= to->refused;
    if (t->deleted == 0)
        t->items = to->items;
}

static void check_delete(
    const struct deletes *d, int service, enum sweep_kind kind, int number)
{
    const struct truth *t = &d->truth[service];

    if (kind == SWEEP_TOLD) {
        CHECK(t->tells && t->said[number] == DEAD);
        return;
    }
    CHECK(t->deletes && t->complete_run > 0);
    CHECK(!is_present(t, &d->w.source, service, number));
    CHECK(!is_present(t, &t->source, service, number));
    CHECK(t->last_seen[number] < t->complete_run);
}

static void delete_item(
    struct deletes *d, int service, enum sweep_kind kind, const char *id)
{
    char copy[32];
    struct store_trim trim = {.from = 0};
    struct store_req req = {.trims = &trim, .ntrims = 1};

    check_delete(d, service, kind, number_of(id));
    d->passes[service].tombstones[number_of(id)] = false;
    snprintf(copy, sizeof(copy), "%s", id);
    trim.content_id = str_of(copy);
    database_apply(&d->w.shared->db, service, &req, d->w.shared->clock_ms);
    d->passes[service].deleted++;
    d->truth[service].by[kind].deleted++;
    d->w.shared->ledger.services[service].result.counts.deleted++;
}

static int delete_batch(struct deletes *d, int service, enum sweep_kind kind)
{
    int n = 0;

    for (size_t i = 0; i < d->w.shared->db.n && n < SWEEP_BATCH;) {
        const struct sim_row *row = &d->w.shared->db.rows[i];

        if (row->service == service &&
            has_to_go(d, service, kind, number_of(row->id))) {
            delete_item(d, service, kind, row->id);
            n++;
            i = 0; /* the rows have moved */
        } else {
            i++;
        }
    }
    return n;
}

/* A judgement may be known although what follows it in the call is not. */
static void take_sweep(struct deletes *d, struct sweep_req *to, bool half)
{
    int service = world_service(to->scope->service);

    if (!to->judged)
        judge(d, service, to);
    else if (to->more && delete_batch(d, service, to->kind) == 0)
        to->more = false;
    if (!to->more && !half && to->kind == SWEEP_MISSING)
        complete(d, service);
    to->deleted = d->passes[service].deleted;
}

static void apply_sweep(struct world *w, struct op *op, struct err *err)
{
    struct deletes *d = deletes_of(w);
    struct sweep_req *req = container_of(op, struct sweep_req, op);
    struct sweep_req lost = *req; /* the answer that does not arrive */
    bool wrong = database_fails(w, w->faults.store, err);

    const struct sim_work *work = world_work(w, req->scope);

    CHECK(work->ncheckpointed == work->npages && work->fetching == 0);
    CHECK(w->embedding == 0 || w->options->parallel > 1);
    if (wrong && (int)draw(&w->random, 100) >= w->faults.lost_ack)
        return;
    if (wrong && !req->judged && draw(&w->random, 2) == 0)
        take_sweep(d, req, true);
    else
        take_sweep(d, wrong ? &lost : req, false);
}

static void port_sweep(void *world, struct sweep_req *req)
{
    struct world *w = world;

    const struct truth *t =
        &deletes_of(w)->truth[world_service(req->scope->service)];

    CHECK(req->kind == SWEEP_TOLD ? t->tells : t->deletes);
    CHECK(req->kind == SWEEP_TOLD ||
          strcmp(w->options->spec.kind, "incremental") != 0);
    world_schedule(w, &req->op,
        1 + draw(&w->random, (uint64_t)w->faults.latency_ms), apply_sweep);
}

/* What the database knows before a run: items that the last complete pass has
 * not seen, and those that were told of and are still there. */

static void on_facts(struct world *w, struct plan_facts_req *req)
{
    struct deletes *d = deletes_of(w);
    int service = world_service(req->open->service);
    const struct passes *p = &d->passes[service];
    const struct database *db = &w->shared->db;
    bool *met = zeroes(d->ids, sizeof(*met));

    req->unseen = arena_calloc(req->arena, db->n + 1, sizeof(*req->unseen));
    req->told = arena_calloc(req->arena, db->n + 1, sizeof(*req->told));
    req->judges = p->complete > 0;
    for (size_t i = 0; i < db->n; i++) {
        const struct sim_row *row = &db->rows[i];
        int number = number_of(row->id);

        if (row->service != service || met[number])
            continue;
        met[number] = true;
        req->items++;
        if (req->judges && p->marks[number] < p->complete)
            req->unseen[req->nunseen++] =
                arena_dup(req->arena, str_of(row->id));
        if (p->tombstones[number])
            req->told[req->ntold++] = arena_dup(req->arena, str_of(row->id));
    }
    free(met);
}

static bool plan_refuses(const json_t *service, const char *what)
{
    json_t *reasons = json_object_get(service, "reasons"), *reason;
    size_t i;

    json_array_foreach(reasons, i, reason)
    {
        const char *text = json_string_value(reason);

        if (strstr(text, what) != NULL &&
            strstr(text, "BATCH_SYNC_MAX_DELETE_PERCENT") != NULL)
            return true;
    }
    return false;
}

/* Of an id that comes twice a plan does not know that the first one will be
 * stored when the second one tells of its delete. So few more or less may be on
 * the other side of a guard, which lets all of them go or none. */
static bool is_as_planned(const struct passes *p, const struct truth *t,
    const json_t *service, uint64_t replaced)
{
    uint64_t planned = plan_number(service, "toDelete");

    if (!t->tells || replaced == 0)
        return planned == p->deleted;
    return is_near(planned, p->deleted, replaced) ||
           plan_refuses(service, "the source tells") !=
               t->by[SWEEP_TOLD].refused ||
           plan_refuses(service, "are gone") != t->by[SWEEP_MISSING].refused;
}

/* What was told is what was deleted, however the run came to its end. */
static void check_plan(const struct deletes *d, const json_t *plan)
{
    uint64_t replaced = count_replaced(&d->w.source);
    const json_t *services = json_object_get(plan, "services");
    const struct sim_ledger *ledger = &d->w.shared->ledger;

    for (size_t i = 0; i < json_array_size(services); i++) {
        const json_t *told = json_array_get(services, i);
        const struct service_result *result = &ledger->services[i].result;

        if (ledger->services[i].state != ENDED || !result->success ||
            !json_is_true(json_object_get(told, "success")))
            continue;
        CHECK(is_as_planned(&d->passes[i], &d->truth[i], told, replaced));
        CHECK(plan_number(told, "items") == result->counts.received);
    }
}

/* Runs */

static void begin_run(struct deletes *d)
{
    d->run++;
    d->w.shared->ledger = (struct sim_ledger){
        .tokens = d->w.shared->ledger.tokens}; /* nothing to go on with */
    d->w.resumes = false;
    for (int i = 0; i < SERVICES; i++) {
        d->passes[i].deleted = 0;
        memset(d->truth[i].by, 0, sizeof(d->truth[i].by));
        d->truth[i].whole = false;
        memset(d->truth[i].checkpointed, 0, (size_t)d->ids);
    }
}

static void check_share(const struct deletes *d, const struct judged *j)
{
    uint64_t most = j->items * (uint64_t)d->w.options->max_delete_percent;

    CHECK(j->deleted <= 10 || j->deleted * 100 <= most);
}

/* What was told is gone, by any run that has seen all of what there was; unless
 * a later record was stored of which no checkpoint tells, and that the source
 * has no more. */
static void check_told(const struct deletes *d, int service)
{
    const struct truth *t = &d->truth[service];

    for (size_t i = 0; i < d->w.shared->db.n; i++) {
        int number = number_of(d->w.shared->db.rows[i].id);

        CHECK(d->w.shared->db.rows[i].service != service ||
              t->said[number] != DEAD || t->ahead[number]);
    }
}

/* After a complete pass over a service nothing is left that should go. */
static void check_service(
    const struct deletes *d, int service, const struct service_result *result)
{
    const struct truth *t = &d->truth[service];
    const struct judged *missing = &t->by[SWEEP_MISSING];
    const struct judged *told = &t->by[SWEEP_TOLD];

    check_share(d, missing);
    check_share(d, told);
    CHECK(d->passes[service].deleted == missing->deleted + told->deleted);
    CHECK(t->deletes || (missing->deleted == 0 && !t->whole));
    CHECK(t->tells || (told->deleted == 0 && result->counts.tombstones == 0));
    if (!result->success)
        return;
    /* Stopped before it could, it is not successful yet, but to be resumed. */
    if (t->tells && !told->refused &&
        d->w.shared->ledger.services[service].state == ENDED)
        check_told(d, service);
    CHECK(!told->refused || told->deleted == 0);
    if (result->counts.delete_refused > 0) {
        CHECK(missing->refused || told->refused);
        CHECK(result->counts.delete_refused > 10);
    }
    if (!t->whole)
        return;
    if (missing->refused) {
        CHECK(missing->deleted == 0);
        return;
    }
    for (size_t i = 0; i < d->w.shared->db.n && t->complete_run > 0; i++) {
        int number = number_of(d->w.shared->db.rows[i].id);

        CHECK(d->w.shared->db.rows[i].service != service ||
              t->last_seen[number] >= t->complete_run);
    }
}

/* What the deletes of the next run are held against. */
static void end_run(struct deletes *d)
{
    for (int i = 0; i < SERVICES; i++)
        if (d->truth[i].whole) {
            d->truth[i].complete_run = d->run;
            d->truth[i].source = d->w.source;
        }
}

/* A crash may have come just after that. */
static bool has_ended(const struct sim_ledger *ledger)
{
    return ledger->nservices > 0 && !ledger->running && !ledger->interrupted;
}

/* One process of the run, to its end or crash. Is the run to go on? */
static bool live(
    struct deletes *d, const struct schema_set *schemas, int crash_at)
{
    struct run_req req = {.run = NULL};

    run_until(&d->w, schemas, &req, crash_at);
    for (size_t i = 0; i < req.result.nservices && !d->w.crashed; i++) {
        const struct service_result *result = &req.result.services[i];

        if (result->success)
            CHECK(result->counts.deleted == d->passes[i].deleted);
        check_service(d, (int)i, result);
    }
    if (!d->w.crashed)
        check_counts(&req);
    check_rows(&d->w);
    run_req_clear(&req);
    return d->w.crashed && !has_ended(&d->w.shared->ledger);
}

static void draw_round(
    struct deletes *d, uint64_t *r, struct run_options *options, int most)
{
    struct source *s = &d->w.source;

    s->items = PICK(r, s->items, s->items, most, most * 3 / 4, most / 2);
    s->renamed += s->renamed < MOST_RENAMED && draw(r, 3) == 0;
    options->spec.kind = draw(r, 5) == 0 ? "incremental" : "batch";
    d->w.faults = (struct faults){.fetch = PICK(r, 0, 0, 30, 400),
        .store = PICK(r, 0, 0, 50, 300),
        .ledger = PICK(r, 0, 0, 100),
        .lost_ack = 50,
        .latency_ms = PICK(r, 1, 10, 100),
        .other_answers = -1,
        .stop_at_step = draw(r, 5) == 0 ? 1 + (int)draw(r, 400) : 0};
}

static void run_round(
    struct deletes *d, uint64_t *r, const struct schema_set *schemas)
{
    int crash_at = draw(r, 2) == 0 ? 1 + (int)draw(r, 500) : 0;
    json_t *plan = plan_ahead(&d->w, schemas);

    begin_run(d);
    while (live(d, schemas, crash_at)) {
        d->w.resumes = true;
        crash_at = draw(r, 3) == 0 ? 1 + (int)draw(r, 300) : 0;
    }
    check_plan(d, plan);
    json_decref(plan);
    end_run(d);
}

static yyjson_val yes = {.tag = YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_TRUE};
static struct schema_deleted_when deleted_when = {
    .field = {"deleted", 7}, .equals = &yes};

static void set_up(struct deletes *d, uint64_t *r, struct schema_set *schemas)
{
    d->ids = d->w.source.id_space * (1 + MOST_RENAMED) + 1;
    d->w.ports.sweep = port_sweep;
    d->w.on_checkpoint = on_checkpoint;
    d->w.on_store = on_store;
    d->w.on_facts = on_facts;
    for (int i = 0; i < SERVICES; i++) {
        d->passes[i].marks = zeroes(d->ids, sizeof(int));
        d->passes[i].tombstones = zeroes(d->ids, sizeof(bool));
        d->truth[i].said = zeroes(d->ids, sizeof(enum said));
        d->truth[i].ahead = zeroes(d->ids, sizeof(bool));
        d->truth[i].last_seen = zeroes(d->ids, sizeof(int));
        d->truth[i].checkpointed = zeroes(d->ids, sizeof(bool));
        d->truth[i].deletes =
            i < d->w.source.services && (i == 0 || draw(r, 2) == 0);
        d->truth[i].tells = i < d->w.source.services && draw(r, 2) == 0;
        if (d->truth[i].deletes)
            schemas->schemas[i]->delete_missing = true;
        if (d->truth[i].tells)
            schemas->schemas[i]->deleted_when = &deleted_when;
    }
}

static void tear_down(struct deletes *d)
{
    for (int i = 0; i < SERVICES; i++) {
        free(d->passes[i].marks);
        free(d->passes[i].tombstones);
        free(d->truth[i].said);
        free(d->truth[i].ahead);
        free(d->truth[i].last_seen);
        free(d->truth[i].checkpointed);
    }
    world_free(&d->w);
    free(d);
}

void simulate_deletes(uint64_t seed)
{
    uint64_t r = seed ^ 0xDE1E7E;
    struct source source;
    struct faults none = {.latency_ms = 1, .other_answers = -1};
    struct run_options options;
    struct schema_set schemas;
    struct deletes *d = zeroes(1, sizeof(*d));

    draw_source(&r, &source);
    source.poison = source.bad_data = 0; /* they would fail every pass */
    source.id_space = source.items * PICK(&r, 1, 3) + 1;
    source.unique = draw(&r, 2) == 0;
    source.tombstones = PICK(&r, 0, 30, 200, 500);
    draw_options(&r, &options);
    spread_ids(&source, options.limit);
    options.max_delete_percent = PICK(&r, 0, 30, 30, 100);
    make_schemas(&schemas, source.services);
    world_init(&d->w, &source, &none, &options, seed);
    set_up(d, &r, &schemas);
    for (int round = 0; round < ROUNDS; round++) {
        draw_round(d, &r, &options, source.items);
        run_round(d, &r, &schemas);
    }
    tear_down(d);
    arena_free(&schemas.arena);
}
