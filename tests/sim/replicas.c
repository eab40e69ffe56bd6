/*
 * Several processes on one database: one begins a run, the others look for
 * something to do every two seconds, and all but the last of them may crash,
 * freeze beyond their lease, or leave. Whatever happens, the run ends once,
 * every service ends, and the rows are those of a world that was never
 * disturbed. Their programs are of two versions: none claims a service of a run
 * that a newer one began, and a newer one waits for a run of an older one.
 */
#include "sim.h"

#include <stdlib.h>

enum { PROCESSES = 4, LOOK_MS = 2000 };

/* A process: what daemon/joiner and daemon/runner make of it. */
struct replica {
    struct world w;
    const struct schema_set *schemas;
    struct run_options options;
    struct run_req run;
    struct run_join_req join;
    struct timer_req look;
    struct arena arena;
    bool stopped; /* starts nothing more */
};

static void look_later(struct replica *r);

static void on_run(struct op *op)
{
    struct replica *r = container_of(op, struct replica, run.op);

    run_req_clear(&r->run);
    look_later(r);
}

static void on_joined(struct op *op)
{
    struct replica *r = container_of(op, struct replica, join.op);

    if (op->err.code != 0 || r->join.run_id[0] == '\0' || r->stopped) {
        look_later(r);
        return;
    }
    r->options = *r->w.options;
    r->options.spec.run_id = r->join.run_id;
    r->options.spec.services = r->join.spec.services;
    r->options.spec.nservices = r->join.spec.nservices;
    r->run = (struct run_req){.options = r->options};
    world_join_run(&r->w);
    op_init(&r->run.op, on_run);
    run_submit(&r->w.ports, r->schemas, &r->run);
}

static void on_look(struct op *op)
{
    struct replica *r = container_of(op, struct replica, look.op);

    if (r->stopped)
        return;
    r->join = (struct run_join_req){.arena = &r->arena};
    op_init(&r->join.op, on_joined);
    r->w.ports.run_join(&r->w, &r->join);
}

static void look_later(struct replica *r)
{
    if (r->stopped)
        return;
    op_init(&r->look.op, on_look);
    r->w.ports.timer(&r->w, &r->look, LOOK_MS);
}

/* What befalls a process, at a step drawn for it. */
enum blow { CRASH, FREEZE, LEAVE, BLOWS };

static void strike(struct replica *r, enum blow blow, uint64_t freeze_ms)
{
    uint64_t now = r->w.shared->clock_ms;

    if (blow == FREEZE) {
        r->w.frozen_from_ms = now;
        r->w.frozen_until_ms = now + freeze_ms;
        return;
    }
    r->stopped = true;
    if (blow == LEAVE) {
        run_stop(&r->run);
        return;
    }
    r->w.crashed = true;
    r->w.crashed_ms = now;
    op_cancel(&r->run.op); /* only to give its memory back */
}

static void start(struct replica *r, int n, const struct schema_set *schemas,
    const struct world *like, uint64_t seed)
{
    for (int i = 0; i < n; i++) {
        if (i == 0)
            world_init(
                &r[0].w, &like->source, &like->faults, like->options, seed);
        else
            world_add(&r[i].w, &r[0].w, seed + (uint64_t)i);
        /* The last one, which nothing befalls, must be able to end the run. */
        r[i].w.generation = i < n - 1 ? 1 + (int)(seed >> i & 1) : 2;
        r[i].schemas = schemas;
        arena_init(&r[i].arena, 0);
        op_init(&r[i].join.op, on_joined);
        if (i > 0)
            look_later(&r[i]);
    }
    world_begin_run(&r[0].w);
    r[0].run = (struct run_req){.options = *like->options};
    op_init(&r[0].run.op, on_run);
    run_submit(&r[0].w.ports, schemas, &r[0].run);
}

static bool has_begun(const struct world *w)
{
    return w->shared->ledger.nservices > 0;
}

static bool has_ended(const struct world *w)
{
    const struct sim_ledger *ledger = &w->shared->ledger;

    return has_begun(w) && !ledger->running && !ledger->interrupted;
}

/* Strikes all but the last one; returns the texts embedded by all. */
static uint64_t run_all(struct replica *r, int n, int steps, uint64_t *random)
{
    int step[PROCESSES];
    uint64_t texts = 0;

    for (int i = 0; i < n; i++)
        step[i] = 1 + (int)(sim_random(random) % (uint64_t)(steps * 2));
    for (int at = 1; world_step(&r[0].w); at++) {
        CHECK(at < 1000000);
        for (int i = 0; i < n - 1; i++)
            if (at >= step[i] && has_begun(&r[0].w) && step[i] > 0) {
                step[i] = 0;
                strike(&r[i], (enum blow)(sim_random(random) % BLOWS),
                    sim_random(random) % (4 * SIM_LEASE_MS));
            }
        for (int i = 0; i < n && has_ended(&r[0].w); i++)
            r[i].stopped = true;
    }
    for (int i = 0; i < n; i++)
        texts += r[i].w.texts_embedded;
    return texts;
}

static void check_ledger(const struct world *w)
{
    const struct sim_ledger *ledger = &w->shared->ledger;

    CHECK(has_ended(w) && ledger->closed == 1);
    for (int i = 0; i < ledger->nservices; i++) {
        const struct sim_service *s = &ledger->services[i];
        const struct counts *c = &s->result.counts;

        CHECK(s->state == ENDED);
        CHECK(c->received == c->stored + c->unchanged + c->tombstones +
                                 c->failed + c->collisions);
    }
}

void simulate_replicas(uint64_t seed, const struct world *undisturbed,
    const struct schema_set *schemas, int steps)
{
    const struct run_options *o = undisturbed->options;
    uint64_t random = seed ^ 0x5EED, texts, slack;
    int n = 2 + (int)(sim_random(&random) % (PROCESSES - 1));
    struct replica *r = calloc(PROCESSES, sizeof(*r));

    if (r == NULL)
        abort();
    start(r, n, schemas, undisturbed, seed);
    texts = run_all(r, n, steps, &random);
    check_ledger(&r[0].w);
    check_rows(&r[0].w);
    /* In smaller pages there are more of them, and an item that a later one of
     * its page would have replaced is stored if that one cannot be. */
    if (!r[0].w.shared->ledger.careful) {
        check_same_rows(undisturbed, &r[0].w);
        check_same_pages(undisturbed, &r[0].w, (uint32_t)n);
    }
    slack = (uint64_t)(n * 2 * o->workers * o->chunk_size);
    slack += (uint64_t)n * count_replaced(&undisturbed->source);
    if (undisturbed->source.long_text > 0 || undisturbed->source.bad_data > 0)
        slack *= 8; /* pieces; refused items, embedded with their page */
    if (undisturbed->source.poison == 0 && undisturbed->faults.embed == 0)
        CHECK(texts <= undisturbed->texts_embedded + slack);
    for (int i = n - 1; i >= 0; i--) {
        run_req_clear(&r[i].run);
        arena_free(&r[i].arena);
        world_free(&r[i].w);
    }
    free(r);
}
