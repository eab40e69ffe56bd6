/*
 * Happy path: each request is one transaction. Reserving is a single UPDATE
 * that locks the row and looks at it as it is then, so that replicas which ask
 * at the same time get no more than there is. Failures: its errors are passed
 * on; a reply that is lost leaves tokens reserved that nobody spends. On
 * cancel: see db/call.h.
 */
#include "db/limits/budgets.h"

enum { RETURN_TIMEOUT_MS = 5000 }; /* the end of a process waits for it */

enum { ADDED, GRANTED, KNOWN }; /* results */

static const char add_sql[] =
    "INSERT INTO @.batch_sync_budgets (kind, key) VALUES ($1, $2)"
    " ON CONFLICT (kind, key) DO NOTHING";

static const char grant_sql[] =
    "UPDATE @.batch_sync_budgets SET updated_at = now(),"
    "  granted = CASE WHEN reserved + $4 <= $5 THEN $4::int8 ELSE $3 END,"
    "  reserved = reserved"
    "   + CASE WHEN reserved + $4 <= $5 THEN $4::int8 ELSE $3 END"
    " WHERE kind = $1 AND key = $2 AND reserved + $3 <= $5"
    " RETURNING granted";

static const char known_sql[] =
    "SELECT reserved FROM @.batch_sync_budgets WHERE kind = $1 AND key = $2";

static const char return_sql[] =
    "UPDATE @.batch_sync_budgets SET reserved = greatest(reserved - $3, 0)"
    " WHERE kind = $1 AND key = $2";

static void budgets_add_statement(
    struct call *c, const char *sql, const char *kind, const char *key)
{
    call_stmt(c, sql, false);
    call_add_text(c, kind);
    call_add_text(c, key);
}

static void on_budgets_reserved(struct call *c)
{
    struct budgets_reserve_req *req =
        container_of(c->op, struct budgets_reserve_req, op);
    const struct pg_result *granted = c->pg.results[GRANTED];
    const struct pg_result *known = c->pg.results[KNOWN];

    if (pg_rows(granted) > 0)
        req->granted = (uint64_t)call_int(granted, 0, 0);
    if (pg_rows(known) > 0)
        req->reserved = (uint64_t)call_int(known, 0, 0);
    call_end(c, NULL);
}

void budgets_reserve(
    struct pg_pool *pool, struct loop *loop, struct budgets_reserve_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, on_budgets_reserved, 0);

    req->granted = req->reserved = 0;
    budgets_add_statement(c, add_sql, req->kind, req->key);
    budgets_add_statement(c, grant_sql, req->kind, req->key);
    call_add_int(c, (int64_t)req->needed);
    call_add_int(c, (int64_t)req->wanted);
    call_add_int(c, (int64_t)req->limit);
    budgets_add_statement(c, known_sql, req->kind, req->key);
    call_send(c);
}

static void on_budgets_returned(struct call *c)
{
    call_end(c, NULL);
}

void budgets_return(
    struct pg_pool *pool, struct loop *loop, struct budgets_return_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, on_budgets_returned, 0);

    c->pg.timeout_ms = RETURN_TIMEOUT_MS;
    budgets_add_statement(c, return_sql, req->kind, req->key);
    call_add_int(c, req->tokens);
    call_send(c);
}
