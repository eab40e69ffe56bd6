/*
 * The dead letters of a checkpoint. Those of items that were tried go into its
 * statement. Two more follow it in the same transaction if needed: letters of
 * suppressed items are touched; and letters of ids that a later item has are
 * resolved when that one is stored, unless this run has touched them: then one
 * id belongs to both a good and a bad item. Those are superseded, so that what
 * was kept of them is never stored over the later item.
 *
 * A letter is known when it is open and an earlier run made it with the same
 * fingerprint. A retry after a lost reply brings the same letters again, which
 * must not make them known: hence the time, not just the row.
 */
#include "db/ledger/ledger_impl.h"

#include "base/text.h"

static size_t letters_count(const struct checkpoint_req *req, bool suppressed)
{
    size_t n = 0;

    for (size_t i = 0; i < req->nletters; i++)
        n += req->letters[i].suppressed == suppressed;
    return n;
}

static int ledger_letters_add_digests(
    struct call *c, const struct checkpoint_req *req, bool suppressed)
{
    size_t n = letters_count(req, suppressed);
    struct pg_array digests;

    if (array_init(
            &digests, &c->arena, PG_BYTEA_ARRAY, 0, n, n * SHA256_BYTES) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < req->nletters; i++)
        if (req->letters[i].suppressed == suppressed)
            memcpy(array_grow(&digests, SHA256_BYTES), req->letters[i].digest,
                SHA256_BYTES);
    call_add(c, array_param(&digests));
    return 0;
}

static int letters_add_texts(struct call *c, const struct str *texts, size_t n)
{
    struct pg_array a;
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += texts[i].len;
    if (array_init(&a, &c->arena, PG_TEXT_ARRAY, 0, n, bytes) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        array_add(&a, texts[i]);
    call_add(c, array_param(&a));
    return 0;
}

/* The text columns of a letter. */
static struct str letter_text(const struct dead_letter *d, int column)
{
    if (column == 0)
        return d->content_id;
    if (column == 1)
        return str_of(d->reason);
    return d->passing ? d->payload : utf8_cut(d->payload, PAYLOAD_BYTES);
}

static int add_letter_texts(
    struct call *c, const struct checkpoint_req *req, int column)
{
    struct str *texts =
        arena_alloc(&c->arena, req->nletters * sizeof(texts[0]));
    size_t n = 0;

    if (texts == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < req->nletters; i++)
        if (!req->letters[i].suppressed)
            texts[n++] =
                ledger_clean(&c->arena, letter_text(&req->letters[i], column));
    return letters_add_texts(c, texts, n);
}

/* 1: refused for what it is; 2: it may pass; 0: neither. */
static int letter_kind(const struct dead_letter *d)
{
    return d->passing ? 2 : d->refused;
}

static int ledger_letters_add_kinds(
    struct call *c, const struct checkpoint_req *req)
{
    size_t n = letters_count(req, false);
    struct pg_array a;

    if (array_init(&a, &c->arena, PG_INT4_ARRAY, 0, n, n * 4) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < req->nletters; i++)
        if (!req->letters[i].suppressed)
            array_add_int4(&a, letter_kind(&req->letters[i]));
    call_add(c, array_param(&a));
    return 0;
}

static void letters_add_scope(struct call *c, const struct scope *scope)
{
    call_add_text(c, scope->token);
    call_add_text(c, scope->tenant);
    call_add_text(c, scope->service);
}

static int ledger_letters_add_suppressed(
    struct call *c, const struct checkpoint_req *req)
{
    call_stmt(c,
        "UPDATE @.batch_sync_dead_letters d SET last_seen = now(),"
        " times = d.times + 1, resolved_at = NULL, superseded = false"
        " FROM @.batch_sync_service_runs s WHERE s.token = $1"
        " AND d.tenant_id = $2 AND d.service = $3 AND d.digest = ANY ($4)",
        false);
    letters_add_scope(c, req->scope);
    return ledger_letters_add_digests(c, req, true);
}

/* The page's own letters, $5 and $6, are of the last item of their ids: an
 * earlier one of the page has none. */
static const char superseded_sql[] =
    "UPDATE @.batch_sync_dead_letters d SET superseded = true,"
    "  resolved_at = CASE WHEN d.content_id = ANY ($4)"
    "   AND d.last_seen < s.started_at THEN now() END"
    " FROM @.batch_sync_service_runs s WHERE s.token = $1"
    " AND d.tenant_id = $2 AND d.service = $3 AND d.resolved_at IS NULL"
    " AND (d.content_id = ANY ($4) OR ("
    "  d.digest NOT IN (SELECT unnest($5 || $6))"
    "  AND d.content_id IN (SELECT content_id FROM @.batch_sync_dead_letters"
    "   WHERE tenant_id = $2 AND service = $3 AND digest = ANY ($5 || $6))))";

static int ledger_letters_add_superseded(
    struct call *c, const struct checkpoint_req *req)
{
    call_stmt(c, superseded_sql, false);
    letters_add_scope(c, req->scope);
    if (letters_add_texts(c, req->resolved, req->nresolved) < 0)
        return ERR_NOMEM;
    if (ledger_letters_add_digests(c, req, false) < 0)
        return ERR_NOMEM;
    return ledger_letters_add_digests(c, req, true);
}

static int ledger_letters_add_tried(
    struct call *c, const struct checkpoint_req *req)
{
    call_add_text(c, req->scope->tenant);
    call_add_text(c, req->scope->service);
    if (ledger_letters_add_digests(c, req, false) < 0)
        return ERR_NOMEM;
    for (int column = 0; column < 3; column++)
        if (add_letter_texts(c, req, column) < 0)
            return ERR_NOMEM;
    if (ledger_letters_add_kinds(c, req) < 0)
        return ERR_NOMEM;
    call_add(c, (struct pg_param){.type = PG_BYTEA,
                    .data = req->scope->fingerprint,
                    .len = SHA256_BYTES,
                    .binary = true});
    return ledger_letters_add_digests(c, req, true);
}

int ledger_add_letters(struct call *c, const struct checkpoint_req *req)
{
    if (req->nletters > 0 && ledger_letters_add_tried(c, req) < 0)
        return ERR_NOMEM;
    if (letters_count(req, true) > 0 &&
        ledger_letters_add_suppressed(c, req) < 0)
        return ERR_NOMEM;
    return req->nresolved > 0 || req->nletters > 0
               ? ledger_letters_add_superseded(c, req)
               : 0;
}
