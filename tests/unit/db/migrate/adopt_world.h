/* Tables as another program makes them, and taking them over. */
#ifndef TESTS_DB_MIGRATE_ADOPT_WORLD_H
#define TESTS_DB_MIGRATE_ADOPT_WORLD_H

#include "unit/db/pg_world.h"

static const char legacy_tables[] =
    "CREATE TABLE tenants (id text PRIMARY KEY, name text, domain text UNIQUE,"
    " settings jsonb, created_at timestamp(3), updated_at timestamp(3));"
    "CREATE TABLE microservices (id text PRIMARY KEY, tenant_id text"
    " REFERENCES tenants, name text, service_id text UNIQUE, display_name"
    " text, description text, version text, is_active boolean, settings jsonb,"
    " metadata jsonb, created_at timestamp(3), updated_at timestamp(3),"
    " UNIQUE (tenant_id, name));"
    "CREATE TABLE vector_embeddings (id text PRIMARY KEY, tenant_id text"
    " REFERENCES tenants, microservice_id text REFERENCES microservices"
    " DEFERRABLE INITIALLY DEFERRED, content_id text, content_type text,"
    " embedding public.vector(3), content_text text, chunk_index int DEFAULT 0,"
    " metadata jsonb, created_at timestamp(3), updated_at timestamp(3));"
    "CREATE TABLE knowledge_graph_nodes (id text PRIMARY KEY, tenant_id text,"
    " node_id text UNIQUE, node_type text, properties jsonb, created_at"
    " timestamp(3), updated_at timestamp(3));"
    "CREATE TABLE knowledge_graph_edges (id text PRIMARY KEY, tenant_id text,"
    " source_node_id text, target_node_id text, edge_type text, weight"
    " decimal(3, 2), created_at timestamp(3), updated_at timestamp(3),"
    " properties jsonb);"
    "INSERT INTO tenants (id) VALUES ('t1'), ('t2');"
    "INSERT INTO microservices (id, tenant_id, name, service_id) VALUES"
    " ('m1', 't1', 'svc', 'svc-t1')";

/* A row of ours; `service` and `source` are SQL. */
#define LEGACY_ROW(id, service, item, piece, updated, created, source)       \
    "INSERT INTO vector_embeddings VALUES ('" id "', 't1', " service         \
    ", '" item "', 'microservice_data', '[1,2,3]', 'text of " id "', " piece \
    ", " source ", '" created "', '" updated "');"

#define FROM_SVC "'{\"_source_service\": \"svc\"}'"

struct legacy {
    struct db db;
    struct migrate_req req;
};

static inline int legacy_setup(void **state)
{
    struct legacy *l;

    if (db_server() == NULL)
        return 0;
    l = calloc(1, sizeof(*l));
    *state = l;
    db_open(&l->db, 2);
    db_exec(&l->db, legacy_tables);
    return 0;
}

static inline int legacy_teardown(void **state)
{
    struct legacy *l = *state;

    if (l == NULL)
        return 0;
    buf_free(&l->req.report);
    db_close(&l->db);
    free(l);
    *state = NULL;
    return 0;
}

/* Wants this code; the report is there afterwards. */
static inline void adopt(struct legacy *l, enum migrate_mode mode, int code)
{
    buf_free(&l->req.report);
    l->req = (struct migrate_req){
        .mode = mode, .dimensions = DIMENSIONS, .adopt = true};
    op_init(&l->req.op, db_done);
    migrate_run(l->db.pool, &l->db.loop, &l->req);
    db_wait(&l->db, &l->req.op);
    if (l->req.op.err.code != code)
        fail_msg("%s: %s", err_name(l->req.op.err.code), l->req.op.err.msg);
}

/* The report has this. */
static inline void expect_report(const struct legacy *l, const char *text)
{
    if (strstr(l->req.report.data, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", l->req.report.data, text);
}

static inline void expect_sql(
    struct legacy *l, const char *sql, const char *text)
{
    assert_string_equal(db_text(&l->db, sql), text);
}

#endif
