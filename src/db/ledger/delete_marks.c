#include "db/ledger/delete_marks.h"

/*
 * The first page of a run ($5) begins its pass. A run that was not marked
 * from there on, because it was resumed under another schema, never becomes a
 * complete pass: it goes without a run_id, and each page of it has a number.
 */
static const char marks_sql[] =
    "WITH pass AS (INSERT INTO @.batch_sync_passes AS p (tenant_id,"
    "  microservice_id, service, run_id, number)"
    " SELECT $2, $3, s.service, CASE WHEN $5 OR o.run_id = s.run_id"
    "  THEN s.run_id ELSE '' END, 1"
    " FROM @.batch_sync_service_runs s LEFT JOIN @.batch_sync_passes o"
    "  ON o.tenant_id = $2 AND o.microservice_id = $3 WHERE s.token = $1"
    " ON CONFLICT (tenant_id, microservice_id) DO UPDATE SET"
    "  number = p.number + (p.run_id <> excluded.run_id"
    "   OR excluded.run_id = '')::int,"
    "  complete = CASE p.service WHEN excluded.service THEN p.complete"
    "   ELSE 0 END,"
    "  service = excluded.service, run_id = excluded.run_id"
    " RETURNING number)"
    "INSERT INTO @.batch_sync_seen AS s (tenant_id, microservice_id,"
    "  content_id, pass)"
    " SELECT DISTINCT $2, $3, u.id, pass.number FROM pass, unnest($4) u (id)"
    " ON CONFLICT (tenant_id, microservice_id, content_id) DO UPDATE SET"
    "  pass = excluded.pass WHERE s.pass <> excluded.pass";

static int marks_add_ids(struct call *c, const struct str *texts, size_t n)
{
    struct pg_array ids;
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += texts[i].len;
    if (array_init(&ids, &c->arena, PG_TEXT_ARRAY, 0, n, bytes) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        array_add(&ids, texts[i]);
    call_add(c, array_param(&ids));
    return 0;
}

/* $1 .. $4: token, tenant, microservice, ids. */
static int marks_add_stmt(struct call *c, const char *sql,
    const struct scope *scope, const struct str *ids, size_t n)
{
    call_stmt(c, sql, false);
    call_add_text(c, scope->token);
    call_add_text(c, scope->tenant);
    call_add_text(c, scope->microservice_id);
    return marks_add_ids(c, ids, n);
}

int seen_add_marks(struct call *c, const struct checkpoint_req *req)
{
    if (marks_add_stmt(c, marks_sql, req->scope, req->seen, req->nseen) < 0)
        return ERR_NOMEM;
    call_add_bool(c, req->next_page <= 2);
    return 0;
}

/* A source may tell of a delete for ever: what is not stored is not kept. */
static const char tombstones_sql[] =
    "WITH f AS MATERIALIZED (SELECT 1 FROM @.batch_sync_service_runs"
    "  WHERE token = $1),"
    " letters AS (UPDATE @.batch_sync_dead_letters d"
    "  SET resolved_at = now(), superseded = true FROM f"
    "  WHERE d.tenant_id = $2 AND d.service = $5 AND d.content_id = ANY ($4)"
    "   AND d.resolved_at IS NULL)"
    "INSERT INTO @.batch_sync_tombstones (tenant_id, microservice_id,"
    "  content_id)"
    " SELECT DISTINCT $2, $3, u.id FROM f, unnest($4) u (id)"
    " WHERE EXISTS (SELECT 1 FROM @.vector_embeddings WHERE tenant_id = $2"
    "  AND microservice_id || '' = $3 AND content_id = u.id"
    "  AND content_type || '' = 'microservice_data' OFFSET 0)"
    " ON CONFLICT DO NOTHING";

static const char alive_sql[] =
    "DELETE FROM @.batch_sync_tombstones t USING @.batch_sync_service_runs s"
    " WHERE s.token = $1 AND t.tenant_id = $2 AND t.microservice_id = $3"
    "  AND t.content_id = ANY ($4)";

int tombstone_add_marks(struct call *c, const struct checkpoint_req *req)
{
    if (req->ntombstones > 0) {
        if (marks_add_stmt(c, tombstones_sql, req->scope, req->tombstones,
                req->ntombstones) < 0)
            return ERR_NOMEM;
        call_add_text(c, req->scope->service);
    }
    return req->nseen > 0
               ? marks_add_stmt(c, alive_sql, req->scope, req->seen, req->nseen)
               : 0;
}

void tombstone_add_forget(
    struct call *c, const char *tenant, const char *service)
{
    call_stmt(c,
        "DELETE FROM @.batch_sync_tombstones t USING @.microservices m"
        " WHERE m.tenant_id = $1 AND m.name = $2 AND t.tenant_id = $1"
        "  AND t.microservice_id = m.id",
        false);
    call_add_text(c, tenant);
    call_add_text(c, service);
}

void seen_add_forget(struct call *c, const char *tenant, const char *service)
{
    call_stmt(c,
        "WITH pass AS (DELETE FROM @.batch_sync_passes p"
        "  USING @.microservices m WHERE m.tenant_id = $1 AND m.name = $2"
        "  AND p.tenant_id = $1 AND p.microservice_id = m.id"
        "  RETURNING p.microservice_id)"
        " DELETE FROM @.batch_sync_seen s USING pass"
        " WHERE s.tenant_id = $1 AND s.microservice_id = pass.microservice_id",
        false);
    call_add_text(c, tenant);
    call_add_text(c, service);
}
