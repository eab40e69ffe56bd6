/* Linking beside others: stores, linkers, locks; and what serves its query. */
#include "unit/db/graph/graph_world.h"

#include "db/call.h"

#include <libpq-fe.h>

static void store_one(struct world *w, const char *id, int piece,
    const char *text, struct store_req *req, struct store_row *row)
{
    static const float vector[DIMENSIONS] = {0, 1, 0};

    *row = (struct store_row){.content_id = str_of(id),
        .content_text = str_of(text),
        .metadata = STR("{}"),
        .chunk_index = piece,
        .vector = text == NULL ? NULL : vector};
    *req = (struct store_req){
        .scope = &w->scope, .rows = row, .nrows = 1, .dimensions = DIMENSIONS};
    op_init(&req->op, db_done);
    store_write(&w->store, req);
}

static void store_and_wait(
    struct world *w, const char *id, int piece, const char *text)
{
    struct store_req req;
    struct store_row row;

    store_one(w, id, piece, text, &req, &row);
    expect_op(w, &req.op, 0);
}

#define QUEUE                                        \
    "SELECT coalesce(string_agg(tenant_id || ' ' ||" \
    " content_id, ', ' ORDER BY content_id), '')"    \
    " FROM batch_sync_link_queue"

static void a_stored_item_is_queued_once(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    store_and_wait(w, "off", 0, "text");
    assert_answer(w, QUEUE, "");
    w->store.queues_links = true;
    store_and_wait(w, "a", 0, "text");
    store_and_wait(w, "a", 1, "more");
    store_and_wait(w, "a", 0, "other");
    store_and_wait(w, "b", 0, "text");
    assert_answer(w, QUEUE, "t1 a, t1 b");
    assert_answer(w,
        "SELECT bool_and(microservice_id = (SELECT id FROM microservices"
        " WHERE name = 'backend-a')) FROM batch_sync_link_queue",
        "t");
}

static void metadata_alone_is_not_queued(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    store_and_wait(w, "a", 0, "text");
    w->store.queues_links = true;
    store_and_wait(w, "a", 0, NULL);
    assert_answer(w, QUEUE, "");
}

static void a_fenced_chunk_queues_nothing(void **state)
{
    struct world *w = *state;
    struct store_req req;
    struct store_row row;

    NEED_SERVER();
    w->store.queues_links = true;
    w->scope.token = "another";
    store_one(w, "a", 0, "text", &req, &row);
    expect_op(w, &req.op, ERR_FENCED);
    assert_answer(w, QUEUE, "");
}

/* Runs a script on the pool and goes on meanwhile. */
static void begin_script(struct world *w, struct pg_req *req, const char *text)
{
    *req = (struct pg_req){.script = text};
    op_init(&req->op, db_done);
    pg_send(w->db.pool, req);
    db_sleep(&w->db, 200);
}

/* Until a statement of another connection that has this text sleeps. */
static void sleeps(struct world *w, const char *text)
{
    char asleep[2048];

    snprintf(asleep, sizeof(asleep),
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        " AND pid <> pg_backend_pid() AND position($q$%s$q$ IN query) > 0"
        " AND datname = current_database()",
        text);
    for (int i = 0; i < 500 && strcmp(ask(w, asleep), "t") != 0; i++)
        db_sleep(&w->db, 20);
}

static void end_script(struct world *w, struct pg_req *req)
{
    expect_op(w, &req->op, 0);
    pg_req_clear(req);
}

/*
 * A waiting item is stored again by a transaction that has not committed: its
 * row must not be taken off for the vector of before.
 */
static void an_item_that_is_being_stored_waits(void **state)
{
    static const char stored[] =
        "BEGIN; UPDATE vector_embeddings SET embedding ="
        " '[0, 0, 1]'::public.vector WHERE content_id = 'a';"
        "INSERT INTO batch_sync_link_queue SELECT tenant_id, microservice_id,"
        " content_id FROM vector_embeddings WHERE content_id = 'a' ON CONFLICT"
        " (tenant_id, microservice_id, content_id) DO UPDATE SET queued_at ="
        " excluded.queued_at; SELECT pg_sleep(8); COMMIT";
    struct world *w = *state;
    struct pg_req chunk;

    NEED_SERVER();
    put(w, "a", "[1, 0, 0]");
    put(w, "b", "[1, 0, 0]");
    begin_script(w, &chunk, stored);
    sleeps(w, stored);
    assert_int_equal(link_all(w, "t1"), 1);
    assert_answer(w, EDGES, "b>a strongly_related 1.00");
    end_script(w, &chunk);
    assert_answer(w, QUEUE, "t1 a");
    assert_int_equal(link_all(w, "t1"), 1);
    assert_answer(w, EDGES, "");
}

/* A batch whose snapshot is older than the chunk's commit leaves the item. */
static void an_item_stored_since_the_snapshot_stays(void **state)
{
    struct world *w = *state;
    struct pg_req chunk;
    struct graph g;
    struct link_req req = {.tenant = "t1", .limit = 10, .builds = true};

    NEED_SERVER();
    put(w, "a", "[1, 0, 0]");
    put(w, "b", "[1, 0, 0]");
    graph_init(&g, w->db.pool, NULL, &w->db.loop);
    /* The batch sleeps, with its snapshot, until the chunk is in. */
    sql(w, "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
           " 'BEGIN PERFORM pg_sleep(8); RETURN NULL; END';"
           "CREATE TRIGGER slow BEFORE DELETE ON batch_sync_link_queue"
           " FOR EACH STATEMENT EXECUTE FUNCTION slow()");
    op_init(&req.op, db_done);
    graph_link(&g, &req);
    sleeps(w, "WITH taken AS"); /* with its snapshot */
    begin_script(w, &chunk,
        "BEGIN; UPDATE vector_embeddings SET embedding ="
        " '[0, 0, 1]'::public.vector WHERE content_id = 'a';"
        "UPDATE batch_sync_link_queue SET queued_at = now()"
        " WHERE content_id = 'a'; COMMIT");
    end_script(w, &chunk);
    expect_op(w, &req.op, 0);
    sql(w, "DROP TRIGGER slow ON batch_sync_link_queue");
    assert_answer(w, QUEUE, "t1 a");
    link_all(w, "t1");
    assert_answer(w, EDGES, "");
}

/* Queues all and links with two linkers, batch by batch, until both find
 * nothing. */
static void link_with_two(struct world *w, int limit)
{
    struct graph g[2];
    struct link_req req[2];
    size_t taken;

    for (int i = 0; i < 2; i++)
        graph_init(&g[i], w->db.pool, NULL, &w->db.loop);
    do {
        taken = 0;
        for (int i = 0; i < 2; i++) {
            req[i] = (struct link_req){.tenant = "t1", .limit = (size_t)limit};
            op_init(&req[i].op, db_done);
            graph_link(&g[i], &req[i]);
        }
        for (int i = 0; i < 2; i++) {
            expect_op(w, &req[i].op, 0);
            taken += req[i].taken;
        }
    } while (taken > 0);
}

#define GRAPH                                                             \
    "SELECT md5(string_agg(source_node_id || target_node_id || edge_type" \
    " || weight, ' ' ORDER BY source_node_id, target_node_id)) || ' ' ||" \
    " count(*) || ' ' || (SELECT count(*) FROM knowledge_graph_nodes)"    \
    " FROM knowledge_graph_edges"

static void two_linkers_make_one_graph(void **state)
{
    struct world *w = *state;
    const char *alone, *together;

    NEED_SERVER();
    put_many(w, 400, true);
    assert_int_equal(link_all(w, "t1"), 400);
    alone = ask(w, GRAPH);
    sql(w, "DELETE FROM knowledge_graph_edges;"
           "DELETE FROM knowledge_graph_nodes;"
           "INSERT INTO batch_sync_link_queue (tenant_id, microservice_id,"
           " content_id) SELECT tenant_id, microservice_id, content_id"
           " FROM vector_embeddings");
    link_with_two(w, 7);
    assert_answer(w, GRAPH, alone);
    assert_answer(w, QUEUE, "");
    /* All change sides: every edge is replaced, from both ends at once. */
    sql(w, "UPDATE vector_embeddings SET embedding = ARRAY[sin(n * 3),"
           " cos(n), sin(n * 5)]::public.vector FROM (SELECT id AS i,"
           " substr(id, 2)::int AS n FROM vector_embeddings) x WHERE i = id;"
           "INSERT INTO batch_sync_link_queue (tenant_id, microservice_id,"
           " content_id) SELECT tenant_id, microservice_id, content_id"
           " FROM vector_embeddings");
    link_with_two(w, 20);
    together = ask(w, GRAPH);
    sql(w, "DELETE FROM knowledge_graph_edges;"
           "INSERT INTO batch_sync_link_queue (tenant_id, microservice_id,"
           " content_id) SELECT tenant_id, microservice_id, content_id"
           " FROM vector_embeddings");
    link_all(w, "t1");
    assert_answer(w, GRAPH, together);
}

/* Another process that stopped in the middle of a batch. */
static void a_turn_that_nobody_takes_is_ended(void **state)
{
    struct world *w = *state;
    PGconn *stopped;

    NEED_SERVER();
    put(w, "a", "[1, 0, 0]");
    stopped = PQconnectdb(w->db.url);
    PQclear(PQexec(stopped, "BEGIN"));
    PQclear(PQexec(stopped, "SELECT pg_advisory_xact_lock("
                            "hashtext('batch_sync_link_queue'),"
                            " hashtext('t1'))"));
    assert_int_equal(PQtransactionStatus(stopped), PQTRANS_INTRANS);
    db_sleep(&w->db, 5500);
    assert_int_equal(link_all(w, "t1"), 1);
    PQfinish(stopped);
}

static void a_failed_batch_takes_nothing_off(void **state)
{
    struct world *w = *state;
    struct graph g;
    struct link_req req;

    NEED_SERVER();
    put(w, "a", "[1, 0, 0]");
    graph_init(&g, w->db.pool, NULL, &w->db.loop);
    sql(w, "ALTER TABLE knowledge_graph_nodes RENAME TO away");
    assert_int_equal(link_some(w, &g, "t1", 10, &req), ERR_DATABASE);
    assert_int_equal(req.taken, 0);
    assert_answer(w, QUEUE, "t1 a");
    sql(w, "ALTER TABLE away RENAME TO knowledge_graph_nodes");
    assert_int_equal(link_all(w, "t1"), 1);
}

static void a_canceled_batch_takes_nothing_off(void **state)
{
    struct world *w = *state;
    struct pg_req lock;
    struct graph g;
    struct link_req req = {.tenant = "t1", .limit = 10};

    NEED_SERVER();
    put(w, "a", "[1, 0, 0]");
    graph_init(&g, w->db.pool, NULL, &w->db.loop);
    begin_script(w, &lock,
        "BEGIN; LOCK TABLE knowledge_graph_nodes;"
        " SELECT pg_sleep(0.8); COMMIT");
    op_init(&req.op, db_done);
    graph_link(&g, &req);
    db_sleep(&w->db, 200);
    op_cancel(&req.op);
    expect_op(w, &req.op, ERR_CANCELED);
    end_script(w, &lock);
    assert_answer(w, QUEUE, "t1 a");
}

static void a_lock_is_not_waited_for_long(void **state)
{
    struct world *w = *state;
    struct pg_req lock;
    struct graph g;
    struct link_req req;

    NEED_SERVER();
    put(w, "a", "[1, 0, 0]");
    graph_init(&g, w->db.pool, NULL, &w->db.loop);
    begin_script(w, &lock,
        "BEGIN; LOCK TABLE knowledge_graph_edges;"
        " SELECT pg_sleep(7); COMMIT");
    assert_int_equal(link_some(w, &g, "t1", 10, &req), ERR_TIMEOUT);
    assert_true(op_pending(&lock.op));
    end_script(w, &lock);
    assert_answer(w, QUEUE, "t1 a");
}

/* What EXPLAIN says of the batch's statement, as one string. */
static const char *plan(struct world *w)
{
    struct buf text, batch;
    const char *lines;

    buf_init(&text, 64 * 1024);
    buf_init(&batch, 64 * 1024);
    buf_puts(&text, "CREATE FUNCTION plan() RETURNS text LANGUAGE plpgsql AS"
                    " $f$ DECLARE line text; all_lines text := ''; BEGIN"
                    " FOR line IN EXECUTE 'EXPLAIN EXECUTE batch (''t1'', 100)'"
                    " LOOP all_lines := all_lines || line || chr(10); END LOOP;"
                    " RETURN all_lines; END $f$;"
                    " PREPARE batch (text, int8) AS ");
    assert_int_equal(graph_sql(&batch, "public"), 0);
    call_name_tables(&text, batch.data, w->db.schema);
    buf_free(&batch);
    db_exec(&w->db, text.data);
    buf_free(&text);
    lines = ask(w, "SELECT plan()");
    return lines;
}

static void the_index_serves_the_query(void **state)
{
    struct world *w = *state;
    struct graph g;
    struct link_req req;
    const char *lines, *at;

    NEED_SERVER();
    put_many(w, 3000, true);
    graph_init(&g, w->db.pool, NULL, &w->db.loop);
    g.job_least = INT64_MAX;
    assert_int_equal(link_some(w, &g, "t1", 1, &req), 0); /* builds it */
    db_close_pool(&w->db);
    db_open_pool(&w->db, w->db.url, 1); /* one: it knows what is prepared */
    lines = plan(w);
    at = strstr(lines, "Index Scan using idx_vector_embeddings_embedding_hnsw");
    if (at == NULL || strstr(at, "Order By: (embedding") == NULL)
        fail_msg("%s", lines);
    w->store.pool = w->ledger.pool = w->db.pool;
}

/* Without iterative scans a small tenant would hardly be found by an index. */
static void a_small_tenant_finds_its_own(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_many(w, 3000, false);
    sql(w, "INSERT INTO tenants (id, name, updated_at)"
           " VALUES ('t2', 't2', now());"
           "INSERT INTO microservices (id, tenant_id, name, service_id,"
           " updated_at) VALUES ('ms2', 't2', 'backend-a', 'b-t2', now())");
    for (int i = 0; i < 12; i++) {
        char id[8], vector[48];

        snprintf(id, sizeof(id), "s%02d", i);
        snprintf(vector, sizeof(vector), "[1, 0.%02d, 0]", i);
        put_piece(w, "ms2", id, 0, vector);
        queue_item(w, "ms2", id);
    }
    assert_int_equal(link_all(w, "t2"), 12);
    assert_answer(w, "SELECT count(*) FROM knowledge_graph_edges", "120");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stored_item_is_queued_once),
        TEST(metadata_alone_is_not_queued),
        TEST(a_fenced_chunk_queues_nothing),
        TEST(an_item_that_is_being_stored_waits),
        TEST(an_item_stored_since_the_snapshot_stays),
        TEST(two_linkers_make_one_graph),
        TEST(a_turn_that_nobody_takes_is_ended),
        TEST(a_failed_batch_takes_nothing_off),
        TEST(a_canceled_batch_takes_nothing_off),
        TEST(a_lock_is_not_waited_for_long),
        TEST(the_index_serves_the_query),
        TEST(a_small_tenant_finds_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
