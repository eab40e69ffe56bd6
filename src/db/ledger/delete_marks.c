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

static int marks_add_ids(struct call *c, const struct checkpoint_req *req)
{
    struct pg_array ids;
    size_t bytes = 0;

    for (size_t i = 0; i < req->nseen; i++)
        bytes += req->seen[i].len;
    if (array_init(&ids, &c->arena, PG_TEXT_ARRAY, 0, req->nseen, bytes) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < req->nseen; i++)
        array_add(&ids, req->seen[i]);
    call_add(c, array_param(&ids));
    return 0;
}

int seen_add_marks(struct call *c, const struct checkpoint_req *req)
{
    call_stmt(c, marks_sql, false);
    call_add_text(c, req->scope->token);
    call_add_text(c, req->scope->tenant);
    call_add_text(c, req->scope->microservice_id);
    if (marks_add_ids(c, req) < 0)
        return ERR_NOMEM;
    call_add_bool(c, req->next_page <= 2);
    return 0;
}

void seen_add_forget(struct call *c, const char *tenant, const char *service)
{
    call_stmt(c,
        "WITH pass AS (DELETE FROM @.batch_sync_passes p USING @.microservices "
        "m"
        "  WHERE m.tenant_id = $1 AND m.name = $2"
        "  AND p.tenant_id = $1 AND p.microservice_id = m.id"
        "  RETURNING p.microservice_id)"
        " DELETE FROM @.batch_sync_seen s USING pass"
        " WHERE s.tenant_id = $1 AND s.microservice_id = pass.microservice_id",
        false);
    call_add_text(c, tenant);
    call_add_text(c, service);
}
