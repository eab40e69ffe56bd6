/*
 * Happy path: one query, whose row says what stands in the way of writing; or
 * the statements of a try, whose end nobody has to undo but the server.
 * Failures: those of the transaction. On cancel: as db/call.h has it.
 */
#include "db/writable.h"

#include <stdio.h>

enum { ASK_TIMEOUT_MS = 5000 };

/* What schema/grants.sql gives; of tables that are there. */
static const char ask_sql[] =
    "SELECT pg_is_in_recovery(), current_setting('transaction_read_only'),"
    " (SELECT string_agg(priv || ' ON ' || tab, ', ') FROM"
    "  (VALUES ('tenants', 'SELECT INSERT'),"
    "   ('microservices', 'SELECT INSERT UPDATE'),"
    "   ('vector_embeddings', 'SELECT INSERT UPDATE DELETE'),"
    "   ('knowledge_graph_nodes', 'SELECT INSERT UPDATE DELETE'),"
    "   ('knowledge_graph_edges', 'SELECT INSERT UPDATE DELETE'),"
    "   ('batch_sync_runs', 'SELECT INSERT UPDATE'),"
    "   ('batch_sync_service_runs', 'SELECT INSERT UPDATE'),"
    "   ('batch_sync_dead_letters', 'SELECT INSERT UPDATE'),"
    "   ('batch_sync_passes', 'SELECT INSERT UPDATE DELETE'),"
    "   ('batch_sync_seen', 'SELECT INSERT UPDATE DELETE'),"
    "   ('batch_sync_tombstones', 'SELECT INSERT UPDATE DELETE'),"
    "   ('batch_sync_link_queue', 'SELECT INSERT UPDATE DELETE'),"
    "   ('batch_sync_link_jobs', 'SELECT INSERT UPDATE DELETE'),"
    "   ('batch_sync_links', 'SELECT INSERT UPDATE DELETE'),"
    "   ('batch_sync_trigger_hashes', 'SELECT INSERT UPDATE DELETE'))"
    "  AS w (tab, privs), unnest(string_to_array(privs, ' ')) AS priv"
    "  WHERE to_regclass('@.' || tab) IS NOT NULL"
    "   AND NOT has_table_privilege(to_regclass('@.' || tab), priv)),"
    " quote_ident(current_user)";

static void writable_step(struct call *c)
{
    const struct pg_result *r = c->pg.results[0];
    const char *missing = pg_value(r, 0, 2).p, *role = pg_value(r, 0, 3).p;
    bool standby = pg_value(r, 0, 0).p[0] == 't';
    struct err err;

    err_clear(&err);
    if (standby || str_eq(pg_value(r, 0, 1), STR("on")))
        err_set(&err, ERR_UNAVAILABLE, WRITABLE_READ_ONLY ": %s",
            standby ? "the server is a standby; name the primary in "
                      "DATABASE_URL, or list all hosts with "
                      "target_session_attrs=read-write"
                    : "default_transaction_read_only is on for the role, the "
                      "database or the server; turn it off");
    else if (missing[0] != '\0')
        err_set(&err, ERR_CONFIG,
            "role %s lacks rights: GRANT %s TO %s; (schema/grants.sql has all "
            "of them)",
            role, missing, role);
    call_end(c, &err);
}

void writable_ask(
    struct pg_pool *pool, struct loop *loop, struct writable_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, writable_step, 1);

    c->pg.timeout_ms = ASK_TIMEOUT_MS;
    call_stmt(c, ask_sql, false);
    call_send(c);
}

/* --- trying ------------------------------------------------------------ */

#define PROBE "'batchsync-write-check'"
#define NOW "now() AT TIME ZONE 'UTC'"

void writable_add_try(struct call *c, const char *tenant)
{
    call_stmt(c, "BEGIN", false);
    call_stmt(c, "SELECT set_config('lock_timeout', '2s', true)", false);
    call_stmt(c,
        "INSERT INTO @.tenants (id, name, updated_at)"
        " SELECT $1, $1, " NOW
        " WHERE NOT EXISTS (SELECT 1 FROM @.tenants WHERE id = $1)",
        false);
    call_add_text(c, tenant);
    call_stmt(c,
        "INSERT INTO @.microservices (id, tenant_id, name, service_id,"
        " updated_at) VALUES (" PROBE ", $1, " PROBE ", " PROBE ", " NOW ")",
        false);
    call_add_text(c, tenant);
    call_stmt(c,
        "INSERT INTO @.vector_embeddings (id, tenant_id, microservice_id,"
        " content_id, content_type, content_text, updated_at)"
        " VALUES (" PROBE ", $1, " PROBE ", " PROBE ", 'microservice_data',"
        " '', " NOW ")",
        false);
    call_add_text(c, tenant);
    call_stmt(c,
        "UPDATE @.vector_embeddings SET content_text = '-' WHERE id = " PROBE,
        false);
    call_stmt(c, "DELETE FROM @.vector_embeddings WHERE id = " PROBE, false);
    call_stmt(c, "ROLLBACK", false);
}

bool writable_judge_try(const struct call *c, struct err *err)
{
    const char *state = c->pg.sqlstate;

    *err = c->pg.op.err;
    if (strcmp(state, "42501") == 0) {
        err->code = ERR_CONFIG;
        err_wrap(err,
            "the role may not write (schema/grants.sql has the rights it "
            "needs; row security must let it see and write its tenant's rows)");
        return true;
    }
    if (strcmp(state, "23514") == 0 && strstr(err->msg, "(tenant_id) = (")) {
        err->code = ERR_CONFIG;
        err_wrap(err,
            "vector_embeddings has no partition for the tenant (CREATE TABLE "
            "NAME PARTITION OF vector_embeddings FOR VALUES IN ('TENANT');)");
        return true;
    }
    return state[0] == '\0' || strncmp(state, "25", 2) == 0;
}

static void writable_try_done(struct call *c)
{
    call_end(c, NULL);
}

/* A full disk is a reason here; a run that begins waits for room instead. */
static bool writable_try_failed(struct call *c)
{
    struct err err;

    if (writable_judge_try(c, &err))
        call_end(c, &err);
    else if (strncmp(c->pg.sqlstate, "53", 2) == 0) {
        err_wrap(&err, WRITABLE_NO_WRITES);
        call_end(c, &err);
    } else {
        call_end(c, NULL);
    }
    return true;
}

void writable_try(struct pg_pool *pool, struct loop *loop, const char *tenant,
    struct writable_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, writable_try_done, 1);

    c->on_error = writable_try_failed;
    c->pg.timeout_ms = ASK_TIMEOUT_MS;
    writable_add_try(c, tenant);
    call_send(c);
}
