/*
 * Making sure of the full-text index.
 *
 * Happy path: look; nothing is there: raise the session's memory, build, reset,
 * look again. CREATE INDEX CONCURRENTLY goes alone, by the simple protocol, and
 * without a time limit. Its name has a digest of what it is of, so that another
 * language makes another index; when that is there, the former one is dropped.
 *
 *   LOOK --> TUNE --> BUILD --> RESET --> LOOK --> DROP (a former one) --> LOOK
 *     \--> SETTLE (an invalid one of its name) --> LOOK        \--> done
 *
 * Failures: a second builder finds the name taken, waits for the first one's
 * lock (SETTLE) and looks again. Without the rights the message names the
 * command. On cancel: the server stops building and leaves an invalid index,
 * which SETTLE drops. Nothing is dropped that has not our prefix.
 */
#include "db/search/text_index.h"

#include "base/log.h"
#include "db/search/search_impl.h"
#include "db/search/text_language.h"
#include <stdio.h>
#include <stdlib.h>

enum { LOOKS = 10, NAME_BYTES = 512 };

enum text_index_stage {
    TEXT_INDEX_LOOK,
    TEXT_INDEX_SETTLE,
    TEXT_INDEX_TUNE,
    TEXT_INDEX_BUILD,
    TEXT_INDEX_RESET,
    TEXT_INDEX_DROP
};

static struct text_index_req *text_index_of(struct call *c)
{
    return store_work(c)->req;
}

static void text_index_fail(struct call *c, int code, const char *why)
{
    struct err err;

    err_set(&err, code, "there is no full-text index: %s", why);
    call_end(c, &err);
}

/* --- looking --- */

static const char look_sql[] =
    "WITH " TEXT_LANGUAGES ","
    " t AS (SELECT c.oid, c.relkind, c.relowner FROM pg_class c"
    "  WHERE c.oid = '@.vector_embeddings'::regclass),"
    " ours AS (SELECT c.relname, i.indisvalid FROM t"
    "  JOIN pg_index i ON i.indrelid = t.oid"
    "  JOIN pg_class c ON c.oid = i.indexrelid"
    "  WHERE starts_with(c.relname, '" TEXT_INDEX_PREFIX "'))"
    " SELECT w.name, w.expr,"
    " (SELECT o.indisvalid FROM ours o WHERE o.relname = w.name),"
    " pg_has_role(current_user, t.relowner, 'USAGE'), t.relkind = 'p',"
    " EXISTS (SELECT FROM @.vector_embeddings), quote_ident(current_user),"
    " (SELECT min(quote_ident(o.relname)) FROM ours o"
    "  WHERE o.relname <> w.name), pg_backend_pid()"
    " FROM wanted w, t";

static void text_index_look(struct call *c)
{
    struct text_index_req *req = text_index_of(c);

    req->stage = TEXT_INDEX_LOOK;
    call_stmt(c, look_sql, false);
    search_add_languages(c, req->languages, req->nlanguages);
    call_send(c);
}

static const char *text_index_keep(struct call *c, int column)
{
    struct text_index_req *req = text_index_of(c);
    const struct pg_result *r = c->pg.results[0];
    struct str copy;

    if (pg_is_null(r, 0, column))
        return NULL;
    copy = arena_dup(req->arena, pg_value(r, 0, column));
    if (copy.p == NULL)
        abort();
    return copy.p;
}

static bool text_index_is_true(struct call *c, int column)
{
    return pg_value(c->pg.results[0], 0, column).p[0] == 't';
}

/* --- scripts --- */

/* In the call's arena. */
static char *text_index_text(struct call *c, size_t size)
{
    char *text = arena_alloc(&c->arena, size);

    if (text == NULL)
        abort();
    return text;
}

static const char *text_index_sql(struct call *c)
{
    const struct text_index_req *req = text_index_of(c);
    size_t size = strlen(req->expr) + NAME_BYTES;
    char *sql = text_index_text(c, size);

    snprintf(sql, size,
        "CREATE INDEX CONCURRENTLY %s ON @.vector_embeddings USING gin ((%s))"
        " WITH (gin_pending_list_limit = 512)",
        req->name, req->expr);
    return sql;
}

/*
 * The builder holds this lock until the index is done. LOCK waits without a
 * snapshot, which the builder would have to wait for. The random sleep keeps
 * two waiters from racing again.
 */
static void text_index_settle(struct call *c)
{
    struct text_index_req *req = text_index_of(c);
    size_t size = 2 * NAME_BYTES;
    char *script = text_index_text(c, size);

    req->stage = TEXT_INDEX_SETTLE;
    log_info(NULL, "another process builds the full-text index, or was stopped "
                   "at it: waiting until that is known");
    snprintf(script, size,
        "BEGIN; SET LOCAL statement_timeout = 0;"
        " LOCK TABLE @.vector_embeddings IN SHARE UPDATE EXCLUSIVE MODE;"
        " SET LOCAL lock_timeout = '10s';"
        " DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_index"
        "  WHERE indexrelid = to_regclass('@.%s')"
        "  AND indrelid = '@.vector_embeddings'::regclass AND NOT indisvalid)"
        " THEN DROP INDEX @.%s; END IF; END $$;"
        " COMMIT; SELECT pg_sleep(random())",
        req->name, req->name);
    call_send_script(c, script);
}

static void text_index_drop(struct call *c)
{
    struct text_index_req *req = text_index_of(c);
    char *script = text_index_text(c, NAME_BYTES);

    req->stage = TEXT_INDEX_DROP;
    c->pg.timeout_ms = 0;
    snprintf(script, NAME_BYTES, "DROP INDEX CONCURRENTLY IF EXISTS @.%s",
        req->surplus);
    call_send_script(c, script);
}

/* Behind a pooler a session is shared, and stays as it is. */
static void text_index_tune(struct call *c)
{
    struct text_index_req *req = text_index_of(c);

    req->stage = TEXT_INDEX_TUNE;
    log_info(NULL, "building the full-text index");
    call_stmt(c,
        req->pooled
            ? "SELECT 1"
            : "SELECT set_config('statement_timeout', '0', false),"
              " set_config('lock_timeout', '0', false),"
              " set_config('maintenance_work_mem', greatest(setting::int8,"
              "  least(262144, e.cache / 4))::text || 'kB', false)"
              " FROM pg_settings, (SELECT setting::int8 * 8 AS cache"
              "  FROM pg_settings WHERE name = 'effective_cache_size') e"
              " WHERE name = 'maintenance_work_mem'",
        false);
    req->session = !req->pooled;
    call_send(c);
}

static void text_index_build(struct call *c)
{
    text_index_of(c)->stage = TEXT_INDEX_BUILD;
    c->pg.timeout_ms = 0;
    call_send_script(c, text_index_sql(c));
}

static void text_index_reset(struct call *c)
{
    struct text_index_req *req = text_index_of(c);

    req->stage = TEXT_INDEX_RESET;
    if (req->session) {
        call_stmt(c, "RESET statement_timeout", false);
        call_stmt(c, "RESET lock_timeout", false);
        call_stmt(c, "RESET maintenance_work_mem", false);
    } else {
        call_stmt(c, "SELECT 1", false);
    }
    req->session = false;
    call_send(c);
}

/* --- deciding --- */

static void text_index_lack_rights(struct call *c)
{
    char why[ERR_MSG_BYTES];

    snprintf(why, sizeof(why),
        "role %s may not build it; the owner of vector_embeddings may: %s",
        text_index_of(c)->role, call_sql(c, text_index_sql(c)));
    text_index_fail(c, ERR_CONFIG, why);
}

static void text_index_lack_plain_table(struct call *c)
{
    char why[ERR_MSG_BYTES];

    snprintf(why, sizeof(why),
        "vector_embeddings is partitioned, and is not locked against writers "
        "for that; at a quiet time: CREATE INDEX %s ON vector_embeddings USING "
        "gin ((%s));",
        text_index_of(c)->name, text_index_of(c)->expr);
    text_index_fail(c, ERR_CONFIG, why);
}

static void text_index_looked(struct call *c)
{
    struct text_index_req *req = text_index_of(c);
    const struct pg_result *r = c->pg.results[0];
    bool named = !pg_is_null(r, 0, 2), valid = text_index_is_true(c, 2);
    bool owner = text_index_is_true(c, 3), rows = text_index_is_true(c, 5);
    bool partitioned = text_index_is_true(c, 4);

    req->name = text_index_keep(c, 0);
    req->expr = text_index_keep(c, 1);
    req->role = text_index_keep(c, 6);
    req->surplus = text_index_keep(c, 7);
    req->pooled = call_int(r, 0, 8) != c->pg.backend_pid;
    if (valid && req->surplus != NULL && owner && !partitioned &&
        ++req->tries < LOOKS)
        text_index_drop(c);
    else if (valid || !rows)
        call_end(c, NULL);
    else if (partitioned)
        text_index_lack_plain_table(c);
    else if (!owner)
        text_index_lack_rights(c);
    else if (++req->tries >= LOOKS)
        text_index_fail(
            c, ERR_DATABASE, "it could not be built after 10 attempts");
    else if (named)
        text_index_settle(c);
    else
        text_index_tune(c);
}

static void text_index_take(struct call *c)
{
    struct text_index_req *req = text_index_of(c);

    switch (req->stage) {
    case TEXT_INDEX_LOOK:
        text_index_looked(c);
        break;
    case TEXT_INDEX_TUNE:
        text_index_build(c);
        break;
    case TEXT_INDEX_BUILD:
        req->built = true;
        log_info(NULL, "the full-text index is built");
        text_index_reset(c);
        break;
    case TEXT_INDEX_RESET:
        if (req->err.code != 0)
            call_end(c, &req->err);
        else
            text_index_look(c);
        break;
    default:
        text_index_look(c);
    }
}

/* Somebody else was at it: 42P07 the name is taken, 40P01 a deadlock, 42704 it
 * is gone already. */
static bool text_index_was_other(const struct call *c)
{
    static const char *const states[] = {"42P07", "40P01", "42704"};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(c->pg.sqlstate, states[i]) == 0)
            return true;
    }
    return false;
}

static bool text_index_failed(struct call *c)
{
    struct text_index_req *req = text_index_of(c);

    if (req->stage == TEXT_INDEX_BUILD && c->pg.sqlstate[0] != '\0') {
        if (!text_index_was_other(c))
            req->err = c->pg.op.err;
        text_index_reset(c);
        return true;
    }
    if (text_index_was_other(c) && req->tries < LOOKS) {
        text_index_look(c);
        return true;
    }
    call_end(c, &c->pg.op.err);
    return true;
}

static void text_index_begin(struct call *c)
{
    c->on_error = text_index_failed;
    text_index_look(c);
}

void text_index_ensure(struct store *s, struct text_index_req *req)
{
    req->built = req->session = false;
    req->tries = 0;
    err_clear(&req->err);
    store_start(s, &req->op, req, text_index_begin, text_index_take);
}
