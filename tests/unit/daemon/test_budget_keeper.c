/* The keeper of budgets, over a table that the test keeps. */
#include "daemon/budget_keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { HOLDS = 4 };

struct world {
    struct loop loop;
    struct config_embedding config;
    struct budget_keeper keeper;
    struct embed_gate gate;
    struct embed_hold holds[HOLDS];
    int ended; /* of the holds */
    /* The table, by enum budget_kind. */
    uint64_t reserved[EMBED_BUDGETS];
    int64_t returned[EMBED_BUDGETS];
    int asked;   /* how often */
    bool broken; /* it cannot be asked */
};

static struct world *at_hand; /* the pool stands for nothing */

static int kind_of(const char *name)
{
    return strcmp(name, "day") == 0 ? BUDGET_DAY : BUDGET_RUN;
}

void budgets_reserve(
    struct pg_pool *pool, struct loop *loop, struct budgets_reserve_req *req)
{
    uint64_t *reserved = &at_hand->reserved[kind_of(req->kind)];
    struct err err = {0};

    at_hand->asked++;
    assert_true(req->needed > 0 && req->needed <= req->wanted);
    req->granted = *reserved + req->wanted <= req->limit   ? req->wanted
                   : *reserved + req->needed <= req->limit ? req->needed
                                                           : 0;
    *reserved += req->granted;
    req->reserved = *reserved;
    if (at_hand->broken)
        err_set(&err, ERR_UNAVAILABLE, "away");
    op_begin(&req->op, &loop->ready, NULL);
    op_finish(&req->op, &err);
}

void budgets_return(
    struct pg_pool *pool, struct loop *loop, struct budgets_return_req *req)
{
    int kind = kind_of(req->kind);

    at_hand->returned[kind] += req->tokens;
    at_hand->reserved[kind] =
        (uint64_t)((int64_t)at_hand->reserved[kind] - req->tokens);
    op_begin(&req->op, &loop->ready, NULL);
    op_finish(&req->op, NULL);
}

static void world_open(struct world *w, int day, int run)
{
    struct err err;

    memset(w, 0, sizeof(*w));
    at_hand = w;
    assert_int_equal(loop_init(&w->loop, &err), 0);
    w->config.budget_day = day;
    w->config.budget_run = run;
    budget_keeper_init(&w->keeper, NULL, &w->loop, &w->config);
    w->gate = budget_keeper_gate(&w->keeper);
}

static void world_close(struct world *w)
{
    struct err err;

    loop_run(&w->loop);
    assert_int_equal(loop_close(&w->loop, &err), 0);
}

static void on_hold(struct op *op)
{
    at_hand->ended++;
}

static void ask_of(struct world *w, int i, uint64_t tokens, const char *run)
{
    w->holds[i] = (struct embed_hold){.run = run, .tokens = tokens};
    op_init(&w->holds[i].op, on_hold);
    w->gate.ask(w->gate.arg, &w->holds[i]);
}

/* Asks, and wants that it ends so. */
static void ask(struct world *w, int i, uint64_t tokens, int code)
{
    ask_of(w, i, tokens, "run-1");
    loop_run(&w->loop);
    assert_false(op_pending(&w->holds[i].op));
    assert_string_equal(err_name(w->holds[i].op.err.code), err_name(code));
    assert_int_equal(w->holds[i].held, code == 0);
}

static void settle(struct world *w, int i, uint64_t billed)
{
    w->gate.settle(w->gate.arg, &w->holds[i], billed);
    loop_run(&w->loop);
}

static void assert_says(const struct world *w, int i, const char *words)
{
    if (strstr(w->holds[i].op.err.msg, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", w->holds[i].op.err.msg, words);
}

static void without_a_budget_nobody_is_asked(void **state)
{
    struct world w;

    world_open(&w, 0, 0);
    assert_false(budget_keeper_is_needed(&w.keeper));
    ask(&w, 0, 1000000, 0);
    assert_int_equal(w.asked, 0);
    world_close(&w);
}

static void a_block_is_reserved_at_a_time(void **state)
{
    struct world w;

    world_open(&w, 1000, 0); /* blocks of 10 */
    assert_true(budget_keeper_is_needed(&w.keeper));
    for (int i = 0; i < 3; i++) {
        ask(&w, i, 3, 0);
        assert_int_equal(w.asked, 1);
    }
    assert_int_equal(w.reserved[BUDGET_DAY], 10);
    ask(&w, 3, 3, 0);
    assert_int_equal(w.asked, 2);
    assert_int_equal(w.reserved[BUDGET_DAY], 20);
    ask(&w, 0, 25, 0); /* as many blocks as it takes */
    assert_int_equal(w.reserved[BUDGET_DAY], 40);
    world_close(&w);
}

static void what_was_billed_is_spent(void **state)
{
    struct world w;

    world_open(&w, 0, 1000);
    ask(&w, 0, 8, 0);
    assert_int_equal(budget_used(&w.keeper.budgets[BUDGET_RUN]), 8);
    settle(&w, 0, 2);
    assert_int_equal(budget_used(&w.keeper.budgets[BUDGET_RUN]), 2);
    ask(&w, 0, 8, 0);
    assert_int_equal(w.asked, 1); /* there was room */
    settle(&w, 0, 8);
    settle(&w, 0, 8); /* once */
    assert_int_equal(w.keeper.budgets[BUDGET_RUN].spent, 10);
    world_close(&w);
}

static void a_request_that_would_cross_is_refused(void **state)
{
    struct world w;

    world_open(&w, 0, 1000);
    ask(&w, 0, 995, 0);
    settle(&w, 0, 995);
    assert_false(budget_keeper_rests(&w.keeper));
    /* The one behind it in the line is smaller. */
    ask_of(&w, 1, 6, "run-1");
    ask_of(&w, 2, 5, "run-1");
    loop_run(&w.loop);
    assert_int_equal(w.holds[1].op.err.code, ERR_BUDGET);
    assert_false(w.holds[1].held);
    assert_says(&w, 1, "EMBEDDING_BUDGET_RUN: 995 of 1000 tokens are used");
    assert_int_equal(w.holds[2].op.err.code, 0);
    assert_int_equal(w.reserved[BUDGET_RUN], 1000);
    assert_true(budget_keeper_rests(&w.keeper));
    world_close(&w);
}

/* They may cost less than is held for them. */
static void those_under_way_are_waited_for(void **state)
{
    struct world w;

    world_open(&w, 1000, 0);
    ask(&w, 0, 600, 0);
    ask_of(&w, 1, 600, "run-1");
    loop_run(&w.loop);
    assert_true(op_pending(&w.holds[1].op));
    settle(&w, 0, 100);
    assert_int_equal(w.holds[1].op.err.code, 0);
    assert_true(w.holds[1].held);
    ask_of(&w, 2, 600, "run-1");
    settle(&w, 1, 600);
    assert_int_equal(w.holds[2].op.err.code, ERR_BUDGET);
    assert_says(&w, 2, "EMBEDDING_BUDGET_DAY: 700 of 1000");
    assert_says(&w, 2, "the day ends at ");
    assert_int_equal(w.ended, 3);
    world_close(&w);
}

static void what_cannot_be_counted_is_not_sent(void **state)
{
    struct world w;

    world_open(&w, 1000, 0);
    w.broken = true;
    ask(&w, 0, 5, ERR_UNAVAILABLE);
    assert_says(&w, 0, "reserve tokens of EMBEDDING_BUDGET_DAY: away");
    w.broken = false;
    ask(&w, 0, 5, 0);
    world_close(&w);
}

static void of_two_budgets_the_narrower_one_refuses(void **state)
{
    struct world w;

    world_open(&w, 1000, 100);
    ask(&w, 0, 90, 0);
    settle(&w, 0, 90);
    ask(&w, 1, 11, ERR_BUDGET);
    assert_says(&w, 1, "EMBEDDING_BUDGET_RUN: 90 of 100");
    ask(&w, 1, 10, 0);
    assert_int_equal(w.reserved[BUDGET_DAY], 110); /* asked for in vain, too */
    assert_int_equal(w.reserved[BUDGET_RUN], 100);
    world_close(&w);
}

static void what_is_left_is_given_back(void **state)
{
    struct world w;

    world_open(&w, 1000, 1000);
    ask(&w, 0, 3, 0);
    settle(&w, 0, 4); /* more than was held */
    budget_keeper_run_ended(&w.keeper);
    assert_non_null(budget_keeper_pending(&w.keeper));
    loop_run(&w.loop);
    assert_null(budget_keeper_pending(&w.keeper));
    assert_int_equal(w.returned[BUDGET_DAY], 6);
    assert_int_equal(w.returned[BUDGET_RUN], 6);
    ask(&w, 0, 3, 0);
    settle(&w, 0, 24); /* a provider that bills more than a block */
    budget_keeper_run_ended(&w.keeper);
    loop_run(&w.loop);
    assert_int_equal(w.reserved[BUDGET_DAY], 28);
    budget_keeper_run_ended(&w.keeper);
    assert_null(budget_keeper_pending(&w.keeper)); /* nothing is left */
    world_close(&w);
}

static void another_run_has_a_budget_of_its_own(void **state)
{
    struct world w;

    world_open(&w, 0, 100);
    ask(&w, 0, 90, 0);
    w.reserved[BUDGET_RUN] = 0; /* another row */
    ask_of(&w, 1, 90, "run-2");
    loop_run(&w.loop);
    assert_int_equal(w.holds[1].op.err.code, 0);
    /* What is settled late belongs to the run before. */
    settle(&w, 0, 90);
    assert_int_equal(w.keeper.budgets[BUDGET_RUN].spent, 0);
    assert_int_equal(w.keeper.budgets[BUDGET_RUN].held, 90);
    world_close(&w);
}

static void a_canceled_request_keeps_its_turn(void **state)
{
    struct world w;

    world_open(&w, 1000, 0);
    ask_of(&w, 0, 3, "run-1");
    ask_of(&w, 1, 3, "run-1");
    op_cancel(&w.holds[0].op);
    loop_run(&w.loop);
    assert_int_equal(w.holds[0].op.err.code, ERR_CANCELED);
    assert_int_equal(w.holds[1].op.err.code, 0);
    settle(&w, 0, 0); /* as the embedder does */
    assert_int_equal(w.keeper.budgets[BUDGET_DAY].held, 3);
    world_close(&w);
}

static void days_end_at_midnight_in_utc(void **state)
{
    const int64_t day = 24 * 3600 * 1000;

    assert_int_equal(budget_day_end_ms(0), day);
    assert_int_equal(budget_day_end_ms(day - 1), day);
    assert_int_equal(budget_day_end_ms(day), 2 * day);
    assert_string_equal(budget_variable(BUDGET_DAY), "EMBEDDING_BUDGET_DAY");
    assert_string_equal(budget_variable(BUDGET_RUN), "EMBEDDING_BUDGET_RUN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_budget_nobody_is_asked),
        cmocka_unit_test(a_block_is_reserved_at_a_time),
        cmocka_unit_test(what_was_billed_is_spent),
        cmocka_unit_test(a_request_that_would_cross_is_refused),
        cmocka_unit_test(those_under_way_are_waited_for),
        cmocka_unit_test(what_cannot_be_counted_is_not_sent),
        cmocka_unit_test(of_two_budgets_the_narrower_one_refuses),
        cmocka_unit_test(what_is_left_is_given_back),
        cmocka_unit_test(another_run_has_a_budget_of_its_own),
        cmocka_unit_test(a_canceled_request_keeps_its_turn),
        cmocka_unit_test(days_end_at_midnight_in_utc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
