/* A migrated schema with a store and a ledger, for the tests of db/. */
#ifndef TESTS_DB_PG_WORLD_H
#define TESTS_DB_PG_WORLD_H

#include "unit/net/pg/pg_support.h"

#include "db/ledger/ledger.h"
#include "db/migrate/migrate.h"
#include "db/store/store.h"

enum { DIMENSIONS = 3 };

struct world {
    struct db db;
    struct store store;
    struct ledger ledger;
    struct arena arena; /* of the answers */
    struct store_open_req opened;
    struct run_begin_req run;
    struct service_begin_req service;
    struct scope scope;
};

static inline void wait_op(struct world *w, struct op *op)
{
    db_wait(&w->db, op);
}

/* Waits and wants this code. */
static inline void expect_op(struct world *w, struct op *op, int code)
{
    wait_op(w, op);
    if (op->err.code != code)
        fail_msg("%s: %s", err_name(op->err.code), op->err.msg);
}

static inline int migrate(struct db *db, struct migrate_req *req,
    enum migrate_mode mode, int dimensions)
{
    *req = (struct migrate_req){.mode = mode, .dimensions = dimensions};
    op_init(&req->op, db_done);
    migrate_run(db->pool, &db->loop, req);
    db_wait(db, &req->op);
    return req->op.err.code;
}

static const char *const test_services[] = {"svc-a", "svc-b"};

static const struct run_begin_req test_params = {
    .spec = {.trigger = "cli",
        .kind = "batch",
        .tenant = "t1",
        .services = (const char **)test_services,
        .nservices = 2,
        .source = "request"},
    .embedding = {"builtin", "m", DIMENSIONS},
    .limit = 10,
};

static inline void run_begin(struct world *w, struct ledger *l,
    const struct run_begin_req *params, int code)
{
    w->run = *params;
    op_init(&w->run.op, db_done);
    ledger_run_begin(l, &w->run);
    expect_op(w, &w->run.op, code);
}

/* Claims whatever is next. */
static inline void claim(struct world *w, struct ledger *l, int code)
{
    w->service = (struct service_begin_req){
        .run_id = w->run.run_id, .tenant = "t1", .incremental = true};
    op_init(&w->service.op, db_done);
    ledger_service_begin(l, &w->service);
    expect_op(w, &w->service.op, code);
    w->scope = (struct scope){.tenant = "t1",
        .service = "backend-a",
        .microservice_id = w->opened.microservice_id,
        .token = w->service.token};
}

/* Claims that service: whoever has it is lost, and the others are taken. */
static inline void service_begin(
    struct world *w, struct ledger *l, size_t position, int code)
{
    char sql[512];

    snprintf(sql, sizeof(sql),
        "UPDATE batch_sync_service_runs SET status = 'running',"
        " expires_at = now() + interval '1 h'"
        " WHERE position <> %zu AND status = 'pending';"
        "UPDATE batch_sync_service_runs"
        " SET expires_at = now() - interval '1 s'"
        " WHERE position = %zu AND status = 'running'",
        position, position);
    db_exec(&w->db, sql);
    claim(w, l, code);
    assert_int_equal(w->service.claim, CLAIM_SERVICE);
    assert_int_equal(w->service.position, position);
    db_exec(&w->db, "UPDATE batch_sync_service_runs SET status = 'pending'"
                    " WHERE status = 'running' AND owner = ''");
}

static inline enum run_status run_end(
    struct world *w, struct ledger *l, enum run_end_mode mode)
{
    struct run_end_req req = {.run_id = w->run.run_id,
        .mode = mode,
        .arena = &w->arena,
        .nservices = 2};

    op_init(&req.op, db_done);
    ledger_run_end(l, &req);
    expect_op(w, &req.op, 0);
    return req.status;
}

/* As if all of its services had been synced. */
static inline void run_succeeds(struct world *w, struct ledger *l)
{
    db_exec(&w->db, "UPDATE batch_sync_service_runs SET status = 'success',"
                    " finished_at = now()"
                    " WHERE status IN ('pending', 'running', 'interrupted')");
    assert_int_equal(run_end(w, l, RUN_END_DONE), RUN_SUCCESS);
}

static inline void open_service(struct world *w, const char *version)
{
    w->opened = (struct store_open_req){
        .tenant = "t1", .service = "backend-a", .version = version};
    w->store.asked_ms = 0; /* tests change the table meanwhile */
    op_init(&w->opened.op, db_done);
    store_open(&w->store, &w->opened);
    expect_op(w, &w->opened.op, 0);
}

static inline int world_setup(void **state)
{
    struct migrate_req req;
    struct world *w;

    if (db_server() == NULL)
        return 0;
    w = calloc(1, sizeof(*w));
    *state = w;
    db_open(&w->db, 2);
    arena_init(&w->arena, 0);
    if (migrate(&w->db, &req, MIGRATE_APPLY, DIMENSIONS) < 0)
        fail_msg("%s", req.op.err.msg);
    buf_free(&req.report);
    store_init(&w->store, w->db.pool, &w->db.loop);
    ledger_init(&w->ledger, w->db.pool, w->db.pool, &w->db.loop, 30, 300);
    open_service(w, NULL);
    run_begin(w, &w->ledger, &test_params, 0);
    service_begin(w, &w->ledger, 0, 0);
    return 0;
}

static inline int world_teardown(void **state)
{
    struct world *w = *state;

    if (w == NULL)
        return 0;
    ledger_stop(&w->ledger);
    arena_free(&w->arena);
    db_close(&w->db);
    free(w);
    *state = NULL;
    return 0;
}

#endif
