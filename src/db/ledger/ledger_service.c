/*
 * A service of a run: checkpoint, outcome. ledger_claim.c begins it.
 *
 * Happy path: checkpoint() moves next_page and records dead letters in one
 * transaction (ledger_letters.c); service_end() closes the row, and claims the
 * next service with it, which saves a transaction a service. Failures:
 * every statement checks the token: if it is no longer ours nothing is written
 * (ERR_FENCED).
 */
#include "db/ledger/ledger_impl.h"

#include "db/graph/declared/links.h"
#include "db/ledger/delete_marks.h"

#include <stdio.h>
#include <stdlib.h>

enum { ERRORS_BYTES = 256 * 1024 };

#define TOKEN_LOCK LEDGER_FENCE_LOCK("token")

/* --- checkpoint --- */

/*
 * A failed page ($2 is 0) leaves the checkpoint where it is. A checkpoint
 * whose reply was lost is sent again: a page counts only when it moves the
 * checkpoint forward.
 */
#define CHECKPOINT_SET                                             \
    "  next_page = CASE WHEN $2 > 0 THEN $2 ELSE next_page END,"   \
    "  page_limit = CASE WHEN $2 > 0 THEN $3 ELSE page_limit END," \
    "  pages = pages + ($2 > next_page)::int,"                     \
    "  expires_at = now() + make_interval(secs => $5),"            \
    "  deaths = CASE WHEN $2 > 0 THEN $6 ELSE deaths END,"         \
    "  announced = CASE WHEN $2 > 0 AND $7 >= 0 THEN $7"           \
    "   ELSE announced END,"

#define LONGEST_PAUSE "interval '7 days', "

static const char checkpoint_sql[] =
    "WITH known AS (SELECT u.digest FROM @.batch_sync_service_runs s,"
    "  unnest($10 || $16) u (digest)"
    "  JOIN @.batch_sync_dead_letters d ON d.tenant_id = $8"
    "  AND d.service = $9 AND d.digest = u.digest AND d.recipe = $15"
    "  AND d.resolved_at IS NULL"
    "  WHERE s.token = $1 AND d.known_since < s.started_at),"
    " f AS (UPDATE @.batch_sync_service_runs SET" CHECKPOINT_SET
    "  counts = CASE WHEN $2 > 0 THEN $4::jsonb || jsonb_build_object("
    "   'known_failures', ($4::jsonb->>'known_failures')::int8"
    "    + (SELECT count(*) FROM known)) ELSE counts END"
    "  WHERE token = $1 RETURNING run_id, service, " TOKEN_LOCK "),"
    " letters AS (INSERT INTO @.batch_sync_dead_letters AS d (tenant_id,"
    "  service, digest, content_id, reason, payload, model, registered,"
    "  refused, recipe, known_since, passing, failures, next_try)"
    "  SELECT DISTINCT ON (u.digest) $8, $9, u.digest,"
    "   nullif(u.content_id, ''), u.reason, u.payload, r.model, f.service,"
    "   u.kind = 1, $15, now(), u.kind = 2, (u.kind = 2)::int,"
    "   CASE WHEN u.kind = 2 THEN now() + interval '1 hour' END"
    "  FROM f JOIN @.batch_sync_runs r ON r.id = f.run_id,"
    "   unnest($10, $11, $12, $13, $14)"
    "    u (digest, content_id, reason, payload, kind)"
    "  ON CONFLICT (tenant_id, service, digest) DO UPDATE SET"
    "   content_id = excluded.content_id, reason = excluded.reason,"
    "   payload = excluded.payload, model = excluded.model,"
    "   registered = excluded.registered, refused = excluded.refused,"
    "   recipe = excluded.recipe, passing = excluded.passing,"
    "   failures = CASE WHEN NOT excluded.passing THEN 0"
    "    ELSE d.failures + 1 END,"
    "   next_try = CASE WHEN excluded.passing THEN now() + least(" LONGEST_PAUSE
    "    interval '1 hour' * power(2, least(d.failures, 10))) END,"
    "   known_since = CASE WHEN d.digest IN (SELECT digest FROM known)"
    "    THEN d.known_since ELSE excluded.known_since END,"
    "   last_seen = now(), times = d.times + 1, resolved_at = NULL,"
    "   superseded = false)"
    " SELECT (SELECT count(*) FROM f), (SELECT count(*) FROM known)";

/*
 * Of a page without letters. It need not have reached the disk when the answer
 * comes: where the server loses it, the page is read and compared again. Rows
 * that it speaks of are there by then: they were committed before it.
 */
static const char checkpoint_plain_sql[] =
    "UPDATE @.batch_sync_service_runs SET" CHECKPOINT_SET
    "  counts = CASE WHEN $2 > 0 THEN $4::jsonb ELSE counts END"
    "  WHERE token = $1 RETURNING 1, 0,"
    "   set_config('synchronous_commit', 'off', true), " TOKEN_LOCK;

static void ledger_service_checkpoint_send(struct call *c)
{
    struct ledger *l = ledger_work(c)->ledger;
    const struct checkpoint_req *req = ledger_work(c)->req;

    call_stmt(
        c, req->nletters > 0 ? checkpoint_sql : checkpoint_plain_sql, false);
    call_add_text(c, req->scope->token);
    call_add_int(c, req->next_page);
    call_add_int(c, req->limit);
    call_add_text(c, ledger_counts_json(&c->arena,
                         ledger_base_of(l, req->scope->token), req->counts));
    call_add_int(c, l->lease_s);
    call_add_int(c, req->deaths);
    call_add_int(c, req->announced);
    if (ledger_add_letters(c, req) < 0) {
        ledger_fail(c, ERR_NOMEM, "recording dead letters");
        return;
    }
    if ((req->marks && seen_add_marks(c, req) < 0) ||
        (req->deletes && tombstone_add_marks(c, req) < 0) ||
        (req->declares && links_add_declared(c, req) < 0)) {
        ledger_fail(c, ERR_NOMEM, "recording what was seen");
        return;
    }
    call_send(c);
}

static void ledger_service_checkpoint_take(struct call *c)
{
    struct checkpoint_req *req = ledger_work(c)->req;
    const struct pg_result *r = c->pg.results[0];

    if (pg_rows(r) == 0 || call_int(r, 0, 0) == 0) {
        ledger_fail(c, ERR_FENCED, "another owner has taken over the service");
        return;
    }
    req->known_letters = (uint64_t)call_int(r, 0, 1);
    call_end(c, NULL);
}

void ledger_checkpoint(struct ledger *l, struct checkpoint_req *req)
{
    req->known_letters = 0;
    ledger_start(l, &req->op, req, ledger_service_checkpoint_send,
        ledger_service_checkpoint_take);
}

/* --- end --- */

/* `base`: the counts of the service before it was resumed. */
static const char *service_row_status_of(
    const struct counts *base, const struct service_end_req *req)
{
    const struct counts *c = &req->result->counts;

    if (req->interrupted)
        return "interrupted";
    if (req->result->success)
        return "success";
    return base->stored + base->unchanged + c->stored + c->unchanged > 0
               ? "partial"
               : "failed";
}

static const char *service_row_errors_json(
    struct call *c, const struct service_result *r)
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

/* Letters that were open before the run are not its own. */
#define WITHDRAW                                                       \
    "WITH withdrawn AS (DELETE FROM @.batch_sync_dead_letters d"       \
    "  USING @.batch_sync_service_runs s"                              \
    "  JOIN @.batch_sync_runs r ON r.id = s.run_id"                    \
    "  WHERE s.token = $1 AND d.tenant_id = r.tenant_id AND d.passing" \
    "  AND d.resolved_at IS NULL AND d.known_since >= r.started_at)"

#define SERVICE_END                                                   \
    " UPDATE @.batch_sync_service_runs SET status = $2,"              \
    "  counts = CASE $2 WHEN 'interrupted' THEN counts"               \
    "   ELSE $3::jsonb END, errors = $4::jsonb, finished_at = now()," \
    "  complete = $5, shortfall = nullif($6, -1), reason = $7,"       \
    "  expires_at = now() WHERE token = $1 RETURNING " TOKEN_LOCK

/* An interrupted service resumes at its last checkpoint and keeps the
 * counts of that: a page that was cut short is counted when it is read
 * again. */
static void service_end_send(struct call *c)
{
    const struct service_end_req *req = ledger_work(c)->req;
    const struct counts *base =
        ledger_base_of(ledger_work(c)->ledger, req->token);

    call_stmt(c, req->withdraws ? WITHDRAW SERVICE_END : SERVICE_END, false);
    call_add_text(c, req->token);
    call_add_text(c, service_row_status_of(base, req));
    call_add_text(c, ledger_counts_json(&c->arena, base, &req->result->counts));
    call_add_text(c, service_row_errors_json(c, req->result));
    call_add_bool(c, req->result->pass.complete);
    call_add_int(c, req->result->pass.shortfall);
    call_add_text(c, req->result->pass.reason);
    if (req->next != NULL)
        ledger_claim_add_pending(c, ledger_work(c)->ledger, req->next);
    call_send(c);
}

static void service_end_take(struct call *c)
{
    const struct service_end_req *req = ledger_work(c)->req;
    struct ledger *l = ledger_work(c)->ledger;

    ledger_service_release(l, req->token);
    if (req->next != NULL && c->pg.results[1] != NULL)
        ledger_claim_take_pending(l, req->next, c->pg.results[1]);
    if (pg_rows(c->pg.results[0]) == 0)
        ledger_fail(c, ERR_FENCED, "another owner has taken over the service");
    else
        call_end(c, NULL);
}

void ledger_service_end(struct ledger *l, struct service_end_req *req)
{
    ledger_start(l, &req->op, req, service_end_send, service_end_take);
}
