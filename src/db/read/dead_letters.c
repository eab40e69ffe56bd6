/*
 * Happy path: the look-up's statement rides in the look-up's transaction. A
 * retry is one statement: it takes the recipe away, by which a letter is
 * known. Failures: the transaction's. On cancel: see db/call.h.
 */
#include "db/read/dead_letters.h"

#include <stdlib.h>

/* --- look-up --- */

/* OFFSET 0: as in the store's lookup. */
static const char lookup_sql[] =
    "SELECT i.at::int4 - 1, d.known, d.digest"
    " FROM unnest($3) WITH ORDINALITY AS i (content_id, at)"
    " CROSS JOIN LATERAL (SELECT digest,"
    "   (refused OR (passing AND next_try > now()))"
    "   AND coalesce(recipe = $4, false) AS known"
    "  FROM @.batch_sync_dead_letters WHERE tenant_id = $1 AND service = $2"
    "  AND content_id = i.content_id AND resolved_at IS NULL OFFSET 0) d";

void dead_letters_add(
    struct call *c, const struct scope *scope, struct pg_param ids)
{
    call_stmt(c, lookup_sql, true);
    call_add_text(c, scope->tenant);
    call_add_text(c, scope->service);
    call_add(c, ids);
    call_add(c, (struct pg_param){.type = PG_BYTEA,
                    .data = scope->fingerprint,
                    .len = SHA256_BYTES,
                    .binary = true});
}

int dead_letters_take(const struct pg_result *r, struct lookup_req *req)
{
    req->nletters = (size_t)pg_rows(r);
    req->letters =
        arena_calloc(req->arena, req->nletters, sizeof(req->letters[0]));
    if (req->letters == NULL)
        return ERR_NOMEM;
    for (int i = 0; i < pg_rows(r); i++) {
        struct open_letter *letter = &req->letters[i];
        struct str digest = pg_value(r, i, 2);

        letter->item = (uint32_t)call_int_binary(r, i, 0);
        letter->known = pg_value(r, i, 1).p[0] != 0;
        if (digest.len == SHA256_BYTES)
            memcpy(letter->digest, digest.p, SHA256_BYTES);
    }
    return 0;
}

/* --- due --- */

enum {
    DUE_BYTES = 8 * 1024 * 1024, /* a batch; one item may have more */
    DUE_MOST = 64 * 1024 * 1024
};

static const char due_sql[] =
    "SELECT digest, payload FROM (SELECT digest, payload,"
    "   sum(octet_length(payload)) OVER (ORDER BY digest) AS bytes,"
    "   row_number() OVER (ORDER BY digest) AS nth"
    "  FROM (SELECT digest, payload FROM @.batch_sync_dead_letters"
    "   WHERE tenant_id = $1 AND service = $2 AND passing"
    "   AND resolved_at IS NULL AND content_id IS NOT NULL"
    "   AND (next_try <= now() OR recipe IS DISTINCT FROM $3)"
    "   AND NOT superseded"
    "   AND ($4 IS NULL OR digest > $4) ORDER BY digest LIMIT $5) d) b"
    " WHERE bytes <= $6 OR nth = 1 ORDER BY digest";

static int dead_letters_take_due(
    struct due_letters_req *req, const struct pg_result *r)
{
    struct buf json;

    req->n = (size_t)pg_rows(r);
    req->digests = arena_calloc(req->arena, req->n, SHA256_BYTES);
    buf_init(&json, DUE_MOST);
    buf_puts(&json, "{\"data\":[");
    for (int i = 0; i < pg_rows(r) && req->digests != NULL; i++) {
        struct str digest = pg_value(r, i, 0);

        if (digest.len == SHA256_BYTES)
            memcpy(req->digests[i], digest.p, SHA256_BYTES);
        buf_puts(&json, i > 0 ? "," : "");
        buf_str(&json, pg_value(r, i, 1));
    }
    buf_puts(&json, "]}");
    req->json =
        json.error != 0 ? STR("") : arena_dup(req->arena, buf_view(&json));
    buf_free(&json);
    return req->digests == NULL || req->json.len == 0 || req->json.p == NULL
               ? ERR_NOMEM
               : 0;
}

static void on_dead_letters_due(struct call *c)
{
    struct due_letters_req *req =
        container_of(c->op, struct due_letters_req, op);
    struct err err = {.code = 0};

    if (dead_letters_take_due(req, c->pg.results[0]) < 0)
        err_set(&err, ERR_NOMEM, "no memory for dead letters that are due");
    call_end(c, &err);
}

static void dead_letters_add_digest(struct call *c, const uint8_t *digest)
{
    call_add(c, (struct pg_param){.type = PG_BYTEA,
                    .data = digest,
                    .len = SHA256_BYTES,
                    .binary = true});
}

void dead_letters_due(
    struct pg_pool *pool, struct loop *loop, struct due_letters_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, on_dead_letters_due, 0);

    req->n = 0;
    call_stmt(c, due_sql, true);
    call_add_text(c, req->scope->tenant);
    call_add_text(c, req->scope->service);
    dead_letters_add_digest(c, req->scope->fingerprint);
    dead_letters_add_digest(c, req->after);
    call_add_int(c, req->limit);
    call_add_int(c, DUE_BYTES);
    call_send(c);
}

/* --- retry --- */

/* Letters older than the `registered` column are matched by schema name. */
static const char retry_sql[] =
    "WITH t AS (UPDATE @.batch_sync_dead_letters SET recipe = NULL"
    "  WHERE tenant_id = $1 AND resolved_at IS NULL"
    "  AND (cardinality($2) = 0 OR service = ANY ($2)"
    "   OR registered = ANY ($2))"
    "  AND (cardinality($3) = 0 OR content_id = ANY ($3))"
    "  AND ($4 IS NULL OR " LETTER_KIND " = $4)"
    "  RETURNING coalesce(registered, service) AS name)"
    " SELECT name, count(*) FROM t GROUP BY name ORDER BY name";

static struct pg_param dead_letters_names_param(
    struct call *c, const char **names, size_t n)
{
    struct pg_array a;
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += strlen(names[i]);
    if (array_init(&a, &c->arena, PG_TEXT_ARRAY, 0, n, bytes) < 0)
        abort();
    for (size_t i = 0; i < n; i++)
        array_add(&a, str_of(names[i]));
    return array_param(&a);
}

static void on_dead_letters_marked(struct call *c)
{
    struct retry_letters_req *req =
        container_of(c->op, struct retry_letters_req, op);
    const struct pg_result *r = c->pg.results[0];
    struct err err = {.code = 0};

    req->names =
        arena_calloc(req->arena, (size_t)pg_rows(r), sizeof(req->names[0]));
    for (int i = 0; req->names != NULL && i < pg_rows(r); i++) {
        req->names[req->nnames++] = arena_dup(req->arena, pg_value(r, i, 0)).p;
        req->letters += (uint64_t)call_int(r, i, 1);
    }
    if (req->names == NULL)
        err_set(&err, ERR_NOMEM, "retry of dead letters");
    call_end(c, &err);
}

void dead_letters_retry(
    struct pg_pool *pool, struct loop *loop, struct retry_letters_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, on_dead_letters_marked, 1);

    req->letters = req->nnames = 0;
    call_stmt(c, retry_sql, false);
    call_add_text(c, req->tenant);
    call_add(c, dead_letters_names_param(c, req->services, req->nservices));
    call_add(c, dead_letters_names_param(c, req->ids, req->nids));
    call_add_text(c, req->kind);
    call_send(c);
}
