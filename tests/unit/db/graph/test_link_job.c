/* Many items at once: the same graph as a batch at a time. */
#include "unit/db/graph/graph_world.h"

#include "db/graph/job/link_job_impl.h"
#include "db/store/forget.h"

/* As many items as that around a few centres, in two services that share ids;
 * some without a vector, some of length 0. */
static void put_clusters(struct world *w, int n)
{
    sql(w,
        "INSERT INTO microservices (id, tenant_id, name, service_id,"
        " updated_at) VALUES ('other', 't1', 'other', 'other-t1', now());"
        "SELECT setseed(0.5);"
        "INSERT INTO vector_embeddings (id, tenant_id, microservice_id,"
        " content_id, content_type, embedding, content_text, updated_at)"
        " SELECT 'v' || g, 't1', CASE g %% 2 WHEN 0 THEN 'other' ELSE '%s' END,"
        " 'i' || g / 2, 'microservice_data', CASE WHEN g %% 50 = 0 THEN NULL"
        " WHEN g %% 51 = 0 THEN '[0,0,0]' ELSE ARRAY[cos(g %% 7) + random() / "
        "3,"
        " sin(g %% 7) + random() / 3, random()]::public.vector END,"
        " 'text ' || g, now() FROM generate_series(1, %d) g",
        w->opened.microservice_id, n);
    sql(w, "INSERT INTO batch_sync_link_queue (tenant_id, microservice_id,"
           " content_id) SELECT tenant_id, microservice_id, content_id"
           " FROM vector_embeddings");
}

/* All steps of what there is to do; how many calls that took. */
static int link_job_all(struct world *w, struct graph *g, size_t *taken)
{
    struct link_req req;
    int calls = 0;

    *taken = 0;
    do {
        if (link_some(w, g, "t1", 100, &req) < 0)
            fail_msg("%s", req.op.err.msg);
        *taken += req.taken;
        calls++;
    } while (req.more || req.taken == req.limit);
    return calls;
}

/* But for the form of ids that two services share. */
#define END(node, type) type " || regexp_replace(" node ", '^.*:', '.')"

#define GRAPH                                                                \
    "SELECT string_agg(edge, ' ' ORDER BY edge) FROM (SELECT " END(          \
        "source_node_id", "s.node_type") " || '>' || " END("target_node_id", \
        "t.node_type") " || edge_type || weight AS edge"                     \
                       " FROM knowledge_graph_edges e"                       \
                       " JOIN knowledge_graph_nodes s ON s.node_id = "       \
                       "source_node_id"                                      \
                       " JOIN knowledge_graph_nodes t ON t.node_id = "       \
                       "target_node_id) x"

/* How the tests of both methods find what is near. */
static enum link_method method;

static void init_job(struct world *w, struct graph *g)
{
    graph_init(g, w->db.pool, NULL, &w->db.loop);
    if (method == LINK_INDEX)
        g->exact_most = 0;
    g->job_window = 150;
    g->job_least = 1;
    g->job_bytes = 100 * 4 * 8; /* rows of 8 floats: six passes over 600 */
}

static void queue_all(struct world *w)
{
    sql(w, "INSERT INTO batch_sync_link_queue (tenant_id, microservice_id,"
           " content_id) SELECT tenant_id, microservice_id, content_id"
           " FROM vector_embeddings ON CONFLICT DO NOTHING");
}

static void equals_a_batch_at_a_time(void **state)
{
    struct world *w = *state;
    const char *expected;
    struct graph g;
    size_t taken;

    NEED_SERVER();
    put_clusters(w, 600);
    graph_init(&g, w->db.pool, NULL, &w->db.loop);
    g.job_least = INT64_MAX;
    link_job_all(w, &g, &taken);
    assert_int_equal(taken, 600);
    expected = ask(w, GRAPH);
    assert_true(strlen(expected) > 10000);
    sql(w, "DELETE FROM knowledge_graph_edges;"
           "DELETE FROM knowledge_graph_nodes");
    queue_all(w);
    init_job(w, &g);
    assert_true(link_job_all(w, &g, &taken) > 14);
    assert_int_equal(taken, 600);
    assert_answer(w, GRAPH, expected);
    assert_answer(w, "SELECT count(*) FROM knowledge_graph_nodes", "600");
    assert_answer(w, "SELECT count(*) FROM batch_sync_link_queue", "0");
    assert_answer(w, "SELECT count(*) FROM batch_sync_link_jobs", "0");
    assert_answer(w,
        "SELECT string_agg(DISTINCT properties->>'method', ' ')"
        " FROM knowledge_graph_edges",
        method == LINK_INDEX ? "index" : "exact");
}

static void again_changes_nothing(void **state)
{
    static const char versions[] =
        "SELECT string_agg(xmin::text, ' ' ORDER BY id)"
        " FROM knowledge_graph_edges";
    struct world *w = *state;
    const char *before;
    struct graph g;
    size_t taken;

    NEED_SERVER();
    put_clusters(w, 200);
    init_job(w, &g);
    link_job_all(w, &g, &taken);
    before = ask(w, versions);
    queue_all(w);
    queue_item(w, "other", "gone"); /* not stored: leaves the queue */
    link_job_all(w, &g, &taken);
    assert_int_equal(taken, 201);
    assert_answer(w, versions, before);
    assert_answer(w, "SELECT count(*) FROM batch_sync_link_queue", "0");
}

static void what_no_longer_holds_goes(void **state)
{
    struct world *w = *state;
    struct graph g;
    size_t taken;

    NEED_SERVER();
    put(w, "a", "[1, 0, 0]");
    put(w, "b", "[1, 0, 0]");
    init_job(w, &g);
    link_job_all(w, &g, &taken);
    assert_answer(
        w, EDGES, "a>b strongly_related 1.00, b>a strongly_related 1.00");
    put(w, "a", "[0, 1, 0]");
    put(w, "b", "[0.6, 0.8, 0]");
    link_job_all(w, &g, &taken);
    assert_answer(w, EDGES, "a>b related 0.80, b>a related 0.80");
    put(w, "a", "[0, 0, 1]");
    link_job_all(w, &g, &taken);
    assert_answer(w, EDGES, "");
}

/* One step; the job is at work from then on. */
static void first_steps(struct world *w, struct graph *g, int n)
{
    struct link_req req;

    while (n-- > 0) {
        assert_int_equal(link_some(w, g, "t1", 100, &req), 0);
        assert_true(req.more);
    }
}

/* Its vector may have been read before. */
static void what_is_stored_meanwhile_stays_queued(void **state)
{
    struct world *w = *state;
    struct link_req req;
    struct graph g;

    NEED_SERVER();
    put(w, "a", "[1, 0, 0]");
    put(w, "b", "[1, 0, 0]");
    init_job(w, &g);
    first_steps(w, &g, 3); /* claim, queue, vectors */
    sql(w, "UPDATE batch_sync_link_queue SET queued_at = clock_timestamp()"
           " WHERE content_id = 'a'");
    do
        assert_int_equal(link_some(w, &g, "t1", 100, &req), 0);
    while (g.job != NULL);
    assert_answer(w, "SELECT content_id FROM batch_sync_link_queue", "a");
    graph_free(&g);
}

static void one_process_at_a_time(void **state)
{
    struct world *w = *state;
    struct link_req req;
    struct graph g, other;

    NEED_SERVER();
    put_clusters(w, 200);
    init_job(w, &g);
    init_job(w, &other);
    strcpy(other.owner, "another");
    first_steps(w, &g, 4);
    assert_int_equal(link_some(w, &other, "t1", 100, &req), 0);
    assert_true(req.later);
    assert_null(other.job);
    other.job_least = INT64_MAX; /* no batch, either: it may know less */
    assert_int_equal(link_some(w, &other, "t1", 100, &req), 0);
    assert_true(req.later);
    assert_int_equal(req.taken, 0);
    other.job_least = 1;
    sql(w, "UPDATE batch_sync_link_jobs SET expires_at = now()"
           " - interval '1 s'");
    first_steps(w, &other, 2);
    assert_int_equal(link_some(w, &g, "t1", 100, &req), ERR_UNAVAILABLE);
    assert_null(g.job);
    graph_free(&other);
    assert_answer(w, "SELECT count(*) FROM knowledge_graph_edges", "0");
}

/* The transactions that write side by side do not keep the claim. */
static void the_claim_is_kept_while_edges_are_written(void **state)
{
    struct world *w = *state;
    struct graph g;

    NEED_SERVER();
    put_clusters(w, 600);
    init_job(w, &g);
    while (g.job == NULL || g.job->stage != WRITE)
        first_steps(w, &g, 1);
    sql(w, "UPDATE batch_sync_link_jobs SET expires_at = now()");
    g.job->fenced_ms = 0;
    first_steps(w, &g, 1);
    assert_answer(w,
        "SELECT expires_at > now() + interval '15 s' FROM batch_sync_link_jobs",
        "t");
    graph_free(&g);
}

/* Of equally near ones those with the first keys, itself left out. */
static void the_same_vector_again_and_again(void **state)
{
    struct world *w = *state;
    struct graph g;
    size_t taken;

    NEED_SERVER();
    put_clusters(w, 0);
    sql(w,
        "INSERT INTO vector_embeddings (id, tenant_id, microservice_id,"
        " content_id, content_type, embedding, content_text, updated_at)"
        " SELECT 'v' || g, 't1', CASE g %% 2 WHEN 0 THEN 'other' ELSE '%s' END,"
        " 'i' || 100 + g, 'microservice_data', CASE WHEN g < 35"
        "  THEN '[0.1,0.2,0.3]' WHEN g < 38 THEN '[0,0,0]'"
        "  ELSE '[1e-20,0,0]' END::public.vector, 'text', now()"
        " FROM generate_series(1, 40) g",
        w->opened.microservice_id);
    queue_all(w);
    init_job(w, &g);
    link_job_all(w, &g, &taken);
    assert_int_equal(taken, 40);
    assert_answer(w,
        "WITH k AS (SELECT 'content:' || content_id AS id, row_number() OVER"
        "  (ORDER BY microservice_id, content_id) AS n FROM vector_embeddings"
        "  WHERE embedding::text LIKE '[0.1%'),"
        " want AS (SELECT s.id AS source, t.id AS target FROM k s"
        "  CROSS JOIN LATERAL (SELECT id FROM k WHERE id <> s.id"
        "   ORDER BY n LIMIT 10) t),"
        " have AS (SELECT source_node_id, target_node_id"
        "  FROM knowledge_graph_edges WHERE weight = 1"
        "  AND edge_type = 'strongly_related')"
        " SELECT concat_ws(' ', (SELECT count(*) FROM have),"
        "  (SELECT count(*) FROM (TABLE want EXCEPT TABLE have) d),"
        "  (SELECT count(*) FROM knowledge_graph_edges))",
        "340 0 340");
}

/* --- deleted while it is being linked --- */

/* The linker's lock of a tenant is the database's, and other programs that run
 * meanwhile have the same tenant in schemas of their own. */
static void forget_item(struct world *w, const char *id)
{
    struct forget_req req = {
        .tenant = "t1", .stored = "backend-a", .content_id = id};

    sql(w, "UPDATE batch_sync_runs SET status = 'success',"
           " finished_at = now() WHERE status = 'running'");
    do {
        op_init(&req.op, db_done);
        forget_run(w->db.pool, &w->db.loop, &req);
        wait_op(w, &req.op);
    } while (strstr(req.op.err.msg, "lock timeout") != NULL);
    if (req.op.err.code != 0)
        fail_msg("%s", req.op.err.msg);
    assert_int_equal(req.rows, 1);
}

/* As many steps, or until it has ended: a job may need one more when the disk
 * is slow, to keep its claim. */
static void up_to_steps(struct world *w, struct graph *g, int n)
{
    struct link_req req = {.more = true};

    while (n-- > 0 && req.more)
        assert_int_equal(link_some(w, g, "t1", 100, &req), 0);
}

/* After each of a job's steps in turn: the job has read its vector, or named
 * it, or has it among another one's nearest. */
static void the_deleted_leave_nothing_behind(void **state)
{
    struct world *w = *state;
    struct graph g;
    int steps = 0;

    NEED_SERVER();
    for (bool more = true; more; steps++) {
        struct link_req req;

        put(w, "a", "[1, 0, 0]");
        put(w, "b", "[1, 0, 0.1]");
        put(w, "c", "[1, 0.1, 0]");
        init_job(w, &g);
        up_to_steps(w, &g, steps);
        forget_item(w, "b");
        do {
            link_some(w, &g, "t1", 100, &req);
            if (req.op.err.code != 0)
                assert_int_equal(req.op.err.code, ERR_UNAVAILABLE);
        } while (req.op.err.code != 0 || req.more);
        assert_answer(
            w, EDGES, "a>c strongly_related 1.00, c>a strongly_related 1.00");
        assert_answer(w,
            "SELECT string_agg(node_id, ' ' ORDER BY node_id)"
            " FROM knowledge_graph_nodes",
            "content:a content:c");
        assert_answer(w, "SELECT count(*) FROM batch_sync_link_queue", "0");
        put(w, "b", "[1, 0, 0.1]");
        put(w, "a", "[1, 0, 0]");
        put(w, "c", "[1, 0.1, 0]");
        for (int i = 0; i <= steps; i++)
            more = link_some(w, &g, "t1", 100, &req) == 0 && req.more;
        graph_free(&g);
        sql(w, "DELETE FROM batch_sync_link_queue;"
               "DELETE FROM batch_sync_link_jobs;"
               "DELETE FROM knowledge_graph_edges;"
               "DELETE FROM knowledge_graph_nodes;"
               "DELETE FROM vector_embeddings");
    }
    assert_true(steps >= 8);
}

/* --- grown, or from scratch --- */

/* Stores some of 150 items anew, in clusters, many with the same vector. */
static void grow(struct world *w, int seed, int step)
{
    sql(w,
        "SELECT setseed(%d / 1000.0);"
        "INSERT INTO vector_embeddings (id, tenant_id, microservice_id,"
        " content_id, content_type, embedding, content_text, updated_at)"
        " SELECT DISTINCT ON (n) gen_random_uuid()::text, 't1', CASE n %% 3"
        "  WHEN 0 THEN 'other' ELSE '%s' END, 'i' || n, 'microservice_data',"
        "  CASE WHEN n %% 40 = 7 THEN NULL WHEN random() < 0.4"
        "   THEN ARRAY[cos(n %% 5), sin(n %% 5), 0.5]::public.vector"
        "   ELSE ARRAY[cos(n %% 5) + random() / 2, sin(n %% 5) + random() / 2,"
        "    random()]::public.vector END, 'text', now()"
        " FROM (SELECT (random() * 150)::int AS n FROM generate_series(1, 70)) "
        "g"
        " ON CONFLICT (tenant_id, microservice_id, content_id, chunk_index)"
        " WHERE content_type = 'microservice_data' DO UPDATE SET"
        " embedding = excluded.embedding, updated_at = clock_timestamp()",
        seed * 10 + step, w->opened.microservice_id);
    sql(w, "INSERT INTO batch_sync_link_queue (tenant_id, microservice_id,"
           " content_id) SELECT tenant_id, microservice_id, content_id"
           " FROM vector_embeddings WHERE updated_at > now() - interval '1 d'"
           " AND xmin::text = (SELECT max(xmin::text::int8)::text"
           "  FROM vector_embeddings) ON CONFLICT DO NOTHING");
}

/* As a sweep does. */
static void shrink(struct world *w, int seed)
{
    sql(w,
        "CREATE TEMP TABLE lost ON COMMIT DROP AS SELECT content_id FROM"
        " vector_embeddings WHERE substr(content_id, 2)::int %% 11 = %d;"
        "DELETE FROM knowledge_graph_edges WHERE substr(source_node_id, 9) IN"
        " (SELECT content_id FROM lost) OR substr(target_node_id, 9) IN"
        " (SELECT content_id FROM lost);"
        "DELETE FROM knowledge_graph_nodes WHERE substr(node_id, 9) IN"
        " (SELECT content_id FROM lost);"
        "DELETE FROM batch_sync_link_queue WHERE content_id IN"
        " (SELECT content_id FROM lost);"
        "DELETE FROM vector_embeddings WHERE content_id IN"
        " (SELECT content_id FROM lost)",
        seed);
}

/* By jobs, step by step, with items that change, come and go. */
static void grown_is_as_from_scratch(void **state)
{
    struct world *w = *state;
    const char *grown;
    struct graph g;
    size_t taken;

    NEED_SERVER();
    sql(w, "INSERT INTO microservices (id, tenant_id, name, service_id,"
           " updated_at) VALUES ('other', 't1', 'other', 'other-t1', now())");
    for (int seed = 1; seed <= 6; seed++) {
        init_job(w, &g);
        for (int step = 0; step < 4; step++) {
            if (step == 2)
                shrink(w, seed);
            grow(w, seed, step);
            link_job_all(w, &g, &taken);
            assert_true(taken > 10);
        }
        grown = ask(w, GRAPH);
        assert_true(strlen(grown) > 5000);
        sql(w, "DELETE FROM knowledge_graph_edges;"
               "DELETE FROM knowledge_graph_nodes");
        queue_all(w);
        link_job_all(w, &g, &taken);
        if (strcmp(ask(w, GRAPH), grown) != 0)
            fail_msg("seed %d: another graph from scratch", seed);
        graph_free(&g);
        sql(w, "DELETE FROM knowledge_graph_edges;"
               "DELETE FROM knowledge_graph_nodes;"
               "DELETE FROM vector_embeddings");
    }
}

static void pays_for_many_of_not_too_many(void **state)
{
    struct graph g = {.job_least = 500, .exact_most = 3e12};

    assert_true(link_job_exact_pays(&g, 20000, 20000, 256));
    assert_true(link_job_exact_pays(&g, 108000, 108000, 256));
    assert_false(link_job_exact_pays(&g, 109000, 109000, 256));
    assert_false(link_job_exact_pays(&g, 45000, 45000, 1536));
    assert_false(link_job_exact_pays(&g, 499, 499, 256));
    assert_false(link_job_exact_pays(&g, 1000, 10000, 256));
}

static int setup_exact(void **state)
{
    method = LINK_EXACT;
    return world_setup(state);
}

static int setup_index(void **state)
{
    method = LINK_INDEX;
    return world_setup(state);
}

#define TEST_EXACT(name) \
    cmocka_unit_test_setup_teardown(name, setup_exact, world_teardown)

/* By computing them, and by the index. */
#define TEST_BOTH(name)                                                \
    TEST_EXACT(name),                                                  \
    {                                                                  \
#name " by the index", name, setup_index, world_teardown, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_BOTH(equals_a_batch_at_a_time),
        TEST_BOTH(again_changes_nothing),
        TEST_BOTH(what_no_longer_holds_goes),
        TEST_BOTH(what_is_stored_meanwhile_stays_queued),
        TEST_BOTH(one_process_at_a_time),
        TEST_BOTH(the_deleted_leave_nothing_behind),
        TEST_EXACT(the_claim_is_kept_while_edges_are_written),
        TEST_EXACT(the_same_vector_again_and_again),
        TEST_EXACT(grown_is_as_from_scratch),
        cmocka_unit_test(pays_for_many_of_not_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
