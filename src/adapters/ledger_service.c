/*
 * The services of a run: lease, checkpoint, outcome.
 *
 * Happy path: service_begin() makes the row or takes it over, in both cases
 * with a new token; checkpoint() moves next_page and records dead letters in
 * one transaction (ledger_letters.c); service_end() closes the row.
 * Failures: every statement goes by the owner or the token: when that is no
 * longer ours nothing is written (ERR_FENCED).
 *
 * A page number means something only with the page size it was counted in, so
 * a service that was interrupted after its size had changed starts again.
 */
#include "adapters/ledger_impl.h"

#include "adapters/seen.h"

#include <stdio.h>
#include <stdlib.h>

enum { ERRORS_BYTES = 256 * 1024 };

/* --- begin --- */

static const char begin_sql[] =
    "INSERT INTO batch_sync_service_runs AS s (run_id, position, tenant_id,"
    "  service, owner, token, expires_at, page_limit, since)"
    " SELECT r.id, $2, $3, $4, r.owner, gen_random_uuid()::text,"
    "  now() + make_interval(secs => $6), r.page_limit,"
    "  CASE WHEN $7 THEN (SELECT to_char((max(p.started_at)"
    "    - make_interval(secs => $8)) AT TIME ZONE 'UTC',"
    "    'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
    "   FROM batch_sync_service_runs p"
    "   JOIN batch_sync_runs q ON q.id = p.run_id"
    "   WHERE p.tenant_id = $3 AND p.service = $4"
    "   AND p.status = 'success' AND q.since IS NULL) END"
    " FROM batch_sync_runs r"
    " WHERE r.id = $1 AND r.owner = $5 AND r.status = 'running'"
    " ON CONFLICT (run_id, position) DO UPDATE SET status = 'running',"
    "  owner = excluded.owner, token = excluded.token,"
    "  expires_at = excluded.expires_at, finished_at = NULL,"
    "  page_limit = excluded.page_limit,"
    "  next_page = CASE s.page_limit WHEN excluded.page_limit"
    "   THEN s.next_page ELSE 1 END,"
    "  pages = CASE s.page_limit WHEN excluded.page_limit"
    "   THEN s.pages ELSE 0 END,"
    "  counts = CASE s.page_limit WHEN excluded.page_limit"
    "   THEN s.counts ELSE '{}' END"
    " RETURNING token, next_page, coalesce(since, '')"
#define X(name) ", coalesce((counts->>'" #name "')::int8, 0)"
    COUNTS_MAP(X)
#undef X
        ", (SELECT count(*) FROM batch_sync_dead_letters d"
        "  WHERE d.tenant_id = $3 AND d.registered = $4"
        "  AND d.resolved_at IS NULL AND d.known_since >= s.started_at)";

static void begin_send(struct call *c)
{
    const struct ledger *l = ledger_work(c)->ledger;
    const struct service_begin_req *req = ledger_work(c)->req;

    ledger_add_lock_timeout(c);
    call_stmt(c, begin_sql, false);
    call_add_text(c, req->run_id);
    call_add_int(c, (int64_t)req->position);
    call_add_text(c, req->tenant);
    call_add_text(c, req->service);
    call_add_text(c, l->owner);
    call_add_int(c, l->lease_s);
    call_add_bool(c, req->incremental);
    call_add_int(c, l->overlap_s);
    call_send(c);
}

/* Returns the column after them. */
static int read_base(struct counts *base, const struct pg_result *r)
{
    int column = 3;

#define X(name) base->name = (uint64_t)call_int(r, 0, column++);
    COUNTS_MAP(X)
#undef X
    return column;
}

static void begin_take(struct call *c)
{
    struct ledger *l = ledger_work(c)->ledger;
    struct service_begin_req *req = ledger_work(c)->req;
    const struct pg_result *r = c->pg.results[1];

    if (pg_rows(r) == 0) {
        ledger_fail(c, ERR_FENCED, "the run has another owner now");
        return;
    }
    call_copy(r, 0, 0, req->token, sizeof(req->token));
    req->first_page = (int)call_int(r, 0, 1);
    call_copy(r, 0, 2, req->since, sizeof(req->since));
    req->letters = (uint64_t)call_int(r, 0, read_base(&l->base, r));
    memcpy(l->token, req->token, sizeof(l->token));
    call_end(c, NULL);
}

int ledger_service_begin(struct ledger *l, struct service_begin_req *req)
{
    return ledger_start(l, &req->op, req, begin_send, begin_take);
}

/* --- checkpoint --- */

static const char checkpoint_sql[] =
    "WITH f AS (UPDATE batch_sync_service_runs SET next_page = $2,"
    "  page_limit = $3, counts = $4::jsonb, pages = pages + (next_page < "
    "$2)::int,"
    "  expires_at = now() + make_interval(secs => $5)"
    "  WHERE token = $1 RETURNING run_id, service, started_at),"
    " known AS (SELECT u.digest FROM f, unnest($8) u (digest)"
    "  JOIN batch_sync_dead_letters d ON d.tenant_id = $6"
    "  AND d.service = $7 AND d.digest = u.digest AND d.recipe = $13"
    "  AND d.resolved_at IS NULL WHERE d.known_since < f.started_at),"
    " letters AS (INSERT INTO batch_sync_dead_letters AS d (tenant_id,"
    "  service, digest, content_id, reason, payload, model, registered,"
    "  refused, recipe, known_since)"
    "  SELECT DISTINCT ON (u.digest) $6, $7, u.digest,"
    "   nullif(u.content_id, ''), u.reason, u.payload, r.model, f.service,"
    "   u.refused = 1, $13, now()"
    "  FROM f JOIN batch_sync_runs r ON r.id = f.run_id,"
    "   unnest($8, $9, $10, $11, $12)"
    "    u (digest, content_id, reason, payload, refused)"
    "  ON CONFLICT (tenant_id, service, digest) DO UPDATE SET"
    "   content_id = excluded.content_id, reason = excluded.reason,"
    "   payload = excluded.payload, model = excluded.model,"
    "   registered = excluded.registered, refused = excluded.refused,"
    "   recipe = excluded.recipe,"
    "   known_since = CASE WHEN EXISTS (SELECT 1 FROM known k"
    "     WHERE k.digest = d.digest) THEN d.known_since"
    "    ELSE excluded.known_since END,"
    "   last_seen = now(), times = d.times + 1, resolved_at = NULL)"
    " SELECT (SELECT count(*) FROM f), (SELECT count(*) FROM known)";

static void checkpoint_send(struct call *c)
{
    const struct ledger *l = ledger_work(c)->ledger;
    const struct checkpoint_req *req = ledger_work(c)->req;

    call_stmt(c, checkpoint_sql, false);
    call_add_text(c, req->scope->token);
    call_add_int(c, req->next_page);
    call_add_int(c, req->limit);
    call_add_text(c, ledger_counts_json(&c->arena, &l->base, req->counts));
    call_add_int(c, l->lease_s);
    call_add_text(c, req->scope->tenant);
    call_add_text(c, req->scope->service);
    if (ledger_add_letters(c, req) < 0) {
        ledger_fail(c, ERR_NOMEM, "recording dead letters");
        return;
    }
    if (req->marks && seen_add_marks(c, req) < 0) {
        ledger_fail(c, ERR_NOMEM, "recording what was seen");
        return;
    }
    call_send(c);
}

static void checkpoint_take(struct call *c)
{
    struct checkpoint_req *req = ledger_work(c)->req;
    const struct pg_result *r = c->pg.results[0];

    if (call_int(r, 0, 0) == 0) {
        ledger_fail(c, ERR_FENCED, "another owner has taken over the service");
        return;
    }
    req->known_letters =
        (uint64_t)call_int(r, 0, 1) + ledger_take_skipped(c, req);
    call_end(c, NULL);
}

int ledger_checkpoint(struct ledger *l, struct checkpoint_req *req)
{
    req->known_letters = 0;
    return ledger_start(l, &req->op, req, checkpoint_send, checkpoint_take);
}

/* --- end --- */

static const char *status_of(const struct service_end_req *req)
{
    const struct service_result *r = req->result;

    if (req->interrupted)
        return "interrupted";
    if (r->success)
        return "success";
    return r->counts.stored + r->counts.unchanged > 0 ? "partial" : "failed";
}

static const char *errors_json(struct call *c, const struct service_result *r)
{
    struct buf out;
    struct str copy;

    buf_init(&out, ERRORS_BYTES);
    buf_char(&out, '[');
    for (uint32_t i = 0; i < r->nerrors; i++) {
        buf_printf(&out, "%s{\"page\":%d,\"error\":", i > 0 ? "," : "",
            r->errors[i].page);
        buf_json_str(&out, ledger_clean(&c->arena, str_of(r->errors[i].error)));
        buf_char(&out, '}');
    }
    buf_char(&out, ']');
    copy = arena_dup(&c->arena, out.error == 0 ? buf_view(&out) : STR("[]"));
    buf_free(&out);
    return copy.p;
}

static void end_send(struct call *c)
{
    const struct ledger *l = ledger_work(c)->ledger;
    const struct service_end_req *req = ledger_work(c)->req;

    call_stmt(c,
        "UPDATE batch_sync_service_runs SET status = $2,"
        "  counts = $3::jsonb, errors = $4::jsonb, finished_at = now(),"
        "  expires_at = now() WHERE token = $1 RETURNING 1",
        false);
    call_add_text(c, req->token);
    call_add_text(c, status_of(req));
    call_add_text(
        c, ledger_counts_json(&c->arena, &l->base, &req->result->counts));
    call_add_text(c, errors_json(c, req->result));
    call_send(c);
}

static void end_take(struct call *c)
{
    struct ledger *l = ledger_work(c)->ledger;

    l->token[0] = '\0';
    if (pg_rows(c->pg.results[0]) == 0)
        ledger_fail(c, ERR_FENCED, "another owner has taken over the service");
    else
        call_end(c, NULL);
}

int ledger_service_end(struct ledger *l, struct service_end_req *req)
{
    return ledger_start(l, &req->op, req, end_send, end_take);
}
