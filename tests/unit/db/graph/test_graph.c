#include "unit/db/graph/graph_world.h"

/* cos(a, b) = 0.9, cos(a, c) = 0.8, cos(b, c) = 0.98; d is far from all. */
static const char a_vector[] = "[1, 0, 0]";
static const char b_vector[] = "[0.9, 0.43589, 0]";
static const char c_vector[] = "[0.8, 0.6, 0]";
static const char d_vector[] = "[0, 0, 1]";

static void put_four(struct world *w)
{
    put(w, "a", a_vector);
    put(w, "b", b_vector);
    put(w, "c", c_vector);
    put(w, "d", d_vector);
}

static const char four_edges[] =
    "a>b strongly_related 0.90, a>c related 0.80, "
    "b>a strongly_related 0.90, b>c strongly_related 0.98, "
    "c>a related 0.80, c>b strongly_related 0.98";

static void links_what_is_near(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_four(w);
    assert_int_equal(link_all(w, "t1"), 4);
    assert_answer(w, EDGES, four_edges);
    assert_answer(w, "SELECT count(*) FROM batch_sync_link_queue", "0");
    assert_answer(w,
        "SELECT string_agg(node_id, ' ' ORDER BY node_id)"
        " FROM knowledge_graph_nodes WHERE tenant_id = 't1'"
        " AND node_type = 'backend-a' AND length(id) = 36",
        "content:a content:b"
        " content:c content:d");
    assert_answer(w,
        "SELECT count(*) FROM knowledge_graph_edges WHERE tenant_id = 't1'"
        " AND properties->>'method' IN ('exact', 'index')"
        " AND (properties->>'linked_at')::timestamptz - updated_at"
        "  AT TIME ZONE 'UTC' BETWEEN '-2 ms' AND '2 ms' AND length(id) = 36 "
        "AND updated_at BETWEEN"
        "  (now() AT TIME ZONE 'UTC') - interval '1 minute' AND"
        "  (now() AT TIME ZONE 'UTC') + interval '1 s'",
        "6");
}

static void nodes_say_what_they_are(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put(w, "a", a_vector);
    sql(w, "UPDATE vector_embeddings SET content_text = repeat('é', 300)");
    link_all(w, "t1");
    assert_answer(w,
        "SELECT string_agg(key, ' ' ORDER BY key) FROM knowledge_graph_nodes,"
        " jsonb_object_keys(properties) key",
        "batch_processed content_preview created_at source_service");
    assert_answer(w,
        "SELECT properties->>'source_service' || ' '"
        " || (properties->'batch_processed')::text || ' '"
        " || (properties->>'content_preview' = repeat('é', 200))::text || ' '"
        " || (properties->>'created_at' ~"
        "  '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$')::text"
        " FROM knowledge_graph_nodes",
        "backend-a true true true");
}

static void linking_again_changes_nothing(void **state)
{
    static const char versions[] =
        "SELECT (SELECT string_agg(xmin::text || id, ' ' ORDER BY id)"
        "  FROM knowledge_graph_nodes) || (SELECT string_agg(xmin::text || id,"
        "  ' ' ORDER BY id) FROM knowledge_graph_edges)";
    struct world *w = *state;
    const char *before;

    NEED_SERVER();
    put_four(w);
    link_all(w, "t1");
    before = ask(w, versions);
    put_four(w);
    assert_int_equal(link_all(w, "t1"), 4);
    assert_answer(w, versions, before);
}

static void anothers_node_is_only_added_to(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    sql(w, "INSERT INTO knowledge_graph_nodes (id, tenant_id, node_id,"
           " node_type, properties, updated_at) VALUES ('mine', 't1',"
           " 'content:a', 'backend-a', '{\"theirs\": 1,"
           " \"created_at\": \"then\", \"content_preview\": \"old\"}', now())");
    put_four(w);
    link_all(w, "t1");
    assert_answer(w,
        "SELECT id || ' ' || node_type || ' ' || properties::text"
        " FROM knowledge_graph_nodes WHERE node_id = 'content:a'",
        "mine backend-a {\"theirs\": 1, \"created_at\": \"then\", "
        "\"source_service\": \"backend-a\", \"batch_processed\": true, "
        "\"content_preview\": \"text of a\"}");
    assert_answer(w, EDGES, four_edges);
}

static void a_node_of_another_tenant_stays_as_it_is(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    sql(w, "INSERT INTO tenants (id, name, updated_at)"
           " VALUES ('t2', 't2', now());"
           "INSERT INTO knowledge_graph_nodes (id, tenant_id, node_id,"
           " node_type, properties, updated_at) VALUES ('mine', 't2',"
           " 'content:a', 'x', '{}', now())");
    put_four(w);
    assert_int_equal(link_all(w, "t1"), 4);
    assert_answer(w,
        "SELECT tenant_id || properties::text FROM knowledge_graph_nodes"
        " WHERE id = 'mine'",
        "t2{}");
}

static void a_neighbour_gets_its_node(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_piece(w, w->opened.microservice_id, "b", 0, b_vector);
    put(w, "a", a_vector);
    assert_int_equal(link_all(w, "t1"), 1);
    assert_answer(w, EDGES, "a>b strongly_related 0.90");
    assert_answer(w,
        "SELECT properties->>'content_preview' FROM knowledge_graph_nodes"
        " WHERE node_id = 'content:b'",
        "text of b");
}

static void a_change_removes_what_no_longer_holds(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_four(w);
    link_all(w, "t1");
    put(w, "a", d_vector); /* from b and c to d */
    assert_int_equal(link_all(w, "t1"), 1);
    assert_answer(w, EDGES,
        "a>d strongly_related 1.00, "
        "b>c strongly_related 0.98, c>b strongly_related 0.98");
    put(w, "a", c_vector);
    put(w, "c", "[0, 1, 0]");
    put(w, "b", "[0, -1, 0]");
    link_all(w, "t1");
    assert_answer(w, EDGES, "");
}

static void a_change_is_measured_from_the_other_side(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_four(w);
    link_all(w, "t1");
    put(w, "a", "[0.6, 0.8, 0]"); /* cos(b) = 0.89, cos(c) = 0.96 */
    assert_int_equal(link_all(w, "t1"), 1);
    assert_answer(w, EDGES,
        "a>b strongly_related 0.89, a>c strongly_related 0.96, "
        "b>a strongly_related 0.89, b>c strongly_related 0.98, "
        "c>a strongly_related 0.96, c>b strongly_related 0.98");
    put(w, "b", b_vector);
    put(w, "a", "[1, -0.2, 0]"); /* cos(b) = 0.80, cos(c) = 0.67 */
    assert_int_equal(link_all(w, "t1"), 2);
    assert_answer(w, EDGES " WHERE edge_type IN ('related')",
        "a>b related 0.80, b>a related 0.80");
    assert_answer(w, EDGES " WHERE source_node_id = 'content:c'",
        "c>b strongly_related 0.98");
}

/* What leads to an item is found by the index over targets: the unique one has
 * the target last, and would be read from end to end for each item. The server
 * counts the scans of a connection when that ends. */
static void edges_are_found_by_their_target(void **state)
{
    static const char scanned[] =
        "SELECT idx_scan > 0 FROM pg_stat_user_indexes"
        " WHERE schemaname = current_schema()"
        " AND indexrelname = 'idx_knowledge_graph_edges_tenant_id_target'";
    struct world *w = *state;

    NEED_SERVER();
    put_four(w);
    link_all(w, "t1");
    db_close_pool(&w->db);
    db_open_pool(&w->db, w->db.url, 1);
    for (int i = 0; i < 100 && strcmp(ask(w, scanned), "t") != 0; i++)
        db_sleep(&w->db, 50);
    assert_answer(w, scanned, "t");
}

static void edges_of_others_stay(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_four(w);
    link_all(w, "t1");
    sql(w, "INSERT INTO knowledge_graph_nodes (id, tenant_id, node_id,"
           " node_type, updated_at) VALUES ('n', 't1', 'topic:x', 'topic',"
           " now());"
           "INSERT INTO knowledge_graph_edges (id, tenant_id, source_node_id,"
           " target_node_id, edge_type, weight, updated_at) VALUES"
           " ('e1', 't1', 'content:a', 'content:b',"
           "  'prerequisite', 0.5, now()),"
           " ('e2', 't1', 'content:a', 'topic:x', 'about', 1,"
           "  now()),"
           " ('e3', 't1', 'topic:x', 'content:a', 'related', 0.1,"
           "  now())");
    put(w, "a", d_vector);
    link_all(w, "t1");
    assert_answer(w,
        "SELECT string_agg(id || weight, ' ' ORDER BY id)"
        " FROM knowledge_graph_edges WHERE length(id) = 2",
        "e10.50 e21.00 e30.10");
}

static void tenants_do_not_meet(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_four(w);
    sql(w, "INSERT INTO tenants (id, name, updated_at)"
           " VALUES ('t2', 't2', now());"
           "INSERT INTO microservices (id, tenant_id, name, service_id,"
           " updated_at) VALUES ('ms2', 't2', 'backend-a', 'b-t2', now())");
    put_piece(w, "ms2", "a", 0, a_vector);
    put_piece(w, "ms2", "z", 0, a_vector);
    queue_item(w, "ms2", "a");
    assert_int_equal(link_all(w, "t1"), 4);
    assert_answer(w, EDGES, four_edges);
    assert_answer(w, "SELECT count(*) FROM batch_sync_link_queue", "1");
    assert_int_equal(link_all(w, "t2"), 1);
    assert_answer(w, EDGES " WHERE tenant_id = 't2'",
        "t2:backend-a:a>z strongly_related 1.00");
    assert_answer(w, EDGES " WHERE tenant_id = 't1'", four_edges);
}

static void services_of_a_tenant_do_meet(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    sql(w, "INSERT INTO microservices (id, tenant_id, name, service_id,"
           " updated_at) VALUES ('ms2', 't1', 'other', 'o-t1', now())");
    put(w, "a", a_vector);
    put_piece(w, "ms2", "a", 0, b_vector); /* the same id: another item */
    link_all(w, "t1");
    assert_answer(w,
        "SELECT source_node_id || ' ' || target_node_id || ' ' || n.node_type"
        " FROM knowledge_graph_edges e JOIN knowledge_graph_nodes n"
        " ON n.node_id = e.target_node_id",
        "content:a content:t1:other:a other");
}

static void other_content_is_no_neighbour(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    sql(w, "INSERT INTO vector_embeddings (id, tenant_id, content_id,"
           " content_type, embedding, content_text, updated_at)"
           " VALUES ('x', 't1', 'x', 'document', '[1, 0, 0]'::public.vector,"
           " 'x', now()), ('y', 't1', 'y', 'microservice_data',"
           " '[1, 0, 0]'::public.vector, 'y', now())");
    put(w, "a", a_vector);
    link_all(w, "t1");
    assert_answer(w, EDGES, "");
}

static void pieces_stand_for_one_item(void **state)
{
    struct world *w = *state;
    const char *id = w == NULL ? NULL : w->opened.microservice_id;

    NEED_SERVER();
    put(w, "a", a_vector);
    put_piece(w, id, "a", 1, a_vector);
    put_piece(w, id, "a", 2, a_vector);
    put(w, "b", d_vector);
    put_piece(w, id, "b", 1, a_vector); /* near, but not the first */
    put(w, "c", b_vector);
    put_piece(w, id, "c", 1, b_vector);
    assert_int_equal(link_all(w, "t1"), 3);
    assert_answer(
        w, EDGES, "a>c strongly_related 0.90, c>a strongly_related 0.90");
}

static void the_ten_nearest(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put(w, "a", a_vector);
    for (int i = 1; i <= 14; i++) {
        char id[8], vector[32];

        snprintf(id, sizeof(id), "n%02d", i);
        snprintf(vector, sizeof(vector), "[1, %.2f, 0]", i * 0.02);
        put_piece(w, w->opened.microservice_id, id, 0, vector);
    }
    link_all(w, "t1");
    assert_answer(w,
        "SELECT count(*) || ' ' || max(target_node_id) || ' ' || max(weight)"
        " FROM knowledge_graph_edges",
        "10 content:n10 1.00");
}

static void thresholds_are_exclusive(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put(w, "a", "[3, 4, 0]");
    put_piece(w, w->opened.microservice_id, "b", 0, "[0.7, 0, 0.71414284]");
    put_piece(w, w->opened.microservice_id, "c", 0, "[1, 0.5, 0]");
    put_piece(w, w->opened.microservice_id, "d", 0, "[3, 4.0001, 0]");
    link_all(w, "t1");
    assert_answer(
        w, EDGES, "a>c strongly_related 0.89, a>d strongly_related 1.00");
}

static void vectors_of_nothing_have_no_neighbours(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put(w, "a", a_vector);
    put(w, "zero", "[0, 0, 0]");
    put(w, "tiny", "[3e-20, 4e-20, 0]"); /* a's direction, once squared none */
    put(w, "tiny too", "[3e-20, 4e-20, 0]");
    put(w, "huge", "[3e30, 4e30, 0]");
    put(w, "null", a_vector);
    sql(w, "UPDATE vector_embeddings SET embedding = NULL"
           " WHERE content_id = 'null'");
    assert_int_equal(link_all(w, "t1"), 6);
    assert_answer(w, EDGES, "");
    assert_answer(w, "SELECT count(*) FROM knowledge_graph_nodes", "6");
}

static void long_ids_do_not_break_a_batch(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    sql(w,
        "INSERT INTO vector_embeddings (id, tenant_id, microservice_id,"
        " content_id, content_type, embedding, content_text, updated_at)"
        " SELECT 'l' || g, 't1', '%s', (SELECT string_agg(md5((g * i)::text),"
        " '') || repeat('x', 8) FROM generate_series(1, 31) i),"
        " 'microservice_data', '[1, 0, 0]'::public.vector, 'x', now()"
        " FROM generate_series(1, 3) g;"
        "INSERT INTO batch_sync_link_queue SELECT tenant_id, microservice_id,"
        " content_id FROM vector_embeddings",
        w->opened.microservice_id);
    assert_int_equal(link_all(w, "t1"), 3);
    assert_answer(w, "SELECT count(*) FROM knowledge_graph_edges", "6");
}

static void what_is_gone_leaves_the_queue(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    queue_item(w, w->opened.microservice_id, "gone");
    sql(w, "INSERT INTO batch_sync_link_queue VALUES ('t1', 'nobody', 'x')");
    assert_int_equal(link_all(w, "t1"), 2);
    assert_answer(w, "SELECT count(*) FROM batch_sync_link_queue", "0");
    assert_answer(w, "SELECT count(*) FROM knowledge_graph_nodes", "0");
}

static void takes_no_more_than_the_limit(void **state)
{
    struct world *w = *state;
    struct link_req req;
    struct graph g;

    NEED_SERVER();
    put_four(w);
    graph_init(&g, w->db.pool, NULL, &w->db.loop);
    assert_int_equal(link_some(w, &g, "t1", 3, &req), 0);
    assert_int_equal(req.taken, 3);
    assert_answer(w, "SELECT content_id FROM batch_sync_link_queue", "d");
    assert_int_equal(link_some(w, &g, "t1", 3, &req), 0);
    assert_int_equal(req.taken, 1);
    assert_int_equal(link_some(w, &g, "t1", 3, &req), 0);
    assert_int_equal(req.taken, 0);
    assert_answer(w, EDGES, four_edges);
}

static void link_and_count(struct world *w, struct link_req *req)
{
    struct graph g;

    req->tenant = "t1";
    req->limit = 3;
    req->counts = true;
    graph_init(&g, w->db.pool, NULL, &w->db.loop);
    op_init(&req->op, db_done);
    graph_link(&g, req);
    wait_op(w, &req->op);
    if (req->op.err.code != 0)
        fail_msg("%s", req->op.err.msg);
}

static void counts_what_still_waits(void **state)
{
    struct world *w = *state;
    struct link_req req = {.limit = 0};

    NEED_SERVER();
    put_four(w);
    link_and_count(w, &req);
    assert_int_equal(req.taken, 3);
    assert_int_equal(req.queued, 1);
    sql(w, "INSERT INTO tenants (id, name, updated_at)"
           " VALUES ('t2', 't2', now());"
           "UPDATE batch_sync_link_queue SET tenant_id = 't2'");
    link_and_count(w, &req);
    assert_int_equal(req.taken, 0);
    assert_int_equal(req.queued, 1); /* another tenant's */
}

static void counts_before_there_is_an_index(void **state)
{
    struct world *w = *state;
    struct link_req req = {.builds = false};

    NEED_SERVER();
    put_many(w, INDEX_ROWS_FEW + 1, false);
    put_four(w);
    link_and_count(w, &req);
    assert_true(req.later);
    assert_int_equal(req.taken, 0);
    assert_int_equal(req.queued, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(links_what_is_near),
        TEST(nodes_say_what_they_are),
        TEST(linking_again_changes_nothing),
        TEST(anothers_node_is_only_added_to),
        TEST(a_node_of_another_tenant_stays_as_it_is),
        TEST(a_neighbour_gets_its_node),
        TEST(a_change_removes_what_no_longer_holds),
        TEST(a_change_is_measured_from_the_other_side),
        TEST(edges_are_found_by_their_target),
        TEST(edges_of_others_stay),
        TEST(tenants_do_not_meet),
        TEST(services_of_a_tenant_do_meet),
        TEST(other_content_is_no_neighbour),
        TEST(pieces_stand_for_one_item),
        TEST(the_ten_nearest),
        TEST(thresholds_are_exclusive),
        TEST(vectors_of_nothing_have_no_neighbours),
        TEST(long_ids_do_not_break_a_batch),
        TEST(what_is_gone_leaves_the_queue),
        TEST(takes_no_more_than_the_limit),
        TEST(counts_what_still_waits),
        TEST(counts_before_there_is_an_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
