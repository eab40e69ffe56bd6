/* What of the history goes, and what stays however old it is. */
#include "unit/db/pg_world.h"

#include "db/ledger/ledger_expire.h"

static const char *ask(struct world *w, const char *sql)
{
    return db_text(&w->db, sql);
}

/* Runs of one service each, by age in days; `ended`: their statuses. */
static const struct {
    const char *id, *ended, *model;
    int age_days;
    bool incremental, fires, open;
    bool stays;
} runs[] = {
    {"whole-old", "success", "m", 400, .stays = false},
    {"other-model-old", "failed", "other", 390, .stays = false},
    {"whole-last", "success", "m", 300, .stays = true},
    {"increment-old", "success", "m", 290, .incremental = true},
    {"failed-old", "failed", "m", 280},
    {"other-model", "failed", "other", 270, .stays = true},
    {"fire-old", "failed", "m", 265, .fires = true},
    {"fire-last", "failed", "m", 260, .fires = true, .stays = true},
    {"increment-last", "success", "m", 250, .incremental = true, .stays = true},
    {"left", "interrupted", "m", 240, .open = true, .stays = true},
    {"canceled", "canceled", "m", 230},
    {"young", "failed", "m", 10, .stays = true},
};
enum { NRUNS = sizeof(runs) / sizeof(runs[0]) };

static void fill(struct world *w)
{
    char sql[2048];

    db_exec(&w->db, "DELETE FROM batch_sync_runs");
    for (int i = 0; i < NRUNS; i++) {
        const char *since = runs[i].incremental ? "'2026-01-01'" : "NULL";
        const char *end = runs[i].open ? "NULL" : "now() - age";
        bool success = strcmp(runs[i].ended, "success") == 0;

        snprintf(sql, sizeof(sql),
            "WITH a AS (SELECT make_interval(days => %d) AS age),"
            " r AS (INSERT INTO batch_sync_runs (id, tenant_id, kind, trigger,"
            "  services, source, page_limit, provider, model, dimensions,"
            "  status, owner, expires_at, started_at, finished_at, fire_at)"
            " SELECT '%s', 't1', 'batch', 'cli', '{svc}', 'env', 10,"
            "  'builtin', '%s', 3, '%s', 'o', now(), now() - age, %s, %s"
            "  FROM a)"
            " INSERT INTO batch_sync_service_runs (run_id, position, tenant_id,"
            "  service, status, owner, token, expires_at, since, page_limit,"
            "  started_at, finished_at)"
            " SELECT '%s', 0, 't1', 'svc', '%s', 'o', '%s', now(), %s, 10,"
            "  now() - age, %s FROM a",
            runs[i].age_days, runs[i].id, runs[i].model, runs[i].ended, end,
            runs[i].fires ? "now() - age" : "NULL", runs[i].id,
            success ? "success" : "failed", runs[i].id, since, end);
        db_exec(&w->db, sql);
    }
}

static struct expire_req expire(struct world *w, int days)
{
    struct expire_req req = {.days = days};

    op_init(&req.op, db_done);
    ledger_expire(w->db.pool, &w->db.loop, &req);
    expect_op(w, &req.op, 0);
    return req;
}

static void old_runs_go(void **state)
{
    struct world *w = *state;
    int gone = 0;
    char sql[256];

    NEED_SERVER();
    fill(w);
    for (int i = 0; i < NRUNS; i++)
        gone += !runs[i].stays;
    assert_int_equal(expire(w, 90).runs, gone);
    for (int i = 0; i < NRUNS; i++) {
        snprintf(sql, sizeof(sql),
            "SELECT (SELECT count(*) FROM batch_sync_runs WHERE id = '%s')"
            " + (SELECT count(*) FROM batch_sync_service_runs"
            "  WHERE run_id = '%s')",
            runs[i].id, runs[i].id);
        if (atoi(ask(w, sql)) != (runs[i].stays ? 2 : 0))
            fail_msg("%s: %s", runs[i].id, ask(w, sql));
    }
    assert_int_equal(expire(w, 90).runs, 0);
}

/* Each service has a last pass of its own. */
static void other_services_keep_theirs(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    fill(w);
    db_exec(&w->db, "UPDATE batch_sync_service_runs SET service = 'another'"
                    " WHERE run_id = 'whole-old'");
    expire(w, 90);
    assert_string_equal(
        ask(w, "SELECT count(*) FROM batch_sync_runs WHERE id = 'whole-old'"),
        "1");
}

static void fires_go_but_the_last_of_each_schedule(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    db_exec(&w->db,
        "INSERT INTO batch_sync_fires (schedule, fire_at, outcome, dropped_at)"
        " SELECT s, now() - make_interval(days => d), 'skipped',"
        "  now() - make_interval(days => d)"
        " FROM (VALUES ('', 99), ('', 95), ('', 1), ('a', 99), ('a', 95))"
        "  f (s, d)");
    expire(w, 90);
    assert_string_equal(
        ask(w,
            "SELECT string_agg(schedule || extract(day FROM now() - fire_at),"
            " ' ' ORDER BY schedule, fire_at) FROM batch_sync_fires"),
        "1 a95");
}

static void messages_go_when_no_run_can_be_told_of_again(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    db_exec(&w->db,
        "INSERT INTO batch_sync_webhooks (cause, payload, created_at,"
        "  delivered_at, given_up_at)"
        " SELECT c, '', now() - interval '1 y', now() - d::interval,"
        "  now() - g::interval"
        " FROM (VALUES ('since', '1 y', NULL), ('told', '91 d', NULL),"
        "   ('told later', '89 d', NULL), ('given up', NULL, '91 d'),"
        "   ('told lately', '9 d', NULL), ('waits', NULL, NULL)) m (c, d, g)");
    expire(w, 90);
    assert_string_equal(ask(w, "SELECT string_agg(cause, ', ' ORDER BY number)"
                               " FROM batch_sync_webhooks"),
        "since, told later, told lately, waits");
    expire(w, 1);
    assert_string_equal(ask(w, "SELECT string_agg(cause, ', ' ORDER BY number)"
                               " FROM batch_sync_webhooks"),
        "since, told lately, waits");
}

static void only_resolved_letters_go(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    db_exec(&w->db,
        "INSERT INTO batch_sync_dead_letters (tenant_id, service, digest,"
        "  reason, payload, first_seen, last_seen, resolved_at)"
        " SELECT 't1', 'svc', ('\\x0' || g)::bytea, 'r', '{}',"
        "  now() - interval '1 y', now() - interval '1 y',"
        "  CASE g WHEN 1 THEN now() - interval '91 d'"
        "   WHEN 2 THEN now() - interval '89 d' END"
        " FROM generate_series(1, 3) g");
    assert_int_equal(expire(w, 90).letters, 1);
    assert_string_equal(
        ask(w, "SELECT string_agg(encode(digest, 'hex'), ' ' ORDER BY digest)"
               " FROM batch_sync_dead_letters"),
        "02 03");
}

static void what_is_more_than_a_batch_is_told(void **state)
{
    struct world *w = *state;
    struct expire_req first;

    NEED_SERVER();
    fill(w);
    db_exec(&w->db,
        "INSERT INTO batch_sync_runs (id, tenant_id, kind, trigger, services,"
        "  source, page_limit, provider, model, dimensions, status, owner,"
        "  expires_at, started_at, finished_at)"
        " SELECT 'many-' || g, 't1', 'batch', 'cli', '{}', 'env', 10,"
        "  'builtin', 'm', 3, 'failed', 'o', now(), now() - interval '200 d',"
        "  now() - interval '200 d' FROM generate_series(1, 150) g");
    first = expire(w, 90);
    assert_true(first.more);
    assert_int_equal(first.runs, EXPIRE_RUNS);
    assert_false(expire(w, 90).more);
    assert_string_equal(
        ask(w, "SELECT count(*) FROM batch_sync_runs WHERE id LIKE 'many-%'"),
        "0");
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(old_runs_go),
        TEST(other_services_keep_theirs),
        TEST(fires_go_but_the_last_of_each_schedule),
        TEST(messages_go_when_no_run_can_be_told_of_again),
        TEST(only_resolved_letters_go),
        TEST(what_is_more_than_a_batch_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
