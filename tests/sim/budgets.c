/*
 * Budgets of tokens: one or several processes carry out a run within a budget
 * for the run and one for the day, which they share. No request is sent that
 * could cross one, whatever is billed for it, and whoever crashes; a run that
 * was stopped is resumed by the next trigger, until all is stored, and nothing
 * is lost or paid for twice.
 *
 * The keeper is that of the service (daemon/budget_keeper.c); its table stands
 * here. Beside it stands what the provider would have billed at most: for
 * requests of processes that are no more, all of it.
 */
#include "sim.h"

#include "daemon/budget_keeper.h"

#include <stdio.h>
#include <stdlib.h>

enum { PROCESSES = 3, ROWS = 512, LOOK_MS = 2000, MOST_RUNS = 2000 };

/* A budget, in the table and as it really is. */
struct budget_row {
    const char *kind;
    char key[BUDGET_KEY_BYTES];
    uint64_t reserved;
    uint64_t billed, flying; /* really; flying: at most */
};

struct budgets;

/* A process: what daemon/run_poller and daemon/runner make of it. */
struct member {
    struct world w;
    struct budgets *all;
    struct budget_keeper keeper;
    struct embed_gate gate;
    struct loop loop; /* its ready queue alone */
    struct run_req run;
    struct run_options options;
    struct run_join_req join;
    struct timer_req look;
    struct arena arena;
    int crash_at; /* a step; 0: never */
};

struct budgets {
    struct member members[PROCESSES];
    int n;
    struct config_embedding limits;
    struct budget_row rows[ROWS];
    int nrows;
    struct schema_set schemas;
    struct run_options options;
    uint64_t texts; /* paid for, by all */
    uint64_t stops; /* by a budget */
    int crashes;
};

static const struct shared *clock_of_all;

int64_t loop_wall_ms(void)
{
    return 1766448000000 + (int64_t)clock_of_all->clock_ms;
}

static struct member *member_of(struct world *w)
{
    return container_of(w, struct member, w);
}

/* --- the table --- */

static struct budget_row *row_of(
    struct budgets *b, const char *kind, const char *key)
{
    struct budget_row *row = b->rows;

    while (row < &b->rows[b->nrows] &&
           (strcmp(row->kind, kind) != 0 || strcmp(row->key, key) != 0))
        row++;
    if (row == &b->rows[b->nrows]) {
        CHECK(++b->nrows <= ROWS);
        *row = (struct budget_row){.kind = kind};
        snprintf(row->key, sizeof(row->key), "%s", key);
    }
    return row;
}

static bool takes_effect(struct world *w, struct err *err)
{
    return !database_fails(w, w->faults.ledger, err) ||
           (int)draw(&w->random, 100) < w->faults.lost_ack;
}

static void apply_reserve(struct world *w, struct op *op, struct err *err)
{
    struct budgets_reserve_req *req =
        container_of(op, struct budgets_reserve_req, op);
    struct budget_row *row = row_of(member_of(w)->all, req->kind, req->key);
    uint64_t granted = 0;

    if (!takes_effect(w, err))
        return;
    if (row->reserved + req->wanted <= req->limit)
        granted = req->wanted;
    else if (row->reserved + req->needed <= req->limit)
        granted = req->needed;
    row->reserved += granted;
    req->granted = granted;
    req->reserved = row->reserved;
}

/* The pool of connections is the world. */
void budgets_reserve(
    struct pg_pool *pool, struct loop *loop, struct budgets_reserve_req *req)
{
    req->granted = req->reserved = 0;
    world_schedule((struct world *)(void *)pool, &req->op, 1, apply_reserve);
}

static void apply_return(struct world *w, struct op *op, struct err *err)
{
    struct budgets_return_req *req =
        container_of(op, struct budgets_return_req, op);
    struct budget_row *row = row_of(member_of(w)->all, req->kind, req->key);
    int64_t left = (int64_t)row->reserved - req->tokens;

    if (takes_effect(w, err))
        row->reserved = left > 0 ? (uint64_t)left : 0;
}

void budgets_return(
    struct pg_pool *pool, struct loop *loop, struct budgets_return_req *req)
{
    world_schedule((struct world *)(void *)pool, &req->op, 1, apply_return);
}

/* --- what is really sent and billed --- */

static const char *const kinds[] = {[BUDGET_DAY] = "day", [BUDGET_RUN] = "run"};

static uint64_t limit_of(const struct budgets *b, enum budget_kind kind)
{
    return (uint64_t)(kind == BUDGET_DAY ? b->limits.budget_day
                                         : b->limits.budget_run);
}

/* The rows that a request belongs to are those of when it was sent. */
static void on_sent(struct world *w, struct sim_sent *sent)
{
    struct member *m = member_of(w);

    for (int kind = 0; kind < EMBED_BUDGETS; kind++) {
        const struct budget *budget = &m->keeper.budgets[kind];
        struct budget_row *row = row_of(m->all, kinds[kind], budget->key);

        if (budget->limit == 0)
            continue;
        sent->rows[kind] = (int)(row - m->all->rows);
        row->flying += sent->hold.tokens;
        CHECK(row->billed + row->flying <=
              limit_of(m->all, (enum budget_kind)kind));
    }
}

static void on_billed(
    struct world *w, const struct sim_sent *sent, uint64_t billed)
{
    struct member *m = member_of(w);

    for (int kind = 0; kind < EMBED_BUDGETS; kind++) {
        struct budget_row *row = &m->all->rows[sent->rows[kind]];

        if (limit_of(m->all, (enum budget_kind)kind) == 0)
            continue;
        row->flying -= sent->hold.tokens;
        row->billed += billed;
    }
}

/* --- processes --- */

static void no_wake(struct op_queue *q)
{
}

static void open_keeper(struct member *m)
{
    budget_keeper_init(
        &m->keeper, (struct pg_pool *)(void *)&m->w, &m->loop, &m->all->limits);
    m->gate = budget_keeper_gate(&m->keeper);
    m->w.gate = &m->gate;
    m->w.gate_queue = &m->loop.ready;
    m->w.on_sent = on_sent;
    m->w.on_billed = on_billed;
}

static void look_later(struct member *m);

static void on_run(struct op *op)
{
    struct member *m = container_of(op, struct member, run.op);

    m->all->texts += m->w.texts_embedded;
    m->all->stops += m->run.result.status == RUN_BUDGET;
    run_req_clear(&m->run);
    if (m->w.crashed)
        return;
    budget_keeper_run_ended(&m->keeper);
    look_later(m);
}

static void submit(struct member *m)
{
    m->run = (struct run_req){.options = m->options};
    op_init(&m->run.op, on_run);
    run_submit(&m->w.ports, &m->all->schemas, &m->run);
}

static void on_joined(struct op *op)
{
    struct member *m = container_of(op, struct member, join.op);

    if (op->err.code != 0 || m->join.run_id[0] == '\0') {
        look_later(m);
        return;
    }
    m->options = m->all->options;
    m->options.spec.run_id = m->join.run_id;
    m->options.spec.services = m->join.spec.services;
    m->options.spec.nservices = m->join.spec.nservices;
    world_join_run(&m->w);
    submit(m);
}

static void on_look(struct op *op)
{
    struct member *m = container_of(op, struct member, look.op);

    if (budget_keeper_rests(&m->keeper)) {
        look_later(m);
        return;
    }
    m->join = (struct run_join_req){.arena = &m->arena};
    op_init(&m->join.op, on_joined);
    m->w.ports.run_join(&m->w, &m->join);
}

static void look_later(struct member *m)
{
    if (!m->w.shared->ledger.running || m->w.crashed)
        return;
    op_init(&m->look.op, on_look);
    m->w.ports.timer(&m->w, &m->look, LOOK_MS);
}

static void crash(struct member *m)
{
    m->crash_at = 0;
    m->all->crashes++;
    m->w.crashed = true;
    m->w.crashed_ms = m->w.shared->clock_ms;
    op_cancel(&m->run.op); /* only to give its memory back */
}

/* A trigger comes: by a process that was begun anew if it has crashed. */
static void trigger(struct budgets *b, struct member *m)
{
    struct sim_ledger *ledger = &m->w.shared->ledger;

    if (ledger->by_budget) /* all of it again, as db/ledger has it */
        for (int i = 0; i < b->nrows; i++)
            if (strcmp(b->rows[i].kind, "run") == 0)
                b->rows[i].reserved = b->rows[i].billed = b->rows[i].flying = 0;
    for (int i = 0; i < b->n; i++) {
        if (b->members[i].w.crashed)
            open_keeper(&b->members[i]);
        b->members[i].w.crashed = false;
        b->members[i].w.resumes = true;
    }
    world_begin_run(&m->w);
    m->options = b->options;
    submit(m);
    for (int i = 0; i < b->n; i++)
        if (&b->members[i] != m) {
            struct member *other = &b->members[i];

            op_init(&other->look.op, on_look);
            other->w.ports.timer(&other->w, &other->look, LOOK_MS);
        }
}

/* Until no process does anything any more. */
static void run_all(struct budgets *b)
{
    for (int step = 1; world_step(&b->members[0].w); step++) {
        CHECK(step < 1000000);
        for (int i = 0; i < b->n; i++)
            if (step == b->members[i].crash_at &&
                op_pending(&b->members[i].run.op))
                crash(&b->members[i]);
    }
}

static void rest(struct budgets *b)
{
    int64_t until = 0;

    for (int i = 0; i < b->n; i++)
        if (b->members[i].keeper.rests_until_ms > until)
            until = b->members[i].keeper.rests_until_ms;
    if (until > loop_wall_ms())
        b->members[0].w.shared->clock_ms += (uint64_t)(until - loop_wall_ms());
}

static bool has_ended(const struct budgets *b)
{
    const struct sim_ledger *ledger = &b->members[0].w.shared->ledger;

    return ledger->nservices > 0 && !ledger->running && !ledger->interrupted;
}

/* --- the world --- */

/* A request is held by twice its estimate: the largest one fits in, and where
 * it takes many to find out what the embedder takes, as many. */
static void draw_limits(struct budgets *b, const struct world *undisturbed,
    const struct faults *faults, uint64_t *r)
{
    uint64_t all = undisturbed->tokens_sent;
    int requests = faults->most_texts > 0 ? 20 : 1;
    int least = requests * 2 * b->options.chunk_size * 40;
    int limits[EMBED_BUDGETS];

    for (int i = 0; i < EMBED_BUDGETS; i++) {
        int limit = (int)(all * 2 / (uint64_t)PICK(r, 1, 2, 4, 8));

        limits[i] = limit < least ? least : limit;
    }
    b->limits.budget_run = limits[0];
    b->limits.budget_day = PICK(r, 0, limits[1], limits[1]);
    if (b->limits.budget_day > 0)
        b->limits.budget_run = PICK(r, 0, limits[0]);
}

static void draw_world(struct budgets *b, uint64_t *r, struct source *source)
{
    draw_source(r, source);
    source->unique = true;
    source->long_text = source->poison = source->bad_data = source->no_id = 0;
    draw_options(r, &b->options);
    spread_ids(source, b->options.limit);
    b->options.chunk_size = PICK(r, 1, 3, 10);
    b->options.retries.tries = 12; /* what passes does pass */
    make_schemas(&b->schemas, source->services);
    b->n = PICK(r, 1, 2, PROCESSES);
}

static void start(struct budgets *b, const struct source *source,
    const struct faults *faults, uint64_t seed, uint64_t *r)
{
    for (int i = 0; i < b->n; i++) {
        struct member *m = &b->members[i];

        m->all = b;
        if (i == 0)
            world_init(&m->w, source, faults, &b->options, seed);
        else
            world_add(&m->w, &b->members[0].w, seed + (uint64_t)i);
        op_queue_init(&m->loop.ready, no_wake);
        arena_init(&m->arena, 0);
        op_init(&m->join.op, on_joined);
        op_init(&m->look.op, on_look);
        op_init(&m->run.op, on_run);
        m->crash_at = draw(r, 3) == 0 ? 1 + (int)draw(r, 2000) : 0;
        open_keeper(m);
    }
    clock_of_all = b->members[0].w.shared;
}

/* One trigger after another; what a crash has left is taken over. */
static void run_until_all_is_stored(struct budgets *b, uint64_t *r)
{
    int runs = 0;

    while (!has_ended(b)) {
        CHECK(++runs < MOST_RUNS);
        trigger(b, &b->members[draw(r, (uint64_t)b->n)]);
        run_all(b);
        rest(b);
    }
}

static void check_end(const struct budgets *b, const struct world *undisturbed)
{
    const struct world *w = &b->members[0].w;
    uint64_t slack = (uint64_t)(2 * b->options.workers * b->options.chunk_size);

    check_rows(w);
    check_same_rows(undisturbed, w);
    for (int i = 0; i < w->shared->ledger.nservices; i++)
        CHECK(w->shared->ledger.services[i].result.success);
    CHECK(b->texts >= undisturbed->texts_embedded);
    CHECK(
        b->texts <= undisturbed->texts_embedded + (uint64_t)b->crashes * slack);
}

static void free_members(struct budgets *b)
{
    for (int i = b->n - 1; i >= 0; i--) {
        arena_free(&b->members[i].arena);
        world_free(&b->members[i].w);
    }
    arena_free(&b->schemas.arena);
    free(b);
}

void simulate_budgets(uint64_t seed)
{
    struct budgets *b = calloc(1, sizeof(*b));
    struct world *undisturbed = calloc(1, sizeof(*undisturbed));
    struct faults faults = {.latency_ms = 10, .other_answers = -1};
    uint64_t r = seed ^ 0xB0D6E7;
    struct run_req req = {.run = NULL};
    struct source source;

    if (b == NULL || undisturbed == NULL)
        abort();
    draw_world(b, &r, &source);
    world_init(undisturbed, &source, &faults, &b->options, seed);
    run_until(undisturbed, &b->schemas, &req, 0);
    run_req_clear(&req);
    faults.embed = PICK(&r, 0, 0, 50);
    faults.most_texts = PICK(&r, 0, 0, 2); /* chunks go in parts */
    faults.store = PICK(&r, 0, 50);
    faults.ledger = PICK(&r, 0, 50);
    faults.lost_ack = 50;
    draw_limits(b, undisturbed, &faults, &r);
    start(b, &source, &faults, seed, &r);
    run_until_all_is_stored(b, &r);
    check_end(b, undisturbed);
    free_members(b);
    world_free(undisturbed);
    free(undisturbed);
}
