/*
 * Models that follow one another over a service: what is said about it, and
 * what an incremental run may leave unread.
 */
#include "unit/db/pg_world.h"

#define UTC "(clock_timestamp() AT TIME ZONE 'UTC')"

/* A run with that model has the service; the note is taken as it begins. */
static void begin(struct world *w, const char *model, const char *since)
{
    struct run_begin_req params = test_params;

    params.embedding.model = model;
    params.spec.since = since;
    run_begin(w, &w->ledger, &params, 0);
    service_begin(w, &w->ledger, 0, 0);
    w->opened = (struct store_open_req){.tenant = "t1",
        .service = "backend-a",
        .registered = "svc-a",
        .provider = "builtin",
        .model = model,
        .dimensions = DIMENSIONS};
    op_init(&w->opened.op, db_done);
    w->store.asked_ms = 0; /* another program's, later */
    store_open(&w->store, &w->opened);
    expect_op(w, &w->opened.op, 0);
    db_sleep(&w->db, 5); /* what is written has a time of its own */
}

/* These ids are stored, each a letter. */
static void store(struct world *w, const char *ids)
{
    char sql[1024];

    snprintf(sql, sizeof(sql),
        "INSERT INTO vector_embeddings (id, tenant_id, microservice_id,"
        " content_id, content_type, content_text, updated_at)"
        " SELECT i, 't1', '%s', i, 'microservice_data', i, " UTC
        " FROM unnest(string_to_array('%s', NULL)) i"
        " ON CONFLICT (id) DO UPDATE SET updated_at = " UTC,
        w->opened.microservice_id, ids);
    db_exec(&w->db, sql);
}

static void end(struct world *w, const char *status)
{
    char sql[256];

    snprintf(sql, sizeof(sql),
        "UPDATE batch_sync_service_runs SET status = '%s'"
        " WHERE status IN ('pending', 'running')",
        status);
    db_exec(&w->db, sql);
    run_end(w, &w->ledger, RUN_END_DONE);
    db_sleep(&w->db, 5);
}

static void pass(struct world *w, const char *model, const char *ids)
{
    begin(w, model, NULL);
    store(w, ids);
    end(w, "success");
}

/* The run that has just begun asks for everything, or not; and has said so
 * many items. */
static void expect(
    struct world *w, bool everything, const char *before, int items)
{
    assert_int_equal(w->service.since[0] == '\0', everything);
    assert_string_equal(w->opened.model_before, before);
    assert_int_equal(w->opened.items, items);
}

static int setup(void **state)
{
    int rc = world_setup(state);

    if (rc == 0 && *state != NULL)
        run_succeeds(*state, &((struct world *)*state)->ledger);
    if (rc == 0 && *state != NULL)
        db_exec(&((struct world *)*state)->db, "DELETE FROM batch_sync_runs");
    return rc;
}

static void the_same_model_is_no_news(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    begin(w, "m", NULL);
    expect(w, true, "", 0);
    store(w, "abc");
    end(w, "success");
    begin(w, "m", NULL);
    expect(w, false, "", 0);
    end(w, "failed");
    begin(w, "m", NULL);
    expect(w, false, "", 0);
}

static void an_incremental_run_reads_all_for_another_model(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    pass(w, "m", "abc");
    begin(w, "n", NULL);
    expect(w, true, "m (builtin, 3)", 3);
    store(w, "abc");
    end(w, "success");
    begin(w, "n", NULL);
    expect(w, false, "", 0);
    end(w, "success");
    begin(w, "m", NULL); /* and back: its own success is of before */
    expect(w, true, "n (builtin, 3)", 3);
}

static void a_run_that_failed_leaves_the_rest_to_be_told(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    pass(w, "m", "abcd");
    begin(w, "n", NULL);
    store(w, "a");
    end(w, "partial");
    begin(w, "n", NULL);
    expect(w, true, "m (builtin, 3)", 3);
    store(w, "b");
    end(w, "failed");
    begin(w, "m", NULL); /* what it has itself counts no more */
    expect(w, true, "n (builtin, 3)", 2);
}

/* A run that was told where to begin has read some items only. */
static void a_given_since_is_no_whole_pass(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    pass(w, "m", "abc");
    begin(w, "n", "2026-01-01T00:00:00.000Z");
    store(w, "a");
    end(w, "success");
    begin(w, "n", NULL);
    expect(w, true, "m (builtin, 3)", 2);
    end(w, "failed");
    begin(w, "m", NULL);
    expect(w, true, "n (builtin, 3)", 1);
}

/* As an incremental run did that had `since` from another model's. */
static void a_success_without_a_whole_pass_is_none(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    pass(w, "m", "abc");
    pass(w, "n", "a");
    db_exec(&w->db, "UPDATE batch_sync_service_runs SET since = '2026'"
                    " WHERE run_id = (SELECT id FROM batch_sync_runs"
                    "  WHERE model = 'n')");
    begin(w, "n", NULL);
    expect(w, true, "m (builtin, 3)", 2);
}

static void another_model_that_stored_nothing_is_no_news(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    pass(w, "m", "abc");
    begin(w, "n", NULL);
    end(w, "failed");
    begin(w, "m", NULL);
    expect(w, true, "", 0);
}

static void one_that_was_not_begun_is_none(void **state)
{
    struct world *w = *state;
    struct run_begin_req params = test_params;

    NEED_SERVER();
    pass(w, "m", "abc");
    params.embedding.model = "n";
    run_begin(w, &w->ledger, &params, 0);
    end(w, "failed");
    begin(w, "m", NULL);
    expect(w, false, "", 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_model_is_no_news),
        TEST(an_incremental_run_reads_all_for_another_model),
        TEST(a_run_that_failed_leaves_the_rest_to_be_told),
        TEST(a_given_since_is_no_whole_pass),
        TEST(a_success_without_a_whole_pass_is_none),
        TEST(another_model_that_stored_nothing_is_no_news),
        TEST(one_that_was_not_begun_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
