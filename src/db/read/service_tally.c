/*
 * Happy path: one query; its rows are copied to the caller's arena.
 * Failures: those of the transaction. On cancel: as db/call.h has it.
 */
#include "db/read/service_tally.h"

#include "db/call.h"
#include <stdlib.h>

/* clang-format off */

#define OF_SERVICE                                                        \
    " FROM @.batch_sync_service_runs WHERE tenant_id = $1"                \
    "  AND service = n.service"

/* A history may have a million rows and ten services: their names are found by
 * leaps through the index, and what is asked of each is its first entry. */
static const char tally_sql[] =
    "WITH RECURSIVE leap (service) AS ("
    "  (SELECT service FROM @.batch_sync_service_runs WHERE tenant_id = $1"
    "   ORDER BY service LIMIT 1)"
    "  UNION ALL SELECT (SELECT service FROM @.batch_sync_service_runs"
    "   WHERE tenant_id = $1 AND service > leap.service"
    "   ORDER BY service LIMIT 1) FROM leap WHERE leap.service IS NOT NULL),"
    " letters AS (SELECT coalesce(registered, service) AS service,"
    "   count(*) AS n FROM @.batch_sync_dead_letters"
    "  WHERE tenant_id = $1 AND resolved_at IS NULL GROUP BY 1)"
    " SELECT n.service,"
    "  coalesce((SELECT (1000 * extract(epoch FROM finished_at))::int8"
    OF_SERVICE " AND status = 'success'"
    "   ORDER BY started_at DESC LIMIT 1), 0),"
    "  coalesce((SELECT complete::int" OF_SERVICE " AND complete IS NOT NULL"
    "   ORDER BY started_at DESC LIMIT 1), -1),"
    "  coalesce(l.n, 0)"
    " FROM (SELECT service FROM leap WHERE service IS NOT NULL"
    "  UNION SELECT service FROM letters) n LEFT JOIN letters l USING (service)"
    " ORDER BY n.service LIMIT $2";

/* clang-format on */

static void tally_row(struct tally_req *req, const struct pg_result *r, int row)
{
    struct str name = arena_dup(req->arena, pg_value(r, row, 0));

    if (name.p == NULL)
        abort();
    req->services[row] = (struct service_tally){
        .service = name.p,
        .last_success_ms = call_int(r, row, 1),
        .complete = (int)call_int(r, row, 2),
        .letters = (uint64_t)call_int(r, row, 3),
    };
}

static const char pause_sql[] =
    "SELECT reason, (1000 * extract(epoch FROM since))::int8"
    " FROM @.batch_sync_pauses";

static void tally_pause(struct tally_req *req, const struct pg_result *r)
{
    if (pg_rows(r) == 0)
        return;
    req->paused = arena_dup(req->arena, pg_value(r, 0, 0)).p;
    req->paused_ms = call_int(r, 0, 1);
    if (req->paused == NULL)
        abort();
}

static void on_tally(struct call *c)
{
    struct tally_req *req = container_of(c->op, struct tally_req, op);
    const struct pg_result *r = c->pg.results[0];
    int rows = pg_rows(r);

    req->services =
        arena_calloc(req->arena, (size_t)rows + 1, sizeof(req->services[0]));
    if (req->services == NULL)
        abort();
    for (int i = 0; i < rows; i++)
        tally_row(req, r, i);
    req->nservices = (size_t)rows;
    tally_pause(req, c->pg.results[1]);
    call_end(c, NULL);
}

void service_tally_ask(
    struct pg_pool *pool, struct loop *loop, struct tally_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, on_tally, 1);

    call_stmt(c, tally_sql, false);
    call_add_text(c, req->tenant);
    call_add_int(c, req->most);
    call_stmt(c, pause_sql, false);
    call_send(c);
}
