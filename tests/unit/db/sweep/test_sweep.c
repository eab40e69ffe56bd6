/* Marks of what was seen, and deletes by them. */
#include "unit/db/graph/graph_world.h"

#include "db/sweep/sweep.h"
#include <libpq-fe.h>
#include <stdio.h>

/* Seals page `next_page` - 1 of the service at hand with these ids. */
static void mark(struct world *w, int next_page, int n, const char *const *ids)
{
    static const struct counts none;
    struct str seen[32];
    struct checkpoint_req req = {.scope = &w->scope,
        .next_page = next_page,
        .limit = 10,
        .counts = &none,
        .marks = true,
        .seen = seen};

    for (int i = 0; i < n; i++)
        seen[req.nseen++] = str_of(ids[i]);
    op_init(&req.op, db_done);
    ledger_checkpoint(&w->ledger, &req);
    expect_op(w, &req.op, 0);
}
#define MARK(w, next_page, ...)                                        \
    mark(w, next_page,                                                 \
        (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), \
        (const char *[]){__VA_ARGS__})

/* Another run, with the service at `position` begun. */
static void next_run(struct world *w, size_t position)
{
    run_succeeds(w, &w->ledger);
    run_begin(w, &w->ledger, &test_params, 0);
    service_begin(w, &w->ledger, position, 0);
}

static struct sweep_req sweep_of(struct world *w, int max_percent)
{
    struct sweep_req req = {.scope = &w->scope, .max_percent = max_percent};

    buf_init(&req.after, 4096);
    return req;
}

static void call_sweep(struct world *w, struct sweep_req *req, int code)
{
    op_init(&req->op, db_done);
    sweep_run(w->db.pool, &w->db.loop, req);
    expect_op(w, &req->op, code);
}

/* To the end; returns how many items went. */
static int sweep(struct world *w)
{
    struct sweep_req req = sweep_of(w, 30);

    do {
        call_sweep(w, &req, 0);
    } while (req.more);
    buf_free(&req.after);
    return (int)(req.deleted - req.deleted_before);
}

#define IDS                                                           \
    "SELECT string_agg(DISTINCT content_id, ' ' ORDER BY content_id)" \
    " FROM vector_embeddings WHERE tenant_id = 't1'"

static void put_all(struct world *w, int n, const char *const *ids)
{
    for (int i = 0; i < n; i++)
        put(w, ids[i], "[1,0,0]");
}
#define PUT(w, ...)                                                           \
    put_all(w, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), \
        (const char *[]){__VA_ARGS__})

static void gone_when_two_complete_passes_have_missed_it(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    PUT(w, "a", "b", "c");
    put_piece(w, w->opened.microservice_id, "b", 1, "[1,0,0]");
    MARK(w, 2, "a", "b", "b");
    MARK(w, 3, "c");
    assert_int_equal(sweep(w), 0);
    next_run(w, 0);
    MARK(w, 2, "a", "c");
    assert_int_equal(sweep(w), 0);
    assert_answer(w, IDS, "a b c");
    next_run(w, 0);
    MARK(w, 2, "a", "c");
    assert_int_equal(sweep(w), 1);
    assert_answer(w, IDS, "a c");
    assert_answer(w,
        "SELECT string_agg(content_id, ' ' ORDER BY content_id)"
        " FROM batch_sync_seen",
        "a c");
    assert_answer(w,
        "SELECT string_agg(content_id, ' ' ORDER BY content_id)"
        " FROM batch_sync_link_queue",
        "a c");
    /* Counted in the same transaction, for whoever resumes. */
    assert_answer(w,
        "SELECT counts->>'deleted' FROM batch_sync_service_runs s"
        " JOIN batch_sync_runs r ON r.id = run_id WHERE r.status = 'running'",
        "1");
}

/* A batch that the database undid is found again, and one that it did without
 * our hearing of it is counted. */
static void a_batch_that_failed_is_not_left_behind(void **state)
{
    struct world *w = *state;
    struct sweep_req req;

    NEED_SERVER();
    PUT(w, "a", "b", "c");
    MARK(w, 2, "a", "b", "c");
    assert_int_equal(sweep(w), 0);
    for (int pass = 0; pass < 2; pass++) {
        next_run(w, 0);
        MARK(w, 2, "a");
        if (pass == 0)
            assert_int_equal(sweep(w), 0);
    }
    sql(w, "CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS"
           " $$BEGIN RAISE SQLSTATE '57P01'; END$$;"
           "CREATE TRIGGER away BEFORE DELETE ON vector_embeddings"
           " EXECUTE FUNCTION away()");
    req = sweep_of(w, 30);
    call_sweep(w, &req, 0);
    call_sweep(w, &req, ERR_UNAVAILABLE);
    assert_true(req.more);
    sql(w, "DROP TRIGGER away ON vector_embeddings");
    call_sweep(w, &req, 0);
    assert_answer(w, IDS, "a");
    req.deleted = 0; /* as if that had not been heard */
    call_sweep(w, &req, 0);
    assert_false(req.more);
    assert_int_equal(req.deleted, 2);
    buf_free(&req.after);
}

static void rows_without_a_mark_wait_for_two_passes_too(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    PUT(w, "a", "b");
    for (int pass = 0; pass < 2; pass++) {
        MARK(w, 2, "a");
        assert_int_equal(sweep(w), pass);
        next_run(w, 0);
    }
    assert_answer(w, IDS, "a");
}

static void a_pass_that_is_not_complete_counts_only_as_seen(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    PUT(w, "a", "b", "c");
    MARK(w, 2, "a", "b", "c");
    assert_int_equal(sweep(w), 0);
    next_run(w, 0);
    MARK(w, 2, "a");
    assert_int_equal(sweep(w), 0);
    next_run(w, 0);
    MARK(w, 2, "b"); /* and ends there */
    next_run(w, 0);
    MARK(w, 2, "a");
    assert_int_equal(sweep(w), 1);
    assert_answer(w, IDS, "a b");
    next_run(w, 0);
    MARK(w, 2, "a");
    assert_int_equal(sweep(w), 1);
    assert_answer(w, IDS, "a");
}

/* The process ended between the chunk and the checkpoint of its page. */
static void what_was_written_since_counts_as_seen(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    PUT(w, "a");
    MARK(w, 2, "a");
    assert_int_equal(sweep(w), 0);
    PUT(w, "b");
    for (int pass = 0; pass < 2; pass++) {
        next_run(w, 0);
        MARK(w, 2, "a");
        assert_int_equal(sweep(w), pass);
    }
}

static void a_pass_is_complete_once(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    PUT(w, "a", "b");
    MARK(w, 2, "a", "b");
    sweep(w);
    next_run(w, 0);
    MARK(w, 2, "a");
    /* The process ends before it says so, and another one goes on. */
    assert_int_equal(sweep(w), 0);
    assert_int_equal(sweep(w), 0);
    MARK(w, 3, "a");
    assert_int_equal(sweep(w), 0);
    assert_answer(w, IDS, "a b");
}

static void a_pass_must_be_marked_from_its_first_page(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    PUT(w, "a", "b");
    MARK(w, 2, "a", "b");
    sweep(w);
    next_run(w, 0);
    MARK(w, 3, "a"); /* page 1 came under a schema that says nothing */
    assert_int_equal(sweep(w), 0);
    MARK(w, 4, "a");
    assert_int_equal(sweep(w), 0);
    next_run(w, 0);
    MARK(w, 2, "a");
    assert_int_equal(sweep(w), 0);
    assert_answer(w, IDS, "a b");
}

static void another_name_of_the_service_starts_anew(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    PUT(w, "a", "b");
    MARK(w, 2, "a", "b");
    sweep(w);
    for (int i = 0; i < 3; i++) {
        next_run(w, 1);
        MARK(w, 2, "b");
        assert_int_equal(sweep(w), 0);
        service_begin(w, &w->ledger, 0, 0);
        MARK(w, 2, "a");
        assert_int_equal(sweep(w), 0);
    }
    assert_answer(w, IDS, "a b");
}

static void forgotten_when_nothing_is_to_be_deleted(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    PUT(w, "a", "b");
    for (int i = 0; i < 2; i++) {
        MARK(w, 2, "a", "b");
        sweep(w);
        next_run(w, 0);
    }
    w->opened = (struct store_open_req){
        .tenant = "t1", .service = "backend-a", .forget_seen = true};
    op_init(&w->opened.op, db_done);
    store_open(&w->store, &w->opened);
    expect_op(w, &w->opened.op, 0);
    assert_answer(w,
        "SELECT (SELECT count(*) FROM batch_sync_passes)"
        " + (SELECT count(*) FROM batch_sync_seen)",
        "0");
    assert_int_equal(sweep(w), 0);
    MARK(w, 2, "a");
    assert_int_equal(sweep(w), 0);
    assert_answer(w, IDS, "a b");
}

/* 40 items, of which all but the first `kept` are gone. */
static void miss_all_but(struct world *w, int kept)
{
    char ids[40][8];
    const char *all[40];

    put_many(w, 40, true);
    for (int i = 0; i < 40; i++) {
        snprintf(ids[i], sizeof(ids[i]), "many-%d", i + 1);
        all[i] = ids[i];
    }
    mark(w, 2, 20, all);
    mark(w, 3, 20, all + 20);
    assert_int_equal(sweep(w), 0);
    for (int pass = 0; pass < 2; pass++) {
        next_run(w, 0);
        mark(w, 2, kept < 20 ? kept : 20, all);
        if (kept > 20)
            mark(w, 3, kept - 20, all + 20);
        if (pass == 0)
            assert_int_equal(sweep(w), 0);
    }
}

static void too_many_are_refused(void **state)
{
    struct world *w = *state;
    struct sweep_req req;

    NEED_SERVER();
    miss_all_but(w, 27);
    req = sweep_of(w, 30);
    call_sweep(w, &req, 0);
    assert_true(req.refused);
    assert_false(req.more);
    assert_int_equal(req.items, 40);
    assert_int_equal(req.missing, 13);
    /* Sent again, because its answer was lost: still nothing goes. */
    call_sweep(w, &req, 0);
    assert_false(req.more);
    assert_answer(w, "SELECT count(*) FROM vector_embeddings", "40");
    buf_free(&req.after);
}

static void as_many_as_are_allowed_go(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    miss_all_but(w, 28);
    assert_int_equal(sweep(w), 12);
    assert_answer(w, "SELECT count(*) FROM vector_embeddings", "28");
    assert_answer(w, "SELECT count(*) FROM batch_sync_link_queue", "28");
}

static void open_dead_letters_count_as_seen(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    PUT(w, "a", "b", "c");
    sql(w, "INSERT INTO batch_sync_dead_letters (tenant_id, service, digest,"
           " content_id, reason, payload, resolved_at) VALUES"
           " ('t1', 'backend-a', '\\x01', 'b', 'r', 'p', NULL),"
           " ('t1', 'backend-a', '\\x02', 'c', 'r', 'p', now()),"
           " ('t2', 'backend-a', '\\x02', 'c', 'r', 'p', NULL),"
           " ('t1', 'other', '\\x02', 'c', 'r', 'p', NULL)");
    MARK(w, 2, "a");
    sweep(w);
    next_run(w, 0);
    MARK(w, 2, "a");
    assert_int_equal(sweep(w), 1);
    assert_answer(w, IDS, "a b");
}

static void nothing_without_the_token(void **state)
{
    struct world *w = *state;
    struct sweep_req req;

    NEED_SERVER();
    PUT(w, "a", "b");
    MARK(w, 2, "a");
    sweep(w);
    next_run(w, 0);
    MARK(w, 2, "a");
    req = sweep_of(w, 30);
    call_sweep(w, &req, 0);
    assert_true(req.more);
    sql(w, "UPDATE batch_sync_service_runs SET token = token || 'x'");
    call_sweep(w, &req, ERR_FENCED);
    assert_answer(w, IDS, "a b");
    assert_answer(w, "SELECT complete FROM batch_sync_passes", "1");
    buf_free(&req.after);
    req = sweep_of(w, 30);
    call_sweep(w, &req, ERR_FENCED);
    buf_free(&req.after);
}

static void only_rows_of_this_service_and_tenant(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    PUT(w, "a", "b");
    sql(w, "INSERT INTO tenants (id, name, updated_at)"
           " VALUES ('t2', 't2', now())");
    sql(w, "INSERT INTO microservices (id, tenant_id, name, service_id,"
           " updated_at) VALUES ('m2', 't1', 'backend-b', 'm2', now()),"
           " ('m3', 't2', 'backend-a', 'm3', now())");
    put_piece(w, "m2", "b", 0, "[1,0,0]");
    put_piece(w, "m3", "b", 0, "[1,0,0]");
    queue_item(w, "m2", "b");
    sql(w,
        "INSERT INTO vector_embeddings (id, tenant_id, microservice_id,"
        " content_id, content_type, content_text, updated_at)"
        " SELECT 'doc', 't1', '%s', 'b', 'document', 'of others', now()",
        w->opened.microservice_id);
    for (int pass = 0; pass < 2; pass++) {
        MARK(w, 2, "a");
        assert_int_equal(sweep(w), pass);
        next_run(w, 0);
    }
    assert_answer(w,
        "SELECT string_agg(content_type || ' ' || coalesce(m.tenant_id || '.'"
        " || m.name, ''), ', ' ORDER BY content_type, m.tenant_id, m.name)"
        " FROM vector_embeddings v LEFT JOIN microservices m"
        " ON m.id = v.microservice_id WHERE content_id = 'b'",
        "document t1.backend-a, microservice_data t1.backend-b, "
        "microservice_data t2.backend-a");
    assert_answer(w,
        "SELECT string_agg(microservice_id, ' ') FROM batch_sync_link_queue"
        " WHERE content_id = 'b'",
        "m2");
}

static void sweep_b_out_of(struct world *w, struct sweep_req *req)
{
    MARK(w, 2, "a", "c");
    sweep(w);
    next_run(w, 0);
    MARK(w, 2, "a", "c");
    *req = sweep_of(w, 30);
    call_sweep(w, req, 0);
    assert_true(req->more);
}

static void edges_and_nodes_go_with_their_item(void **state)
{
    struct world *w = *state;
    struct sweep_req req;

    NEED_SERVER();
    PUT(w, "a", "b", "c");
    assert_int_equal(link_all(w, "t1"), 3);
    sweep_b_out_of(w, &req);
    call_sweep(w, &req, 0);
    assert_int_equal(req.deleted, 1);
    assert_int_equal(req.nodes_kept, 0);
    assert_answer(w, EDGES,
        "a>c strongly_related 1.00, "
        "c>a strongly_related 1.00");
    assert_answer(w, "SELECT count(*) FROM knowledge_graph_nodes", "2");
    buf_free(&req.after);
}

/* Another service has an item b, too, and its node the short id. */
static void a_node_of_the_same_id_stays(void **state)
{
    struct world *w = *state;
    struct sweep_req req;

    NEED_SERVER();
    sql(w, "INSERT INTO microservices (id, tenant_id, name, service_id,"
           " updated_at) VALUES ('other', 't1', 'other', 'other-t1', now())");
    put_piece(w, "other", "b", 0, "[1, 0, 0]");
    queue_item(w, "other", "b");
    assert_int_equal(link_all(w, "t1"), 1);
    PUT(w, "a", "b", "c");
    assert_int_equal(link_all(w, "t1"), 3);
    assert_answer(w, "SELECT count(*) FROM knowledge_graph_nodes", "4");
    sweep_b_out_of(w, &req);
    call_sweep(w, &req, 0);
    assert_int_equal(req.deleted, 1);
    assert_int_equal(req.nodes_kept, 0);
    assert_answer(w, EDGES,
        "a>b strongly_related 1.00, a>c strongly_related 1.00, "
        "c>a strongly_related 1.00, c>b strongly_related 1.00");
    assert_answer(w,
        "SELECT string_agg(node_id, ' ' ORDER BY node_id)"
        " FROM knowledge_graph_nodes",
        "content:a content:b content:c");
    buf_free(&req.after);
}

static void a_node_that_others_hold_stays(void **state)
{
    struct world *w = *state;
    struct sweep_req req;

    NEED_SERVER();
    PUT(w, "a", "b", "c");
    assert_int_equal(link_all(w, "t1"), 3);
    sql(w, "INSERT INTO knowledge_graph_edges (id, tenant_id, source_node_id,"
           " target_node_id, edge_type, weight, updated_at)"
           " VALUES ('x', 't1', 'content:b',"
           " 'content:a', 'cites', 0.5, now())");
    sweep_b_out_of(w, &req);
    call_sweep(w, &req, 0);
    assert_int_equal(req.deleted, 1);
    assert_int_equal(req.nodes_kept, 1);
    assert_answer(w, EDGES,
        "a>c strongly_related 1.00, b>a cites 0.50, "
        "c>a strongly_related 1.00");
    assert_answer(w, "SELECT count(*) FROM knowledge_graph_nodes", "3");
    buf_free(&req.after);
}

/* Runs a script on the pool and goes on meanwhile. */
static void begin_script(struct world *w, struct pg_req *req, const char *text)
{
    *req = (struct pg_req){.script = text};
    op_init(&req->op, db_done);
    pg_send(w->db.pool, req);
    db_sleep(&w->db, 200);
}

/* A batch that goes through when the script has ended, and not before. */
static void sweep_after(
    struct world *w, struct pg_req *script, struct sweep_req *req)
{
    op_init(&req->op, db_done);
    sweep_run(w->db.pool, &w->db.loop, req);
    expect_op(w, &script->op, 0);
    assert_true(op_pending(&req->op));
    pg_req_clear(script);
    expect_op(w, &req->op, 0);
    assert_int_equal(req->deleted, 1);
    buf_free(&req->after);
}

/* Its maker holds the node, which is then held by the edge. */
static void an_edge_that_comes_meanwhile_is_kept(void **state)
{
    struct world *w = *state;
    struct sweep_req req;
    struct pg_req edge;

    NEED_SERVER();
    PUT(w, "a", "b", "c");
    assert_int_equal(link_all(w, "t1"), 3);
    sweep_b_out_of(w, &req);
    begin_script(w, &edge,
        "BEGIN; INSERT INTO knowledge_graph_edges (id, tenant_id,"
        " source_node_id, target_node_id, edge_type, updated_at)"
        " VALUES ('x', 't1', 'content:b',"
        " 'content:a', 'cites', now());"
        "SELECT pg_sleep(1); COMMIT");
    sweep_after(w, &edge, &req);
    assert_int_equal(req.nodes_kept, 1);
    assert_answer(
        w, "SELECT count(*) FROM knowledge_graph_edges WHERE id = 'x'", "1");
    assert_answer(w, IDS, "a c");
}

#define TURN                 \
    "pg_advisory_xact_lock(" \
    "hashtext('batch_sync_link_queue'), hashtext('t1'))"

static void waits_for_the_linker_of_its_tenant(void **state)
{
    struct world *w = *state;
    struct sweep_req req;
    struct pg_req linker;

    NEED_SERVER();
    PUT(w, "a", "b", "c");
    sweep_b_out_of(w, &req);
    begin_script(
        w, &linker, "BEGIN; SELECT " TURN "; SELECT pg_sleep(1); COMMIT");
    sweep_after(w, &linker, &req);
    assert_answer(w, IDS, "a c");
}

/* In the middle of a batch: its backend waits for it, and nothing else. */
static void a_linker_that_stopped_is_ended(void **state)
{
    struct world *w = *state;
    struct sweep_req req;
    PGconn *stopped;

    NEED_SERVER();
    PUT(w, "a", "b", "c");
    sweep_b_out_of(w, &req);
    stopped = PQconnectdb(w->db.url);
    PQclear(PQexec(stopped, "BEGIN"));
    PQclear(PQexec(stopped, "SELECT " TURN));
    assert_int_equal(PQtransactionStatus(stopped), PQTRANS_INTRANS);
    call_sweep(w, &req, 0);
    assert_int_equal(req.deleted, 1);
    PQfinish(stopped);
    buf_free(&req.after);
}

/* As of a linker with a long batch. The next run has what is left: the pass was
 * not a complete one. */
static void a_lock_that_stays_does_not_fail_it(void **state)
{
    struct world *w = *state;
    struct sweep_req req;
    PGconn *linker;
    char lock[256];

    NEED_SERVER();
    PUT(w, "a", "b", "c");
    sweep_b_out_of(w, &req);
    snprintf(lock, sizeof(lock), "LOCK TABLE %s.knowledge_graph_edges",
        ask(w, "SELECT current_schema()"));
    linker = PQconnectdb(w->db.url);
    PQclear(PQexec(linker, "BEGIN"));
    PQclear(PQexec(linker, lock));
    assert_int_equal(PQtransactionStatus(linker), PQTRANS_INTRANS);
    call_sweep(w, &req, 0);
    assert_false(req.more);
    assert_int_equal(req.deleted, 0);
    buf_free(&req.after);
    PQclear(PQexec(linker, "COMMIT"));
    assert_int_equal(PQtransactionStatus(linker), PQTRANS_IDLE);
    PQfinish(linker);
    assert_answer(w, IDS, "a b c");
    next_run(w, 0);
    MARK(w, 2, "a", "c");
    assert_int_equal(sweep(w), 1);
    assert_answer(w, IDS, "a c");
}

#define INDEXES                                            \
    "SELECT string_agg(indexname, ' ' ORDER BY indexname)" \
    " FROM pg_indexes WHERE schemaname = current_schema()" \
    " AND indexname ~ '^idx_knowledge_graph_edges_(source|target)'"

static void indexes_for_deleting_nodes_among_many_edges(void **state)
{
    struct world *w = *state;
    struct sweep_req req;

    NEED_SERVER();
    PUT(w, "a", "b", "c", "d");
    assert_int_equal(link_all(w, "t1"), 4);
    sweep_b_out_of(w, &req);
    assert_string_equal(ask(w, INDEXES), "");
    buf_free(&req.after);
    assert_int_equal(sweep(w), 2);
    assert_string_equal(ask(w, INDEXES), "");
    sql(w, "INSERT INTO knowledge_graph_edges (id, tenant_id, source_node_id,"
           " target_node_id, edge_type, properties, updated_at)"
           " SELECT g::text, 't1', 'content:a',"
           " 'content:c', 'cites', (SELECT jsonb_agg(md5(g || 'x'"
           "  || k)) FROM generate_series(1, 35) k), now()"
           " FROM generate_series(1, 7000) g");
    PUT(w, "e");
    for (int pass = 0; pass < 2; pass++) {
        next_run(w, 0);
        MARK(w, 2, "a", "c");
        assert_int_equal(sweep(w), pass);
    }
    assert_answer(w, INDEXES,
        "idx_knowledge_graph_edges_source"
        " idx_knowledge_graph_edges_target");
    assert_answer(w, IDS, "a c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gone_when_two_complete_passes_have_missed_it),
        TEST(a_batch_that_failed_is_not_left_behind),
        TEST(rows_without_a_mark_wait_for_two_passes_too),
        TEST(a_pass_that_is_not_complete_counts_only_as_seen),
        TEST(what_was_written_since_counts_as_seen),
        TEST(a_pass_is_complete_once),
        TEST(a_pass_must_be_marked_from_its_first_page),
        TEST(another_name_of_the_service_starts_anew),
        TEST(forgotten_when_nothing_is_to_be_deleted),
        TEST(too_many_are_refused),
        TEST(as_many_as_are_allowed_go),
        TEST(open_dead_letters_count_as_seen),
        TEST(nothing_without_the_token),
        TEST(only_rows_of_this_service_and_tenant),
        TEST(edges_and_nodes_go_with_their_item),
        TEST(a_node_of_the_same_id_stays),
        TEST(a_node_that_others_hold_stays),
        TEST(an_edge_that_comes_meanwhile_is_kept),
        TEST(waits_for_the_linker_of_its_tenant),
        TEST(a_linker_that_stopped_is_ended),
        TEST(a_lock_that_stays_does_not_fail_it),
        TEST(indexes_for_deleting_nodes_among_many_edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
