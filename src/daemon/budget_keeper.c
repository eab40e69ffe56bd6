/*
 * Happy path: ask -> line -> there is room in both budgets -> the request is
 * held against them -> settle. Without room a block is reserved first; those
 * behind it in the line wait.
 *
 * Failures: when a budget has not enough left, what is under way is waited for,
 * which may cost less than is held for it; then the request at the head of the
 * line is refused (ERR_BUDGET), and the next one, which may be smaller, is
 * looked at. When the database cannot be asked its error is the request's:
 * nothing is sent that could not be counted.
 *
 * On cancel: a request keeps its place, and is let go when its turn comes. On
 * close: app_close() waits for what is being given back.
 */
#include "daemon/budget_keeper.h"

#include "base/log.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BLOCKS = 100, DATE_LEN = 10, REST_MS = 60 * 1000 };

static const int64_t DAY_MS = 24 * 3600 * 1000;

static const char *const budget_kinds[] = {
    [BUDGET_DAY] = "day", [BUDGET_RUN] = "run"};

const char *budget_variable(enum budget_kind kind)
{
    return kind == BUDGET_DAY ? "EMBEDDING_BUDGET_DAY" : "EMBEDDING_BUDGET_RUN";
}

int64_t budget_day_end_ms(int64_t now_ms)
{
    return now_ms - now_ms % DAY_MS + DAY_MS;
}

/* The share of this process is known better than the database last said. */
uint64_t budget_used(const struct budget *b)
{
    uint64_t mine = b->spent + b->held;

    if (b->reserved + mine < b->granted)
        return mine;
    return b->reserved + mine - b->granted;
}

static void budget_begin(struct budget *b, const char *key)
{
    b->epoch++;
    b->granted = b->spent = b->held = b->reserved = 0;
    snprintf(b->key, sizeof(b->key), "%s", key);
}

/* A new day, or another run, has its own budget. */
static void budget_turn(struct budget *b, enum budget_kind kind,
    const struct embed_hold *hold, int64_t now_ms)
{
    char key[BUDGET_KEY_BYTES], iso[ISO_BYTES];

    iso_from_ms(now_ms, iso);
    if (kind == BUDGET_DAY)
        snprintf(key, sizeof(key), "%.*s", DATE_LEN, iso);
    else
        snprintf(key, sizeof(key), "%s", hold->run);
    if (strcmp(key, b->key) != 0)
        budget_begin(b, key);
}

/* Tokens that have to be reserved before these can be held; 0: none. */
static uint64_t budget_lacks(const struct budget *b, uint64_t tokens)
{
    uint64_t all = b->spent + b->held + tokens;

    return all > b->granted ? all - b->granted : 0;
}

static void budget_keeper_step(struct budget_keeper *k);

/* --- the answer of the database --- */

static void budget_keeper_let_go(
    struct budget_keeper *k, struct embed_hold *hold, const struct err *err)
{
    list_remove(&hold->link);
    op_finish(&hold->op, err);
}

static void budget_keeper_refuse(
    struct budget_keeper *k, struct embed_hold *hold)
{
    const struct budget *b = &k->budgets[k->asking];
    int64_t now_ms = loop_wall_ms(), end_ms = budget_day_end_ms(now_ms);
    char iso[ISO_BYTES], until[ISO_BYTES + 64];
    struct err err;

    iso_from_ms(end_ms, iso);
    snprintf(until, sizeof(until), "the day ends at %s", iso);
    err_set(&err, ERR_BUDGET,
        "%s: %" PRIu64 " of %" PRIu64 " tokens are used, and the next request "
        "may take %" PRIu64 "; what was embedded is stored, and the next run "
        "goes on from there: %s, or raise %s",
        budget_variable(k->asking), budget_used(b), b->limit, hold->tokens,
        k->asking == BUDGET_DAY ? until : "it has a budget of its own",
        budget_variable(k->asking));
    k->rests_until_ms = k->asking == BUDGET_DAY ? end_ms : now_ms + REST_MS;
    budget_keeper_let_go(k, hold, &err);
}

static void on_budget_reserved(struct op *op)
{
    struct budget_keeper *k =
        container_of(op, struct budget_keeper, reserve.op);
    struct budget *b = &k->budgets[k->asking];
    struct embed_hold *hold =
        container_of(k->line.next, struct embed_hold, link);
    struct err err = op->err;

    if (err.code != 0) {
        err_wrap(&err, "reserve tokens of %s", budget_variable(k->asking));
        budget_keeper_let_go(k, hold, &err);
    } else {
        b->granted += k->reserve.granted;
        b->reserved = k->reserve.reserved;
        if (k->reserve.granted == 0 && b->held > 0)
            return; /* those under way may cost less than is held for them */
        if (k->reserve.granted == 0)
            budget_keeper_refuse(k, hold);
    }
    budget_keeper_step(k);
}

/* --- asking --- */

static void budget_keeper_reserve(
    struct budget_keeper *k, enum budget_kind kind, uint64_t lack)
{
    const struct budget *b = &k->budgets[kind];

    k->asking = kind;
    k->reserve = (struct budgets_reserve_req){.kind = budget_kinds[kind],
        .needed = lack,
        .wanted = (lack + b->block - 1) / b->block * b->block,
        .limit = b->limit};
    memcpy(k->reserve.key, b->key, sizeof(b->key));
    op_init(&k->reserve.op, on_budget_reserved);
    budgets_reserve(k->pool, k->loop, &k->reserve);
}

static void budget_keeper_hold(struct budget_keeper *k, struct embed_hold *hold)
{
    for (int i = 0; i < EMBED_BUDGETS; i++) {
        k->budgets[i].held += hold->tokens;
        hold->epochs[i] = k->budgets[i].epoch;
    }
    hold->held = true;
    budget_keeper_let_go(k, hold, NULL);
}

/* Serves the line, until it has to wait for the database. */
static void budget_keeper_step(struct budget_keeper *k)
{
    while (!list_empty(&k->line)) {
        struct embed_hold *hold =
            container_of(k->line.next, struct embed_hold, link);

        for (int i = 0; i < EMBED_BUDGETS; i++) {
            struct budget *b = &k->budgets[i];
            uint64_t lack;

            if (b->limit == 0)
                continue;
            budget_turn(b, (enum budget_kind)i, hold, loop_wall_ms());
            lack = budget_lacks(b, hold->tokens);
            if (lack > 0) {
                budget_keeper_reserve(k, (enum budget_kind)i, lack);
                return;
            }
        }
        budget_keeper_hold(k, hold);
    }
}

static void budget_keeper_ask(void *arg, struct embed_hold *hold)
{
    struct budget_keeper *k = arg;

    hold->held = false;
    op_begin(&hold->op, &k->loop->ready, NULL);
    /* op.link is the queue's once it has ended: the line has its own. */
    list_init(&hold->link);
    list_push(&k->line, &hold->link);
    if (!op_pending(&k->reserve.op))
        budget_keeper_step(k);
}

/* What belongs to an earlier key was settled with it. */
static void budget_keeper_settle(
    void *arg, struct embed_hold *hold, uint64_t billed)
{
    struct budget_keeper *k = arg;

    for (int i = 0; hold->held && i < EMBED_BUDGETS; i++) {
        struct budget *b = &k->budgets[i];

        if (b->epoch != hold->epochs[i])
            continue;
        b->held -= hold->tokens;
        b->spent += billed;
    }
    hold->held = false;
    if (!op_pending(&k->reserve.op))
        budget_keeper_step(k);
}

/* --- giving back --- */

static void on_budget_given_back(struct op *op)
{
    if (op->err.code != 0)
        log_warn(NULL,
            "what a run has not used of its budget stays counted: %s",
            op->err.msg);
}

static void budget_give_back(
    struct budget_keeper *k, struct budget *b, enum budget_kind kind)
{
    int64_t left = (int64_t)b->granted - (int64_t)(b->spent + b->held);

    if (b->limit == 0 || left == 0 || op_pending(&b->give_back.op))
        return;
    b->granted = b->spent + b->held;
    b->reserved = (uint64_t)((int64_t)b->reserved - left);
    b->give_back =
        (struct budgets_return_req){.kind = budget_kinds[kind], .tokens = left};
    memcpy(b->give_back.key, b->key, sizeof(b->key));
    op_init(&b->give_back.op, on_budget_given_back);
    budgets_return(k->pool, k->loop, &b->give_back);
}

/* A run that is resumed begins with what the database knows of it. */
void budget_keeper_run_ended(struct budget_keeper *k)
{
    for (int i = 0; i < EMBED_BUDGETS; i++)
        budget_give_back(k, &k->budgets[i], (enum budget_kind)i);
    k->budgets[BUDGET_RUN].key[0] = '\0';
}

struct op *budget_keeper_pending(struct budget_keeper *k)
{
    for (int i = 0; i < EMBED_BUDGETS; i++)
        if (op_pending(&k->budgets[i].give_back.op))
            return &k->budgets[i].give_back.op;
    return NULL;
}

/* --- what it is --- */

void budget_keeper_init(struct budget_keeper *k, struct pg_pool *pool,
    struct loop *loop, const struct config_embedding *config)
{
    const int limits[] = {
        [BUDGET_DAY] = config->budget_day, [BUDGET_RUN] = config->budget_run};

    *k = (struct budget_keeper){.pool = pool, .loop = loop};
    list_init(&k->line);
    op_init(&k->reserve.op, on_budget_reserved);
    for (int i = 0; i < EMBED_BUDGETS; i++) {
        struct budget *b = &k->budgets[i];

        b->limit = (uint64_t)limits[i];
        b->block = (b->limit + BLOCKS - 1) / BLOCKS;
        op_init(&b->give_back.op, on_budget_given_back);
    }
}

bool budget_keeper_is_needed(const struct budget_keeper *k)
{
    return k->budgets[BUDGET_DAY].limit > 0 || k->budgets[BUDGET_RUN].limit > 0;
}

struct embed_gate budget_keeper_gate(struct budget_keeper *k)
{
    return (struct embed_gate){
        .arg = k, .ask = budget_keeper_ask, .settle = budget_keeper_settle};
}

bool budget_keeper_rests(const struct budget_keeper *k)
{
    return loop_wall_ms() < k->rests_until_ms;
}
