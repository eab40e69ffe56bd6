#include "unit/db/graph/graph_world.h"

#include <stdlib.h>

struct finder {
    struct graph g;
    struct find_req req;
    int steps;
    size_t queued;
};

/* One step; false when it was the last one. */
static bool find_some(struct world *w, struct finder *f)
{
    op_init(&f->req.op, db_done);
    graph_find(&f->g, &f->req);
    wait_op(w, &f->req.op);
    if (f->req.op.err.code != 0)
        fail_msg("%s", f->req.op.err.msg);
    f->steps++;
    f->queued += f->req.queued;
    return f->req.seen == f->req.limit;
}

static void find_end(struct finder *f)
{
    free(f->req.microservice_id);
    free(f->req.content_id);
}

/* All of it; returns how many were queued. */
static size_t find_all(struct world *w, const char *tenant, size_t limit)
{
    struct finder f = {.req = {.tenant = tenant, .limit = limit}};

    graph_init(&f.g, w->db.pool, NULL, &w->db.loop);
    while (find_some(w, &f))
        continue;
    find_end(&f);
    return f.queued;
}

#define QUEUE                                                              \
    "SELECT coalesce(string_agg(content_id, ',' ORDER BY content_id), '')" \
    " FROM batch_sync_link_queue"

/* Switched on after a first load: everything is found, and linked. */
static void what_was_stored_without_a_graph_is_found(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_many(w, 25, false);
    assert_int_equal(find_all(w, "t1", 10), 25);
    assert_answer(w, "SELECT count(*) FROM batch_sync_link_queue", "25");
    assert_int_equal(link_all(w, "t1"), 25);
    assert_answer(w, "SELECT count(*) FROM knowledge_graph_nodes", "25");
    assert_int_equal(find_all(w, "t1", 10), 0);
    assert_answer(w, QUEUE, "");
}

static void goes_on_where_it_ended(void **state)
{
    struct world *w = *state;
    struct finder f = {.req = {.tenant = "t1", .limit = 2}};

    NEED_SERVER();
    put_many(w, 5, false);
    graph_init(&f.g, w->db.pool, NULL, &w->db.loop);
    assert_true(find_some(w, &f));
    assert_answer(w, QUEUE, "many-1,many-2");
    assert_string_equal(f.req.content_id, "many-2");
    assert_true(find_some(w, &f));
    assert_answer(w, QUEUE, "many-1,many-2,many-3,many-4");
    assert_false(find_some(w, &f));
    assert_int_equal(f.queued, 5);
    assert_false(find_some(w, &f)); /* nothing comes after the last one */
    assert_int_equal(f.req.seen, 0);
    find_end(&f);
}

static void what_is_queued_is_not_queued_twice(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put(w, "a", "[1,0,0]");
    put_piece(w, w->opened.microservice_id, "b", 0, "[0,1,0]");
    assert_int_equal(find_all(w, "t1", 10), 1);
    assert_answer(w, QUEUE, "a,b");
}

/* A long text is one item; other kinds of content and others' are none. */
static void only_items_of_ours_are_found(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_piece(w, w->opened.microservice_id, "long", 0, "[1,0,0]");
    put_piece(w, w->opened.microservice_id, "long", 1, "[0,1,0]");
    put_piece(w, w->opened.microservice_id, "other-type", 0, "[0,0,1]");
    put_piece(w, w->opened.microservice_id, "no-service", 0, "[0,0,1]");
    sql(w, "UPDATE vector_embeddings SET content_type = 'document'"
           " WHERE content_id = 'other-type';"
           "UPDATE vector_embeddings SET microservice_id = NULL"
           " WHERE content_id = 'no-service'");
    assert_int_equal(find_all(w, "another", 10), 0);
    assert_int_equal(find_all(w, "t1", 10), 1);
    assert_answer(w, QUEUE, "long");
}

/* A table of many: a step looks at its own rows, by their keys. */
static void a_step_reads_no_whole_table(void **state)
{
    struct world *w = *state;
    struct finder f = {.req = {.tenant = "t1", .limit = 50}};

    NEED_SERVER();
    put_many(w, 5000, false);
    sql(w, "INSERT INTO knowledge_graph_nodes (id, tenant_id, node_id,"
           " node_type, updated_at) SELECT 'n' || v.id, v.tenant_id,"
           " 'content:' || content_id,"
           " m.name, now() FROM vector_embeddings v JOIN microservices m"
           " ON m.id = v.microservice_id");
    sql(w, "SELECT pg_stat_force_next_flush()");
    sql(w, "SELECT pg_stat_reset()");
    graph_init(&f.g, w->db.pool, NULL, &w->db.loop);
    assert_true(find_some(w, &f));
    assert_int_equal(f.queued, 0);
    find_end(&f);
    sql(w, "SELECT pg_stat_force_next_flush()");
    assert_answer(w,
        "SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_user_tables"
        " WHERE schemaname = current_schema() AND relname IN"
        " ('vector_embeddings', 'knowledge_graph_nodes')",
        "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_stored_without_a_graph_is_found),
        TEST(goes_on_where_it_ended),
        TEST(what_is_queued_is_not_queued_twice),
        TEST(only_items_of_ours_are_found),
        TEST(a_step_reads_no_whole_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
