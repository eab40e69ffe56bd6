/*
 * The beginning of a service: the rows that its rows hang on are there, and
 * what has to be known of the table and of earlier runs.
 *
 * Happy path: a statement that only reads finds the microservice's row as it
 * should be, and nothing else to do; another one asks what the table is, unless
 * that was asked a moment ago, for another service. Else a transaction writes
 * what is missing and, where the first one has seen that there is any, forgets
 * what the schema no longer asks for and counts what another model has
 * embedded. Failures: the transaction's; it is repeated when two of them met,
 * because the loser then sees neither row of its own nor the winner's. On
 * cancel: as db/call.h has it.
 */
#include "db/store/store_impl.h"

#include "db/graph/declared/links.h"
#include "db/ledger/delete_marks.h"
#include "db/store/copy/store_copy.h"
#include "db/store/store_model.h"
#include "db/store/store_verify.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPEN_TRIES = 5 };

/* What is known of the table is as good for services that begin so soon. */
enum { TABLE_FRESH_MS = 2000 };

/* What a service may lack: its rows, as they should be; forgetting what its
 * schema no longer asks for; a count of what another model has embedded. */
enum store_open_lacks {
    OPEN_ROWS = 1,
    OPEN_SEEN = 2,
    OPEN_TOLD = 4,
    OPEN_LINKS = 8,
    OPEN_COUNTED = 16
};

/* Of the microservice $2 of the tenant $1. */
#define OPEN_LETTERS                                   \
    " EXISTS (SELECT 1 FROM @.batch_sync_dead_letters" \
    "  WHERE tenant_id = $1 AND service = $2"          \
    "  AND content_id IS NOT NULL AND resolved_at IS NULL)"

/* "devlab-service" becomes "Devlab Service". */
static char *store_display_name(struct arena *a, const char *service)
{
    char *name = (char *)arena_dup(a, str_of(service)).p;
    bool start = true;

    if (name == NULL)
        abort();
    for (char *c = name; *c != '\0'; c++) {
        if (*c == '-' || *c == '_')
            *c = ' ';
        else if (start)
            *c = (char)toupper((unsigned char)*c);
        start = *c == ' ';
    }
    return name;
}

static char *store_describe(struct arena *a, const char *service)
{
    size_t size = strlen(service) + sizeof("Data from ");
    char *text = arena_alloc(a, size);

    if (text == NULL)
        abort();
    snprintf(text, size, "Data from %s", service);
    return text;
}

/*
 * A tenant's domain is unique, and another tenant may have the one that ours
 * would get: it gets none, or, where the column takes no NULL, is not made, and
 * the last column says whose it is.
 */
#define OPEN_DOMAIN                                                    \
    "CASE WHEN EXISTS (SELECT 1 FROM @.tenants WHERE domain = $1)"     \
    " AND NOT (SELECT attnotnull FROM pg_attribute"                    \
    "  WHERE attrelid = '@.tenants'::regclass AND attname = 'domain')" \
    " THEN NULL ELSE $1 END"

static const char open_sql[] =
    "WITH t AS ("
    " INSERT INTO @.tenants (id, name, domain, settings, created_at,"
    "  updated_at)"
    " SELECT $1, $1, " OPEN_DOMAIN ", '{}', now() AT TIME ZONE 'UTC',"
    "  now() AT TIME ZONE 'UTC'"
    " WHERE NOT EXISTS (SELECT 1 FROM @.tenants WHERE id = $1)"
    " ON CONFLICT DO NOTHING RETURNING id),"
    "m AS ("
    " INSERT INTO @.microservices (id, tenant_id, name, service_id,"
    "  display_name, description, version, is_active, settings, metadata,"
    "  created_at, updated_at)"
    " SELECT gen_random_uuid()::text, $1, $2, $2 || '-' || $1, $3, $4, $5,"
    "  true, '{}', '{}', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'"
    " WHERE NOT EXISTS (SELECT 1 FROM @.microservices"
    "  WHERE tenant_id = $1 AND name = $2"
    "  AND description IS NOT DISTINCT FROM $4"
    "  AND version IS NOT DISTINCT FROM $5)"
    "  AND (EXISTS (SELECT 1 FROM t)"
    "   OR EXISTS (SELECT 1 FROM @.tenants WHERE id = $1))"
    " ON CONFLICT (tenant_id, name) DO UPDATE SET"
    "  description = excluded.description, version = excluded.version,"
    "  updated_at = excluded.updated_at"
    " RETURNING id) "
    "SELECT (SELECT id FROM m UNION ALL SELECT id FROM @.microservices"
    "  WHERE tenant_id = $1 AND name = $2 LIMIT 1)," OPEN_LETTERS
    ", (SELECT id FROM @.tenants WHERE domain = $1 AND id <> $1)";

/* The unique service_id is another row's. */
static bool store_open_failed(struct call *c)
{
    const struct store_open_req *req = store_work(c)->req;

    if (strcmp(c->pg.sqlstate, "23505") == 0)
        err_set(&c->pg.op.err, ERR_CONFIG,
            "microservices.service_id '%s-%s' belongs to another service or "
            "tenant: give that row another service_id",
            req->service, req->tenant);
    return false;
}

static void store_open_lacks_row(struct call *c)
{
    const struct store_open_req *req = store_work(c)->req;
    const char *holder = pg_value(c->pg.results[0], 0, 2).p;
    struct err err;

    if (holder[0] == '\0') {
        store_fail(c, ERR_UNAVAILABLE, "the microservice's row is not there");
        return;
    }
    err_set(&err, ERR_CONFIG,
        "tenants.domain '%s' belongs to tenant %s, so that tenant %s cannot be "
        "created: set DEFAULT_TENANT_ID=%s, or give that row another domain",
        req->tenant, holder, req->tenant, holder);
    call_end(c, &err);
}

static void store_open_add_words(
    struct call *c, const struct store_open_req *req)
{
    call_add_text(c, req->description != NULL
                         ? req->description
                         : store_describe(&c->arena, req->service));
    call_add_text(c, req->version != NULL ? req->version : "1.0.0");
}

static void store_open_send(struct call *c)
{
    const struct store_open_req *req = store_work(c)->req;
    unsigned lacks = store_work(c)->lacks;

    c->on_error = store_open_failed;
    call_stmt(c, open_sql, false);
    call_add_text(c, req->tenant);
    call_add_text(c, req->service);
    call_add_text(c, store_display_name(&c->arena, req->service));
    store_open_add_words(c, req);
    if (lacks & OPEN_COUNTED)
        store_add_model(c, req);
    if (lacks & OPEN_SEEN)
        seen_add_forget(c, req->tenant, req->service);
    if (lacks & OPEN_TOLD)
        tombstone_add_forget(c, req->tenant, req->service);
    if (lacks & OPEN_LINKS)
        links_add_forget(c, req->tenant, req->service);
    call_send(c);
}

static void store_open_take_row(
    struct store_open_req *req, const struct pg_result *r)
{
    call_copy(r, 0, 0, req->microservice_id, sizeof(req->microservice_id));
    req->has_letters = pg_value(r, 0, 1).p[0] == 't';
}

static void store_open_take(struct call *c)
{
    struct store_open_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[0];

    if (!pg_is_null(r, 0, 0)) {
        store_open_take_row(req, r);
        store_take_model(
            store_work(c)->lacks & OPEN_COUNTED ? c->pg.results[1] : NULL, req);
        call_end(c, NULL);
    } else if (store_work(c)->tries++ < OPEN_TRIES) {
        store_open_send(c);
    } else {
        store_open_lacks_row(c);
    }
}

/* --- as it should be --- */

/* What the table is, and whether any run was of another model. */
static const char table_sql[] =
    "SELECT " VERIFY_NEEDED "," STORE_COPIES ","
    " EXISTS (SELECT 1 FROM @.batch_sync_runs x"
    "  WHERE (x.provider, x.model, x.dimensions) <> ($1, $2, $3::int8)),"
    " pg_backend_pid()";

/*
 * No COPY through a pooler: when the server refuses one in mid-way, its answer
 * may give the connection back before the end of the data has come, for which
 * the pooler then waits at the next one for ever.
 */
static void store_open_take_table(struct store *s, const struct call *c)
{
    const struct pg_result *r = c->pg.results[1];
    bool pooled = call_int(r, 0, 3) != c->pg.backend_pid;

    s->verifies = pg_value(r, 0, 0).p[0] == 't';
    s->copies =
        pg_value(r, 0, 1).p[0] == 't' && !pooled && !store_copy_is_barred(s);
    s->remodeled = pg_value(r, 0, 2).p[0] == 't';
    s->asked_ms = loop_now_ms(s->loop);
}

#define AS_IT_IS                                                         \
    "SELECT m.id," OPEN_LETTERS ","                                      \
    " m.description IS NOT DISTINCT FROM $3"                             \
    "  AND m.version IS NOT DISTINCT FROM $4,"                           \
    " EXISTS (SELECT 1"                                                  \
    "  FROM @.batch_sync_passes p WHERE p.tenant_id = $1"                \
    "  AND p.microservice_id = m.id),"                                   \
    " EXISTS (SELECT 1 FROM @.batch_sync_links l WHERE l.tenant_id = $1" \
    "  AND l.microservice_id = m.id AND l.wanted),"                      \
    " EXISTS (SELECT 1 FROM @.batch_sync_tombstones t"                   \
    "  WHERE t.tenant_id = $1 AND t.microservice_id = m.id)"
#define OF_SERVICE " WHERE m.tenant_id = $1 AND m.name = $2"

enum { RIGHT = 2, PASSES, LINKS, TOLD, OTHERS }; /* columns */

static const char as_it_is_sql[] =
    AS_IT_IS ", false FROM @.microservices m" OF_SERVICE;

static const char as_it_is_remodeled_sql[] = AS_IT_IS
    ", " STORE_MODEL_OTHERS
    " FROM @.microservices m, (SELECT $1 AS tenant_id, $5 AS service,"
    "  $6 AS provider, $7 AS model, $8::int8 AS dimensions) me" OF_SERVICE;

/* Of enum store_open_lacks. A service without a row has nothing to forget, and
 * no item to count; no run of another model, nothing to count either. */
static unsigned store_open_lacks(
    const struct store_open_req *req, const struct pg_result *r, bool uncounted)
{
    unsigned lacks = 0;

    if (pg_rows(r) == 0)
        return OPEN_ROWS;
    if (pg_value(r, 0, RIGHT).p[0] != 't')
        lacks |= OPEN_ROWS;
    if (req->forget_seen && pg_value(r, 0, PASSES).p[0] == 't')
        lacks |= OPEN_SEEN;
    if (req->forget_links && pg_value(r, 0, LINKS).p[0] == 't')
        lacks |= OPEN_LINKS;
    if (req->forget_told && pg_value(r, 0, TOLD).p[0] == 't')
        lacks |= OPEN_TOLD;
    if (uncounted || pg_value(r, 0, OTHERS).p[0] == 't')
        lacks |= OPEN_COUNTED;
    return lacks;
}

static void store_open_take_as_it_is(struct call *c)
{
    struct store_work *w = store_work(c);
    struct store_open_req *req = w->req;
    bool knew = c->pg.results[1] == NULL;

    if (!knew)
        store_open_take_table(w->store, c);
    w->lacks =
        store_open_lacks(req, c->pg.results[0], !knew && w->store->remodeled);
    if (w->lacks != 0) {
        w->take = store_open_take;
        store_open_send(c);
        return;
    }
    store_open_take_row(req, c->pg.results[0]);
    store_take_model(NULL, req);
    call_end(c, NULL);
}

static void store_open_add_model(
    struct call *c, const struct store_open_req *req)
{
    call_add_text(c, req->provider);
    call_add_text(c, req->model);
    call_add_int(c, req->dimensions);
}

static void store_open_send_as_it_is(struct call *c)
{
    const struct store *s = store_work(c)->store;
    const struct store_open_req *req = store_work(c)->req;
    bool knows =
        s->asked_ms != 0 && loop_now_ms(s->loop) - s->asked_ms < TABLE_FRESH_MS;
    bool remodeled = knows && s->remodeled;

    call_stmt(c, remodeled ? as_it_is_remodeled_sql : as_it_is_sql, false);
    call_add_text(c, req->tenant);
    call_add_text(c, req->service);
    store_open_add_words(c, req);
    if (remodeled) {
        call_add_text(c, req->registered);
        store_open_add_model(c, req);
    }
    if (!knows) {
        call_stmt(c, table_sql, false);
        store_open_add_model(c, req);
    }
    call_send(c);
}

void store_open(struct store *s, struct store_open_req *req)
{
    store_start(
        s, &req->op, req, store_open_send_as_it_is, store_open_take_as_it_is);
}
