/* Which node an item has, among tenants and services that share ids. */
#include "unit/db/graph/graph_world.h"

static const char a_vector[] = "[1, 0, 0]";
static const char b_vector[] = "[0.9, 0.43589, 0]";

static int shared_setup(void **state)
{
    struct world *w;

    if (world_setup(state) != 0 || *state == NULL)
        return 0;
    w = *state;
    sql(w, "INSERT INTO tenants (id, name, updated_at)"
           " VALUES ('t2', 't2', now());"
           "INSERT INTO microservices (id, tenant_id, name, service_id,"
           " updated_at) VALUES ('other', 't1', 'other', 'other-t1', now()),"
           " ('t2a', 't2', 'backend-a', 'backend-a-t2', now())");
    return 0;
}

/* Stores and queues an item of a microservice. */
static void put_in(
    struct world *w, const char *microservice, const char *id, const char *at)
{
    put_piece(w, microservice, id, 0, at);
    queue_item(w, microservice, id);
}

static void put_node(
    struct world *w, const char *tenant, const char *node, const char *type)
{
    sql(w,
        "INSERT INTO knowledge_graph_nodes (id, tenant_id, node_id, node_type,"
        " properties, updated_at) VALUES (gen_random_uuid()::text, '%s', '%s',"
        " '%s', '{\"batch_processed\": true}', now())",
        tenant, node, type);
}

#define NODES                                                         \
    "SELECT coalesce(string_agg(tenant_id || ' ' || node_type || ' '" \
    " || node_id, ', ' ORDER BY node_id, tenant_id), '')"             \
    " FROM knowledge_graph_nodes"

static void the_first_one_gets_the_short_id(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put(w, "a", a_vector);
    link_all(w, "t1");
    put_in(w, "other", "a", a_vector);
    link_all(w, "t1");
    put_in(w, "t2a", "a", a_vector);
    link_all(w, "t2");
    assert_answer(w, NODES,
        "t1 backend-a content:a, t1 other content:t1:other:a, "
        "t2 backend-a content:t2:backend-a:a");
    assert_answer(w, EDGES, "t1:other:a>a strongly_related 1.00");
}

static void of_one_batch_one_gets_it(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put(w, "a", a_vector);
    put_in(w, "other", "a", b_vector);
    assert_int_equal(link_all(w, "t1"), 2);
    assert_answer(
        w, NODES, "t1 backend-a content:a, t1 other content:t1:other:a");
    assert_answer(w, EDGES,
        "a>t1:other:a strongly_related 0.90, "
        "t1:other:a>a strongly_related 0.90");
}

/* What another program's nodes, or an earlier version's, look like. */
static void an_item_keeps_the_node_it_has(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_node(w, "t1", "content:t1:backend-a:a", "backend-a");
    put_node(w, "t1", "content:b", "backend-a");
    put(w, "a", a_vector);
    put(w, "b", b_vector);
    link_all(w, "t1");
    assert_answer(w, NODES,
        "t1 backend-a content:b, t1 backend-a content:t1:backend-a:a");
    assert_answer(w, EDGES,
        "b>t1:backend-a:a strongly_related 0.90, "
        "t1:backend-a:a>b strongly_related 0.90");
}

static void a_node_of_another_type_is_anothers(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_node(w, "t1", "content:a", "course");
    put(w, "a", a_vector);
    link_all(w, "t1");
    assert_answer(
        w, NODES, "t1 course content:a, t1 backend-a content:t1:backend-a:a");
}

static void without_an_id_there_is_no_node(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_node(w, "t2", "content:a", "backend-a");
    put_node(w, "t2", "content:t1:backend-a:a", "x");
    put(w, "a", a_vector);
    put(w, "b", b_vector);
    put(w, "c", b_vector);
    assert_int_equal(link_all(w, "t1"), 3);
    assert_answer(w, NODES " WHERE tenant_id = 't1'",
        "t1 backend-a content:b, t1 backend-a content:c");
    assert_answer(
        w, EDGES, "b>c strongly_related 1.00, c>b strongly_related 1.00");
    assert_answer(w, "SELECT count(*) FROM batch_sync_link_queue", "0");
}

/* The short id is free again: a new item takes it, one with a node does not. */
static void a_freed_id_goes_to_a_new_item(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_in(w, "t2a", "a", a_vector);
    link_all(w, "t2");
    put(w, "a", a_vector);
    link_all(w, "t1");
    sql(w, "DELETE FROM vector_embeddings WHERE microservice_id = 't2a';"
           "DELETE FROM knowledge_graph_nodes WHERE tenant_id = 't2'");
    put(w, "a", b_vector);
    link_all(w, "t1");
    assert_answer(w, NODES, "t1 backend-a content:t1:backend-a:a");
    put_in(w, "other", "a", b_vector);
    link_all(w, "t1");
    assert_answer(
        w, NODES, "t1 other content:a, t1 backend-a content:t1:backend-a:a");
}

/* Edges that lead to an item are measured by the item their source is of. */
static void edges_from_long_ids_are_measured(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_in(w, "t2a", "b", a_vector);
    link_all(w, "t2");
    put(w, "a", a_vector);
    put(w, "b", b_vector);
    link_all(w, "t1");
    put(w, "a", "[0.6, 0.8, 0]");
    link_all(w, "t1");
    assert_answer(w, EDGES,
        "a>t1:backend-a:b strongly_related 0.89, "
        "t1:backend-a:b>a strongly_related 0.89");
    put(w, "a", "[0, 0, 1]");
    link_all(w, "t1");
    assert_answer(w, EDGES, "");
}

/* An id that looks like another's long form is that item's short one. */
static void an_id_that_looks_like_a_long_one(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put(w, "a", a_vector);
    put(w, "t1:backend-a:a", b_vector);
    link_all(w, "t1");
    put(w, "a", "[0.6, 0.8, 0]");
    link_all(w, "t1");
    assert_answer(w, EDGES,
        "a>t1:backend-a:a strongly_related 0.89, "
        "t1:backend-a:a>a strongly_related 0.89");
}

/* --- the migration --- */

static void rename_nodes(struct world *w)
{
    struct migrate_req req;

    sql(w, "DELETE FROM batch_sync_migrations WHERE name = '0015_node_ids'");
    if (migrate(&w->db, &req, MIGRATE_APPLY, DIMENSIONS) < 0)
        fail_msg("%s", req.op.err.msg);
    buf_free(&req.report);
}

static void put_edge(
    struct world *w, const char *from, const char *to, const char *type)
{
    sql(w,
        "INSERT INTO knowledge_graph_edges (id, tenant_id, source_node_id,"
        " target_node_id, edge_type, weight, updated_at)"
        " VALUES (gen_random_uuid()::text, 't1', '%s', '%s', '%s', 1, now())",
        from, to, type);
}

static void an_upgrade_renames_what_is_free(void **state)
{
    static const char rows[] =
        "SELECT string_agg(xmin::text || ctid::text, ' ' ORDER BY ctid)"
        " FROM vector_embeddings";
    struct world *w = *state;
    const char *before;

    NEED_SERVER();
    put_piece(w, w->opened.microservice_id, "a", 0, a_vector);
    put_node(w, "t1", "content:t1:backend-a:a", "backend-a");
    put_node(w, "t1", "content:t1:backend-a:b:c", "backend-a");
    put_node(w, "t1", "content:t1:backend-a:d", "backend-a");
    put_node(w, "t1", "content:t1:other:a", "other");
    put_node(w, "t1", "content:t1:course:x", "course");
    put_node(w, "t1", "topic:x", "topic");
    put_node(w, "t2", "content:d", "backend-a");
    put_edge(
        w, "content:t1:backend-a:a", "content:t1:backend-a:b:c", "related");
    put_edge(w, "content:t1:other:a", "content:t1:backend-a:a", "cites");
    put_edge(w, "topic:x", "content:t1:backend-a:d", "about");
    before = ask(w, rows);
    rename_nodes(w);
    assert_answer(w, NODES,
        "t1 backend-a content:a, t1 backend-a content:b:c, "
        "t2 backend-a content:d, t1 backend-a content:t1:backend-a:d, "
        "t1 course content:t1:course:x, t1 other content:t1:other:a, "
        "t1 topic topic:x");
    assert_answer(w,
        "SELECT string_agg(source_node_id || '>' || target_node_id, ', '"
        " ORDER BY source_node_id) FROM knowledge_graph_edges",
        "content:a>content:b:c, content:t1:other:a>content:a, "
        "topic:x>content:t1:backend-a:d");
    assert_answer(w, rows, before);
}

#undef TEST
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, shared_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_one_gets_the_short_id),
        TEST(of_one_batch_one_gets_it),
        TEST(an_item_keeps_the_node_it_has),
        TEST(a_node_of_another_type_is_anothers),
        TEST(without_an_id_there_is_no_node),
        TEST(a_freed_id_goes_to_a_new_item),
        TEST(edges_from_long_ids_are_measured),
        TEST(an_id_that_looks_like_a_long_one),
        TEST(an_upgrade_renames_what_is_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
