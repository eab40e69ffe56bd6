/* Runs and dead letters as PostgreSQL tells them, against a real one. */
#include "unit/db/pg_world.h"

#include "base/json.h"
#include "db/read/history.h"

typedef void (*ask_fn)(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/* Asks and waits; the answer is to be freed. NULL when `code` is no 0. */
static json_t *ask(
    struct world *w, ask_fn fn, struct history_req *req, int code)
{
    json_t *json = NULL;
    json_error_t fault;

    op_init(&req->op, db_done);
    fn(w->db.pool, &w->db.loop, req);
    expect_op(w, &req->op, code);
    if (code == 0) {
        json = json_loadb(req->json.data, req->json.len, 0, &fault);
        if (json == NULL)
            fail_msg("%s in %s", fault.text, req->json.data);
    }
    history_req_clear(req);
    return json;
}

static json_t *runs(struct world *w, struct history_req req)
{
    return ask(w, history_runs, &req, 0);
}

static json_t *letters(struct world *w, struct history_req req)
{
    return ask(w, history_dead_letters, &req, 0);
}

static json_t *one_run(struct world *w, const char *id)
{
    struct history_req req = {.id = id};

    return ask(w, history_run, &req, 0);
}

/* The document without the parts that differ each time. */
static void expect_json(json_t *json, const char *expected)
{
    char *text = json_dumps(json, JSON_COMPACT);

    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

static const char *member(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "(none)" : text;
}

/* Joined with blanks: one member of all entries. */
static void expect_each(
    json_t *json, const char *list, const char *name, const char *expected)
{
    json_t *entries = json_object_get(json, list);
    char got[1024] = "";
    json_t *entry;
    size_t i;

    json_array_foreach(entries, i, entry)
    {
        size_t len = strlen(got);

        snprintf(got + len, sizeof(got) - len, "%s%s", len > 0 ? " " : "",
            member(entry, name));
    }
    assert_string_equal(got, expected);
    assert_int_equal(json_integer_value(json_object_get(json, "count")),
        json_array_size(entries));
    json_decref(json);
}

/* Runs r1 .. r5, an hour apart, and what became of them. */
static void make_runs(struct world *w)
{
    db_exec(&w->db,
        "DELETE FROM batch_sync_runs;"
        "INSERT INTO batch_sync_runs (id, tenant_id, kind, trigger, services,"
        "  source, page_limit, provider, model, dimensions, status, owner,"
        "  expires_at, started_at, finished_at)"
        " SELECT 'r' || i, CASE WHEN i > 3 THEN 't2' ELSE 't1' END, 'batch',"
        "  'http', '{svc-a,svc-b}', 'request', 100, 'builtin', 'm', 3,"
        "  (ARRAY['success','failed','partial','success','running'])[i], 'o',"
        "  now() + interval '1 minute',"
        "  timestamptz '2026-01-02 03:00:00.25Z' + make_interval(hours => i),"
        "  CASE WHEN i < 5 THEN timestamptz '2026-01-02 03:00:01.75Z'"
        "   + make_interval(hours => i) END"
        " FROM generate_series(1, 5) i");
}

static void runs_come_newest_first(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    make_runs(w);
    expect_each(
        runs(w, (struct history_req){0}), "runs", "id", "r5 r4 r3 r2 r1");
    expect_each(
        runs(w, (struct history_req){.limit = 2}), "runs", "id", "r5 r4");
    expect_each(runs(w, (struct history_req){.limit = 2, .before = "r4"}),
        "runs", "id", "r3 r2");
    expect_each(
        runs(w, (struct history_req){.before = "r1"}), "runs", "id", "");
}

static void runs_are_filtered(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    make_runs(w);
    expect_each(runs(w, (struct history_req){.status = "success"}), "runs",
        "id", "r4 r1");
    expect_each(runs(w, (struct history_req){.tenant = "t1"}), "runs", "id",
        "r3 r2 r1");
    expect_each(
        runs(w, (struct history_req){.status = "success", .tenant = "t1"}),
        "runs", "id", "r1");
    expect_each(runs(w, (struct history_req){.status = "'; DROP TABLE x"}),
        "runs", "id", "");
}

static void two_runs_of_the_same_instant_keep_their_order(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    make_runs(w);
    db_exec(&w->db, "UPDATE batch_sync_runs SET started_at = now()");
    expect_each(
        runs(w, (struct history_req){.limit = 2}), "runs", "id", "r5 r4");
    expect_each(runs(w, (struct history_req){.limit = 9, .before = "r4"}),
        "runs", "id", "r3 r2 r1");
}

static void there_is_a_most(void **state)
{
    struct world *w = *state;
    json_t *json;

    NEED_SERVER();
    db_exec(&w->db,
        "INSERT INTO batch_sync_runs (tenant_id, kind, trigger, services,"
        "  source, page_limit, provider, model, dimensions, status, owner,"
        "  expires_at) SELECT 't1', 'batch', 'http', '{}', 'env', 100, 'p',"
        "  'm', 3, 'success', 'o', now() FROM generate_series(1, 600)");
    json = runs(w, (struct history_req){.limit = 100000});
    assert_int_equal(
        json_integer_value(json_object_get(json, "count")), HISTORY_MOST);
    json_decref(json);
    json = runs(w, (struct history_req){0});
    assert_int_equal(
        json_integer_value(json_object_get(json, "count")), HISTORY_USUAL);
    json_decref(json);
}

#define NO_REFUSALS                                                \
    "\"refusedRate\":0,\"refusedSize\":0,\"refusedLength\":0,"     \
    "\"refusedText\":0,\"refusedAccess\":0,\"refusedSettings\":0," \
    "\"refusedFailure\":0,"

#define NO_COUNTS                                                    \
    "{\"received\":0,\"stored\":0,\"unchanged\":0,\"tombstones\":0," \
    "\"deleted\":0,"                                                 \
    "\"deleteRefused\":0,\"failed\":0,\"knownFailures\":0,"          \
    "\"repaired\":0,\"contested\":0,\"collisions\":0,"               \
    "\"embedded\":0,\"tokens\":0,\"tokensEstimated\":0," NO_REFUSALS \
    "\"altered\":0,\"nulsDropped\":0,\"replaced\":0}"

static void a_run_has_the_shape_of_the_api(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    make_runs(w);
    db_exec(&w->db,
        "UPDATE batch_sync_runs SET error = 'it \"broke\"', since = '2025',"
        " totals = '{\"received\": 9, \"known_failures\": 2}'");
    expect_json(runs(w, (struct history_req){.before = "r2"}),
        "{\"runs\":[{\"id\":\"r1\",\"tenantId\":\"t1\",\"kind\":\"batch\","
        "\"trigger\":\"http\",\"status\":\"success\",\"source\":\"request\","
        "\"since\":\"2025\",\"limit\":100,\"provider\":\"builtin\","
        "\"model\":\"m\",\"dimensions\":3,\"resumed\":0,"
        "\"startedAt\":\"2026-01-02T04:00:00.250Z\","
        "\"finishedAt\":\"2026-01-02T04:00:01.750Z\",\"durationMs\":1500,"
        "\"totals\":{\"received\":9,\"stored\":0,\"unchanged\":0,"
        "\"tombstones\":0,\"deleted\":0,\"deleteRefused\":0,\"failed\":0,"
        "\"knownFailures\":2,"
        "\"repaired\":0,\"contested\":0,\"collisions\":0,"
        "\"embedded\":0,\"tokens\":0,\"tokensEstimated\":0," NO_REFUSALS
        "\"altered\":0,\"nulsDropped\":0,\"replaced\":0},"
        "\"error\":\"it \\\"broke\\\"\"}],\"count\":1,\"next\":null}");
}

static void no_runs_are_an_empty_list(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    db_exec(&w->db, "DELETE FROM batch_sync_runs");
    expect_json(runs(w, (struct history_req){0}),
        "{\"runs\":[],\"count\":0,\"next\":null}");
    expect_json(letters(w, (struct history_req){0}),
        "{\"deadLetters\":[],\"count\":0,\"next\":null}");
}

static void a_running_run_has_the_sums_of_its_services(void **state)
{
    struct world *w = *state;
    json_t *json, *totals;

    NEED_SERVER();
    service_begin(w, &w->ledger, 1, 0);
    db_exec(&w->db,
        "UPDATE batch_sync_service_runs SET counts ="
        " '{\"received\": 20, \"stored\": 7, \"nuls_dropped\": 1}'");
    json = one_run(w, w->run.run_id);
    totals = json_object_get(json, "totals");
    assert_string_equal(member(json, "status"), "running");
    assert_true(json_is_null(json_object_get(json, "finishedAt")));
    assert_true(json_is_integer(json_object_get(json, "durationMs")));
    assert_int_equal(json_integer_value(json_object_get(totals, "stored")), 14);
    assert_int_equal(
        json_integer_value(json_object_get(totals, "nulsDropped")), 2);
    json_decref(json);
}

/* The owner is gone, and nobody has noticed yet. */
static void a_lost_run_is_interrupted(void **state)
{
    struct world *w = *state;
    json_t *json;

    NEED_SERVER();
    db_exec(&w->db,
        "UPDATE batch_sync_runs SET expires_at = now() - interval '1 second';"
        "UPDATE batch_sync_service_runs"
        " SET expires_at = now() - interval '1 second'");
    json = one_run(w, w->run.run_id);
    assert_string_equal(member(json, "status"), "interrupted");
    assert_true(json_is_null(json_object_get(json, "durationMs")));
    assert_string_equal(
        member(json_array_get(json_object_get(json, "services"), 0), "status"),
        "interrupted");
    json_decref(json);
    expect_each(
        runs(w, (struct history_req){.status = "running"}), "runs", "id", "");
    expect_each(runs(w, (struct history_req){.status = "interrupted"}), "runs",
        "id", w->run.run_id);
}

static void services_come_in_order_with_their_errors(void **state)
{
    struct world *w = *state;
    json_t *json;

    NEED_SERVER();
    db_exec(&w->db,
        "UPDATE batch_sync_service_runs SET status = 'failed', pages = 3,"
        " next_page = 4, errors = '[{\"page\": 4, \"error\": \"no \\\\ \"}]',"
        " started_at = '2026-01-02 03:04:05.006Z',"
        " finished_at = '2026-01-02 04:04:05.0069Z', owner = 'host:1:2',"
        " complete = false, reason = '20 of 60'"
        " WHERE position = 0");
    json = one_run(w, w->run.run_id);
    expect_json(json_incref(json_object_get(json, "services")),
        "[{\"service\":\"svc-a\",\"position\":0,\"status\":\"failed\","
        "\"pages\":3,\"nextPage\":4,\"total\":null,\"counts\":" NO_COUNTS ","
        "\"errors\":[{\"page\":4,\"error\":\"no \\\\ \"}],"
        "\"complete\":false,\"reason\":\"20 of 60\",\"owner\":\"host:1:2\","
        "\"startedAt\":\"2026-01-02T03:04:05.006Z\","
        "\"finishedAt\":\"2026-01-02T04:04:05.006Z\"},"
        "{\"service\":\"svc-b\",\"position\":1,\"status\":\"pending\","
        "\"pages\":0,\"nextPage\":1,\"total\":null,\"counts\":" NO_COUNTS
        ",\"errors\":[],"
        "\"complete\":null,\"reason\":null,\"owner\":null,\"startedAt\":null,"
        "\"finishedAt\":null}]");
    json_decref(json);
}

static void services_that_an_ended_run_left_out_are_skipped(void **state)
{
    struct world *w = *state;
    json_t *json;

    NEED_SERVER();
    db_exec(&w->db,
        "UPDATE batch_sync_runs SET status = 'failed', finished_at = now()");
    json = one_run(w, w->run.run_id);
    assert_string_equal(
        member(json_array_get(json_object_get(json, "services"), 1), "status"),
        "skipped");
    json_decref(json);
}

static void an_unknown_run_is_not_found(void **state)
{
    struct world *w = *state;
    struct history_req req = {.id = "nobody"};

    NEED_SERVER();
    ask(w, history_run, &req, ERR_NOT_FOUND);
    assert_string_equal(req.op.err.msg, "there is no run nobody");
}

/* d0 .. d3 of backend-a, every second one resolved; d9 of another tenant. */
static void make_letters(struct world *w)
{
    db_exec(&w->db,
        "INSERT INTO batch_sync_dead_letters (tenant_id, service, digest,"
        "  content_id, reason, payload, model, first_seen, last_seen, times,"
        "  resolved_at)"
        " SELECT 't1', 'backend-a', decode('ab0' || i, 'hex'), 'd' || i,"
        "  'input refused', '{\"secret\": 1}', 'm',"
        "  timestamptz '2026-01-01Z', timestamptz '2026-01-02Z'"
        "   + make_interval(mins => i), i + 1,"
        "  CASE WHEN i % 2 = 1 THEN timestamptz '2026-01-03Z' END"
        " FROM generate_series(0, 3) i;"
        "INSERT INTO batch_sync_dead_letters (tenant_id, service, digest,"
        "  content_id, reason, payload) VALUES"
        " ('t2', 'backend-b', '\\x00', 'd9', 'no content id', '{}')");
}

static void dead_letters_have_the_shape_of_the_api(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    make_letters(w);
    expect_json(letters(w, (struct history_req){.service = "backend-a",
                               .letters = LETTERS_RESOLVED,
                               .limit = 1}),
        "{\"deadLetters\":[{\"tenantId\":\"t1\",\"service\":\"backend-a\","
        "\"contentId\":\"d3\",\"digest\":\"ab03\","
        "\"reason\":\"input refused\",\"model\":\"m\","
        "\"firstSeen\":\"2026-01-01T00:00:00.000Z\","
        "\"lastSeen\":\"2026-01-02T00:03:00.000Z\",\"times\":4,"
        "\"known\":false,\"nextTry\":null,\"resolvedAt\":\"2026-01-03T00:00:00."
        "000Z\"}],"
        "\"count\":1,\"next\":\"1767312180000000-ab03\"}");
}

/* Page after page, of all letters in every state: each once. */
static void dead_letters_are_listed_by_key(void **state)
{
    static const struct {
        enum history_letters letters;
        const char *ids;
    } cases[] = {{LETTERS_ALL, "d9 d3 d2 d1 d0 "}, {LETTERS_OPEN, "d9 d2 d0 "},
        {LETTERS_RESOLVED, "d3 d1 "}};
    struct world *w = *state;

    NEED_SERVER();
    make_letters(w);
    for (size_t i = 0; i < 3; i++) {
        char before[128] = "", ids[64] = "";
        struct history_req req = {.letters = cases[i].letters, .limit = 1};

        for (const char *next = ""; next != NULL;) {
            json_t *json = letters(w, req), *list;

            list = json_object_get(json, "deadLetters");
            next = json_string_value(json_object_get(json, "next"));
            if (json_array_size(list) > 0)
                snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids), "%s ",
                    member(json_array_get(list, 0), "contentId"));
            snprintf(before, sizeof(before), "%s", next == NULL ? "" : next);
            req.before = before;
            json_decref(json);
            if (before[0] == '\0')
                break;
        }
        assert_string_equal(ids, cases[i].ids);
    }
}

static void a_key_is_checked(void **state)
{
    static const char *const wrong[] = {"", "x", "1", "-ab", "1-abc", "1-zz",
        "1-ab'", "1234567890123456789-ab", "1-AB"};
    struct world *w = *state;

    NEED_SERVER();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct history_req req = {.before = wrong[i]};

        ask(w, history_dead_letters, &req, ERR_INVALID);
    }
}

/* Of three schedules, two of which fire at the same instants. */
static void make_fires(struct world *w)
{
    db_exec(&w->db,
        "INSERT INTO batch_sync_fires (schedule, fire_at, outcome)"
        " SELECT s, timestamptz '2026-03-01T00:00:00Z' + h * interval '1 h', o"
        " FROM (VALUES ('', 1, 'skipped'), ('', 3, 'failed'),"
        "  ('b', 1, 'replaced'), ('b', 2, 'replaced'), ('a-b', 3, 'paused'))"
        "  f (s, h, o)");
}

static json_t *fires(struct world *w, struct history_req req)
{
    return ask(w, history_fires, &req, 0);
}

static void dropped_fires_are_listed(void **state)
{
    struct world *w = *state;
    json_t *all;

    NEED_SERVER();
    make_fires(w);
    all = fires(w, (struct history_req){0});
    expect_each(json_incref(all), "fires", "service", "a-b (none) b b (none)");
    expect_each(all, "fires", "fireAt",
        "2026-03-01T03:00:00.000Z 2026-03-01T03:00:00.000Z"
        " 2026-03-01T02:00:00.000Z 2026-03-01T01:00:00.000Z"
        " 2026-03-01T01:00:00.000Z");
    expect_each(fires(w, (struct history_req){.service = "b"}), "fires",
        "outcome", "replaced replaced");
    expect_each(fires(w, (struct history_req){.status = "skipped"}), "fires",
        "service", "(none)");
    expect_each(
        fires(w, (struct history_req){.service = "c"}), "fires", "outcome", "");
}

static void add_outcomes(char *outcomes, size_t size, json_t *json)
{
    json_t *fire;
    size_t i;

    json_array_foreach(json_object_get(json, "fires"), i, fire)
    {
        size_t len = strlen(outcomes);

        snprintf(outcomes + len, size - len, "%s ", member(fire, "outcome"));
    }
}

/* However small the pages: each once, in order. */
static void dropped_fires_are_paged(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    make_fires(w);
    for (int limit = 1; limit <= 3; limit++) {
        struct history_req req = {.limit = limit};
        char before[64] = "", outcomes[256] = "";

        for (const char *next = ""; next != NULL; req.before = before) {
            json_t *json = fires(w, req);

            add_outcomes(outcomes, sizeof(outcomes), json);
            next = json_string_value(json_object_get(json, "next"));
            snprintf(before, sizeof(before), "%s", next == NULL ? "" : next);
            if (next != NULL)
                next = before;
            json_decref(json);
        }
        assert_string_equal(
            outcomes, "paused failed replaced replaced skipped ");
    }
}

static void a_key_of_fires_is_checked(void **state)
{
    static const char *const wrong[] = {
        "", "x", "1", "-a", "1e3-a", "1234567890123456-a"};
    struct world *w = *state;

    NEED_SERVER();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct history_req req = {.before = wrong[i]};

        ask(w, history_fires, &req, ERR_INVALID);
    }
}

/* Many that do not match cost nothing. */
static void a_list_reads_what_it_shows(void **state)
{
    struct world *w = *state;
    json_t *plan;

    NEED_SERVER();
    db_exec(&w->db,
        "INSERT INTO batch_sync_dead_letters (tenant_id, service, digest,"
        " reason, payload, last_seen, resolved_at) SELECT 't1', 'full',"
        " decode(md5(i::text), 'hex'), 'r', 'p', now(), now()"
        " FROM generate_series(1, 20000) i;"
        "INSERT INTO batch_sync_runs (tenant_id, kind, trigger, services,"
        " source, page_limit, provider, model, dimensions, status, owner,"
        " expires_at) SELECT 't1', 'batch', 'cli', '{a}', 'env', 1, 'p', 'm',"
        " 3, 'success', '', now() FROM generate_series(1, 20000);"
        "ANALYZE batch_sync_runs; ANALYZE batch_sync_dead_letters");
    json_decref(letters(w, (struct history_req){.letters = LETTERS_OPEN}));
    plan = runs(w, (struct history_req){.status = "failed"});
    assert_int_equal(json_integer_value(json_object_get(plan, "count")), 0);
    json_decref(plan);
    db_exec(&w->db, "SELECT pg_stat_force_next_flush()");
    db_exec(&w->db, "SELECT 1");
    assert_in_range(atoi(db_text(&w->db,
                        "SELECT sum(seq_tup_read + idx_tup_fetch)::text"
                        " FROM pg_stat_user_tables WHERE schemaname ="
                        " current_schema() AND relname IN"
                        " ('batch_sync_runs', 'batch_sync_dead_letters')")),
        0, 2000);
}

static void dead_letters_are_filtered(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    make_letters(w);
    expect_each(letters(w, (struct history_req){0}), "deadLetters", "contentId",
        "d9 d3 d2 d1 d0");
    expect_each(letters(w, (struct history_req){.letters = LETTERS_OPEN}),
        "deadLetters", "contentId", "d9 d2 d0");
    expect_each(letters(w, (struct history_req){.letters = LETTERS_RESOLVED}),
        "deadLetters", "contentId", "d3 d1");
    expect_each(letters(w, (struct history_req){.service = "backend-b"}),
        "deadLetters", "contentId", "d9");
    expect_each(letters(w, (struct history_req){.tenant = "t1", .limit = 3}),
        "deadLetters", "contentId", "d3 d2 d1");
}

static void a_canceled_question_is_called_back(void **state)
{
    struct world *w = *state;
    struct history_req req = {.limit = 5};

    NEED_SERVER();
    op_init(&req.op, db_done);
    history_runs(w->db.pool, &w->db.loop, &req);
    op_cancel(&req.op);
    expect_op(w, &req.op, ERR_CANCELED);
    history_req_clear(&req);
    history_req_clear(&req);
}

static void without_tables_it_is_an_error(void **state)
{
    struct world *w = *state;
    struct history_req req = {.limit = 5};

    NEED_SERVER();
    db_exec(&w->db, "DROP TABLE batch_sync_runs CASCADE");
    ask(w, history_runs, &req, ERR_DATABASE);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_come_newest_first),
        TEST(runs_are_filtered),
        TEST(two_runs_of_the_same_instant_keep_their_order),
        TEST(there_is_a_most),
        TEST(a_run_has_the_shape_of_the_api),
        TEST(no_runs_are_an_empty_list),
        TEST(a_running_run_has_the_sums_of_its_services),
        TEST(a_lost_run_is_interrupted),
        TEST(services_come_in_order_with_their_errors),
        TEST(services_that_an_ended_run_left_out_are_skipped),
        TEST(an_unknown_run_is_not_found),
        TEST(dead_letters_have_the_shape_of_the_api),
        TEST(dead_letters_are_listed_by_key),
        TEST(a_key_is_checked),
        TEST(a_list_reads_what_it_shows),
        TEST(dead_letters_are_filtered),
        TEST(dropped_fires_are_listed),
        TEST(dropped_fires_are_paged),
        TEST(a_key_of_fires_is_checked),
        TEST(a_canceled_question_is_called_back),
        TEST(without_tables_it_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
