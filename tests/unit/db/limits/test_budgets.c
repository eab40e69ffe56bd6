/* Budgets in the database: tokens are reserved by one statement. */
#include "unit/db/pg_world.h"

#include "db/limits/budgets.h"

struct asks {
    struct world w;
    struct budgets_reserve_req reserve;
    struct budgets_return_req give_back;
};

static int set_up(void **state)
{
    static struct asks a;
    struct migrate_req req;

    *state = NULL;
    if (db_server() == NULL)
        return 0; /* each test says so */
    memset(&a, 0, sizeof(a));
    db_open(&a.w.db, 4);
    *state = &a;
    migrate(&a.w.db, &req, MIGRATE_APPLY, DIMENSIONS);
    buf_free(&req.report);
    return req.op.err.code;
}

static int tear_down(void **state)
{
    struct asks *a = *state;

    if (a != NULL)
        db_close(&a->w.db);
    return 0;
}

static void submit(struct asks *a, struct budgets_reserve_req *req,
    const char *key, uint64_t needed, uint64_t wanted)
{
    *req = (struct budgets_reserve_req){
        .kind = "day", .needed = needed, .wanted = wanted, .limit = 1000};
    snprintf(req->key, sizeof(req->key), "%s", key);
    op_init(&req->op, db_done);
    budgets_reserve(a->w.db.pool, &a->w.db.loop, req);
}

/* Wants so many granted, and so many reserved then. */
static void reserve(struct asks *a, const char *key, uint64_t needed,
    uint64_t wanted, uint64_t granted, uint64_t reserved)
{
    submit(a, &a->reserve, key, needed, wanted);
    expect_op(&a->w, &a->reserve.op, 0);
    assert_int_equal(a->reserve.granted, granted);
    assert_int_equal(a->reserve.reserved, reserved);
}

static void give_back(struct asks *a, const char *key, int64_t tokens)
{
    a->give_back = (struct budgets_return_req){.kind = "day", .tokens = tokens};
    snprintf(a->give_back.key, sizeof(a->give_back.key), "%s", key);
    op_init(&a->give_back.op, db_done);
    budgets_return(a->w.db.pool, &a->w.db.loop, &a->give_back);
    expect_op(&a->w, &a->give_back.op, 0);
}

static void never_more_than_there_is(void **state)
{
    struct asks *a = *state;

    NEED_SERVER();
    reserve(a, "2026-01-01", 5, 400, 400, 400);
    reserve(a, "2026-01-01", 5, 400, 400, 800);
    reserve(a, "2026-01-01", 5, 400, 5, 805); /* what is needed, then */
    reserve(a, "2026-01-01", 196, 400, 0, 805);
    reserve(a, "2026-01-01", 195, 400, 195, 1000);
    reserve(a, "2026-01-01", 1, 1, 0, 1000);
    reserve(a, "2026-01-02", 1, 10, 10, 10); /* another day */
}

static void what_is_given_back_can_be_reserved(void **state)
{
    struct asks *a = *state;

    NEED_SERVER();
    reserve(a, "2026-02-01", 1000, 1000, 1000, 1000);
    give_back(a, "2026-02-01", 300);
    reserve(a, "2026-02-01", 300, 300, 300, 1000);
    give_back(a, "2026-02-01", -50); /* more was billed than reserved */
    reserve(a, "2026-02-01", 1, 1, 0, 1050);
    give_back(a, "2026-02-01", 5000); /* never below nothing */
    reserve(a, "2026-02-01", 1, 10, 10, 10);
    give_back(a, "2026-02-09", 5); /* a row that is not there */
}

/* Replicas that ask at the same moment get no more than there is. */
static void at_the_same_moment(void **state)
{
    enum { REPLICAS = 8 };
    struct asks *a = *state;
    struct budgets_reserve_req reqs[REPLICAS];
    uint64_t granted = 0;

    NEED_SERVER();
    for (int i = 0; i < REPLICAS; i++)
        submit(a, &reqs[i], "2026-03-01", 100, 300);
    for (int i = 0; i < REPLICAS; i++) {
        expect_op(&a->w, &reqs[i].op, 0);
        granted += reqs[i].granted;
    }
    assert_int_equal(granted, 1000); /* 300 three times, then 100 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_more_than_there_is),
        cmocka_unit_test(what_is_given_back_can_be_reserved),
        cmocka_unit_test(at_the_same_moment),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
