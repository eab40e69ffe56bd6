/*
 * Happy path: each request is one statement. Failures: its errors are passed
 * on. On cancel: see db/call.h.
 */
#include "db/limits/limits.h"

enum { SAVE_TIMEOUT_MS = 5000 }; /* the end of a process waits for it */

static const char *const limit_names[EMBED_LIMITS] = {
    [LIMIT_INPUTS] = "inputs",
    [LIMIT_TOKENS] = "tokens",
    [LIMIT_PROVEN] = "proven",
};

static void limits_add_key(struct call *c, const struct limits_key *key)
{
    call_add_text(c, key->address);
    call_add_text(c, key->model);
    call_add_text(c, key->settings);
}

/* --- load --- */

/* A clock that was set back makes nothing younger than now. */
static const char load_sql[] =
    "SELECT kind, value,"
    " greatest(extract(epoch FROM now() - learnt_at) * 1000, 0)::int8"
    " FROM @.batch_sync_limits WHERE address = $1 AND model = $2"
    " AND settings IN ('', $3)";

static void limits_take(struct embed_limits *known, const struct pg_result *r)
{
    for (int row = 0; row < pg_rows(r); row++)
        for (int i = 0; i < EMBED_LIMITS; i++)
            if (str_eq(pg_value(r, row, 0), str_of(limit_names[i]))) {
                known->value[i] = (uint64_t)call_int(r, row, 1);
                known->age_ms[i] = (uint64_t)call_int(r, row, 2);
            }
}

static void on_limits_loaded(struct call *c)
{
    struct limits_load_req *req =
        container_of(c->op, struct limits_load_req, op);

    limits_take(&req->known, c->pg.results[0]);
    call_end(c, NULL);
}

void limits_load(
    struct pg_pool *pool, struct loop *loop, struct limits_load_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, on_limits_loaded, 0);

    req->known = (struct embed_limits){.value = {0}};
    call_stmt(c, load_sql, false);
    limits_add_key(c, &req->key);
    call_send(c);
}

/* --- save --- */

static const char save_sql[] =
    "INSERT INTO @.batch_sync_limits AS l"
    " (address, model, settings, kind, value) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (address, model, kind, settings)"
    " DO UPDATE SET value = excluded.value, learnt_at = now()";
static const char drop_sql[] =
    "DELETE FROM @.batch_sync_limits WHERE address = $1 AND model = $2"
    " AND settings = $3 AND kind = $4";

static void on_limits_saved(struct call *c)
{
    call_end(c, NULL);
}

void limits_save(
    struct pg_pool *pool, struct loop *loop, struct limits_save_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, on_limits_saved, 0);
    struct limits_key key = req->key;

    c->pg.timeout_ms = SAVE_TIMEOUT_MS;
    if (req->limit != LIMIT_PROVEN)
        key.settings = "";
    call_stmt(c, req->value > 0 ? save_sql : drop_sql, false);
    limits_add_key(c, &key);
    call_add_text(c, limit_names[req->limit]);
    if (req->value > 0)
        call_add_int(c, (int64_t)req->value);
    call_send(c);
}

/* --- list and forget --- */

#define LIMITS_CHOSEN                                              \
    " FROM @.batch_sync_limits WHERE ($1 IS NULL OR address = $1)" \
    " AND ($2 IS NULL OR model = $2)"
#define LIMITS_COLUMNS " address, model, kind, settings, value, learnt_at"
#define LIMITS_JSON                                                        \
    "SELECT coalesce(json_agg(json_build_object('address', address,"       \
    " 'model', model, 'kind', kind, 'settings', settings, 'value', value," \
    " 'learntAt', to_char(learnt_at AT TIME ZONE 'UTC',"                   \
    "  'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))"                              \
    " ORDER BY address, model, kind, settings), '[]')"

static const char list_sql[] = LIMITS_JSON LIMITS_CHOSEN;
static const char forget_sql[] =
    "WITH gone AS (DELETE" LIMITS_CHOSEN " RETURNING" LIMITS_COLUMNS
    ") " LIMITS_JSON " FROM gone";

static void on_limits_listed(struct call *c)
{
    struct limits_list_req *req =
        container_of(c->op, struct limits_list_req, op);
    struct str text = pg_value(c->pg.results[0], 0, 0);
    struct err err = {.code = 0};

    req->list = json_loadb(text.p, text.len, 0, NULL);
    if (req->list == NULL)
        err_set(&err, ERR_NOMEM, "no memory for the limits");
    call_end(c, &err);
}

void limits_list(
    struct pg_pool *pool, struct loop *loop, struct limits_list_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, on_limits_listed, 0);

    req->list = NULL;
    call_stmt(c, req->forget ? forget_sql : list_sql, false);
    call_add_text(c, req->address);
    call_add_text(c, req->model);
    call_send(c);
}
