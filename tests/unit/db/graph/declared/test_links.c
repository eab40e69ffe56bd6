/* Declared links: kept by checkpoints, made edges of by the linker. */
#include "unit/db/graph/graph_world.h"

#include "db/graph/declared/links.h"
#include "db/sweep/sweep.h"
#include <stdlib.h>

#define APART "[1,0,0]" /* nothing is near to it but itself */

/* An item that declares links, "type:target" each, to its own service. */
struct declares {
    const char *id;
    const char *links[4]; /* up to a NULL */
};

static int seal(struct world *w, const struct declares *items, size_t n)
{
    static const struct counts none;
    struct str ids[16];
    struct item_link links[64];
    struct checkpoint_req req = {.scope = &w->scope,
        .next_page = 2,
        .limit = 10,
        .counts = &none,
        .declares = true,
        .linked = ids,
        .links = links};

    for (size_t i = 0; i < n; i++) {
        ids[req.nlinked++] = str_of(items[i].id);
        for (int k = 0; k < 4 && items[i].links[k] != NULL; k++) {
            const char *colon = strchr(items[i].links[k], ':');

            links[req.nlinks++] = (struct item_link){str_of(items[i].id),
                {items[i].links[k], (size_t)(colon - items[i].links[k])},
                STR("backend-a"), str_of(colon + 1)};
        }
    }
    op_init(&req.op, db_done);
    ledger_checkpoint(&w->ledger, &req);
    wait_op(w, &req.op);
    return req.op.err.code;
}

#define SEAL(w, ...)                                                      \
    assert_int_equal(seal(w, (const struct declares[]){__VA_ARGS__},      \
                         sizeof((const struct declares[]){__VA_ARGS__}) / \
                             sizeof(struct declares)),                    \
        0)

/* The linker's calls, until nothing is left to do. */
static void link_to_the_end(struct world *w)
{
    struct graph g;
    struct link_req req;

    graph_init(&g, w->db.pool, NULL, &w->db.loop);
    do {
        if (link_some(w, &g, "t1", 100, &req) < 0)
            fail_msg("%s", req.op.err.msg);
    } while (req.more);
    graph_free(&g);
}

#define DECLARED                                                     \
    "SELECT coalesce(string_agg(substr(source_node_id, 9) || ' ' ||" \
    " edge_type || ' ' || substr(target_node_id, 9), ', '"           \
    " ORDER BY source_node_id, edge_type, target_node_id), '')"      \
    " FROM knowledge_graph_edges WHERE properties->>'method' = 'declared'"

#define ROWS "SELECT count(*) FROM batch_sync_links"
#define WAITING ROWS " WHERE NOT linked AND NOT pending"

static void store_apart(struct world *w, const char *id)
{
    put(w, id, APART);
    sql(w, "UPDATE vector_embeddings SET embedding = NULL");
}

static void both_ends_are_stored(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    store_apart(w, "lesson");
    store_apart(w, "course");
    SEAL(w, {"lesson", {"part_of:course"}}, {"course", {NULL}});
    link_to_the_end(w);
    assert_answer(w, DECLARED, "lesson part_of course");
    assert_answer(w,
        "SELECT weight || ' ' || tenant_id || ' ' || (properties - 'linked_at')"
        " FROM knowledge_graph_edges",
        "1.00 t1 {\"method\": \"declared\"}");
    assert_answer(w,
        "SELECT properties->>'linked_at' ~ '^20\\d\\d-.*Z$'"
        " FROM knowledge_graph_edges",
        "t");
    assert_answer(w,
        "SELECT string_agg(node_id, ' ' ORDER BY node_id) FROM"
        " knowledge_graph_nodes WHERE node_type = 'backend-a'"
        " AND properties->>'content_preview' LIKE 'text of %'",
        "content:course content:lesson");
}

/* Nothing is written that is there already. */
static void the_same_again_writes_nothing(void **state)
{
    struct world *w = *state;
    char before[256];

    NEED_SERVER();
    store_apart(w, "a");
    store_apart(w, "b");
    SEAL(w, {"a", {"of:b", "of:b", "to:b"}});
    link_to_the_end(w);
#define STAMPS                                                    \
    "SELECT string_agg(x, ' ') FROM (SELECT xmin::text AS x FROM" \
    " batch_sync_links UNION ALL SELECT xmin::text FROM"          \
    " knowledge_graph_edges UNION ALL SELECT xmin::text FROM"     \
    " knowledge_graph_nodes ORDER BY 1) s"
    snprintf(before, sizeof(before), "%s", ask(w, STAMPS));
    assert_answer(w, ROWS, "2");
    SEAL(w, {"a", {"of:b", "to:b", "of:b"}});
    link_to_the_end(w);
    assert_answer(w, STAMPS, before);
    assert_answer(w, DECLARED, "a of b, a to b");
}

static void a_target_is_waited_for(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    store_apart(w, "lesson");
    SEAL(w, {"lesson", {"part_of:course", "needs:lesson-0"}});
    link_to_the_end(w);
    assert_answer(w, DECLARED, "");
    assert_answer(w, WAITING, "2");
    store_apart(w, "course");
    link_to_the_end(w);
    assert_answer(w, DECLARED, "lesson part_of course");
    assert_answer(w, WAITING, "1");
}

/* The same by a job, which links many items at once. */
static void a_job_wakes_what_waits(void **state)
{
    struct world *w = *state;
    struct graph g;
    struct link_req req;

    NEED_SERVER();
    store_apart(w, "lesson");
    SEAL(w, {"lesson", {"part_of:many-3"}});
    link_to_the_end(w);
    assert_answer(w, WAITING, "1");
    put_many(w, 20, false);
    sql(w, "INSERT INTO batch_sync_link_queue (tenant_id, microservice_id,"
           " content_id) SELECT tenant_id, microservice_id, content_id"
           " FROM vector_embeddings");
    graph_init(&g, w->db.pool, NULL, &w->db.loop);
    g.job_least = 10;
    do {
        if (link_some(w, &g, "t1", 100, &req) < 0)
            fail_msg("%s", req.op.err.msg);
    } while (req.more);
    graph_free(&g);
    assert_answer(w, DECLARED, "lesson part_of many-3");
}

static void what_is_no_longer_declared_goes(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    store_apart(w, "a");
    store_apart(w, "b");
    store_apart(w, "c");
    SEAL(w, {"a", {"of:b", "of:c"}}, {"b", {"of:c"}});
    link_to_the_end(w);
    assert_answer(w, DECLARED, "a of b, a of c, b of c");
    sql(w, "INSERT INTO knowledge_graph_edges (id, tenant_id, source_node_id,"
           " target_node_id, edge_type, updated_at) VALUES ('theirs', 't1',"
           " 'content:a', 'content:b', 'of', now())");
    SEAL(w, {"a", {"of:c", "to:b"}});
    link_to_the_end(w);
    assert_answer(w, DECLARED, "a of c, a to b, b of c");
    assert_answer(w,
        "SELECT count(*) FROM knowledge_graph_edges WHERE id = 'theirs'", "1");
    assert_answer(w, ROWS, "3");
}

/* Declared again before the linker has come to it. */
static void a_change_of_mind_in_between(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    store_apart(w, "a");
    store_apart(w, "b");
    SEAL(w, {"a", {"of:b"}});
    link_to_the_end(w);
    SEAL(w, {"a", {NULL}});
    SEAL(w, {"a", {"of:b"}});
    link_to_the_end(w);
    assert_answer(w, DECLARED, "a of b");
    SEAL(w, {"a", {"to:b"}});
    SEAL(w, {"a", {NULL}});
    link_to_the_end(w);
    assert_answer(w, DECLARED, "");
    assert_answer(w, ROWS, "0");
}

/* A service whose schema has no links any more. */
static void a_service_may_declare_nothing_more(void **state)
{
    struct world *w = *state;
    struct store_open_req open = {
        .tenant = "t1", .service = "backend-a", .forget_links = true};

    NEED_SERVER();
    store_apart(w, "a");
    store_apart(w, "b");
    SEAL(w, {"a", {"of:b"}});
    link_to_the_end(w);
    op_init(&open.op, db_done);
    store_open(&w->store, &open);
    expect_op(w, &open.op, 0);
    link_to_the_end(w);
    assert_answer(w, DECLARED, "");
    assert_answer(w, ROWS, "0");
}

/* What the owner of a lost lease says is not heard. */
static void without_the_token_nothing_is_declared(void **state)
{
    struct world *w = *state;
    const struct declares item = {"a", {"of:b"}};

    NEED_SERVER();
    w->scope.token = "not-this-one";
    assert_int_equal(seal(w, &item, 1), ERR_FENCED);
    assert_answer(w, ROWS, "0");
}

static void graph_is_emptied(struct world *w)
{
    sql(w, "DELETE FROM knowledge_graph_edges;"
           " DELETE FROM knowledge_graph_nodes");
}

/* Nodes and edges are gone; a start finds what has none, and links it. */
static void a_graph_is_rebuilt(void **state)
{
    struct world *w = *state;
    struct graph g;
    struct find_req find = {.tenant = "t1", .limit = 100};
    char before[512];

    NEED_SERVER();
    store_apart(w, "a");
    store_apart(w, "b");
    store_apart(w, "c");
    SEAL(w, {"a", {"of:b", "of:missing"}}, {"b", {"of:a"}}, {"c", {"of:c"}});
    link_to_the_end(w);
    snprintf(before, sizeof(before), "%s", ask(w, DECLARED));
    assert_string_equal(before, "a of b, b of a, c of c");
    graph_is_emptied(w);
    graph_init(&g, w->db.pool, NULL, &w->db.loop);
    op_init(&find.op, db_done);
    graph_find(&g, &find);
    expect_op(w, &find.op, 0);
    free(find.microservice_id);
    free(find.content_id);
    link_to_the_end(w);
    assert_answer(w, DECLARED, before);
}

/* --- an end is deleted --- */

static void mark_only(struct world *w, const char *id)
{
    static const struct counts none;
    struct str seen = str_of(id);
    struct checkpoint_req req = {.scope = &w->scope,
        .next_page = 2,
        .limit = 10,
        .counts = &none,
        .marks = true,
        .seen = &seen,
        .nseen = 1};

    op_init(&req.op, db_done);
    ledger_checkpoint(&w->ledger, &req);
    expect_op(w, &req.op, 0);
}

/* A pass that has seen one item alone. */
static void pass(struct world *w, const char *id)
{
    struct sweep_req req = {.scope = &w->scope, .max_percent = 100};

    run_succeeds(w, &w->ledger);
    run_begin(w, &w->ledger, &test_params, 0);
    service_begin(w, &w->ledger, 0, 0);
    mark_only(w, id);
    buf_init(&req.after, 4096);
    do {
        op_init(&req.op, db_done);
        sweep_run(w->db.pool, &w->db.loop, &req);
        expect_op(w, &req.op, 0);
    } while (req.more);
    buf_free(&req.after);
}

static void an_end_is_deleted_and_comes_back(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    store_apart(w, "a");
    store_apart(w, "b");
    store_apart(w, "c");
    SEAL(w, {"a", {"of:b"}}, {"b", {"of:a", "of:c", "of:b"}});
    link_to_the_end(w);
    assert_answer(w, DECLARED, "a of b, b of a, b of b, b of c");
    pass(w, "a");
    sql(w, "UPDATE vector_embeddings SET updated_at = '2020-01-01'");
    pass(w, "a");
    pass(w, "a");
    assert_answer(
        w, "SELECT string_agg(content_id, ' ') FROM vector_embeddings", "a");
    assert_answer(w, DECLARED, "");
    assert_answer(w,
        "SELECT string_agg(node_id, ' ') FROM knowledge_graph_nodes",
        "content:a");
    assert_answer(w,
        "SELECT string_agg(content_id || ' ' || linked, ', ')"
        " FROM batch_sync_links",
        "a false");
    store_apart(w, "b");
    link_to_the_end(w);
    assert_answer(w, DECLARED, "a of b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_ends_are_stored),
        TEST(the_same_again_writes_nothing),
        TEST(a_target_is_waited_for),
        TEST(a_job_wakes_what_waits),
        TEST(what_is_no_longer_declared_goes),
        TEST(a_change_of_mind_in_between),
        TEST(a_service_may_declare_nothing_more),
        TEST(without_the_token_nothing_is_declared),
        TEST(a_graph_is_rebuilt),
        TEST(an_end_is_deleted_and_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
