#include "db/table_schema.h"

#include <stdlib.h>

struct schema_question {
    struct pg_stmt stmts[2];
    struct pg_param path;
    /* What the request is about otherwise. */
    const struct pg_stmt *kept_stmts;
    const char *kept_script;
    enum pg_copy_step (*kept_copy)(struct pg_req *req, int at, struct buf *out);
    int kept_nstmts, kept_timeout_ms;
};

enum { FIND_TIMEOUT_MS = 10 * 1000 };

/*
 * A schema that is not there, or that the role may not use, is not in
 * current_schemas().
 */
static const char find_sql[] =
    "WITH s AS (SELECT quote_ident(n.nspname) AS name, u.at,"
    "  EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = n.oid"
    "   AND c.relname = 'vector_embeddings'"
    "   AND c.relkind IN ('r', 'p', 'v', 'm', 'f')) AS holds,"
    "  has_schema_privilege(n.oid, 'CREATE') AS creates"
    " FROM unnest(current_schemas(false)) WITH ORDINALITY AS u (name, at)"
    " JOIN pg_namespace n ON n.nspname = u.name)"
    "SELECT (SELECT count(*) FROM s WHERE holds),"
    " (SELECT string_agg(name, ', ' ORDER BY at) FROM s WHERE holds),"
    " (SELECT name FROM s WHERE creates ORDER BY at LIMIT 1),"
    " (SELECT name FROM s ORDER BY at LIMIT 1),"
    " current_setting('search_path'), quote_ident(current_user)";

struct schema_question *table_schema_ask(
    struct arena *arena, const struct pg_pool *pool, struct pg_req *req)
{
    struct schema_question *f = arena_calloc(arena, 1, sizeof(*f));
    const char *path = pg_pool_path(pool);

    if (f == NULL)
        abort();
    f->kept_stmts = req->stmts;
    f->kept_script = req->script;
    f->kept_copy = req->copy_next;
    f->kept_nstmts = req->nstmts;
    f->kept_timeout_ms = req->timeout_ms;
    f->path = (struct pg_param){.type = PG_TEXT, .data = path};
    f->stmts[0] =
        (struct pg_stmt){.sql = "SELECT set_config('search_path', $1, true)",
            .params = &f->path,
            .nparams = 1};
    f->stmts[1] = (struct pg_stmt){.sql = find_sql};
    req->stmts = path != NULL ? f->stmts : f->stmts + 1;
    req->nstmts = path != NULL ? 2 : 1;
    req->script = NULL;
    req->copy_next = NULL;
    req->timeout_ms = FIND_TIMEOUT_MS;
    return f;
}

/* There is none that can be used: what gives the role one? What DATABASE_URL
 * asks for is not shown: a query may hold what was meant for another place. */
static int lack_schema(
    const struct pg_pool *pool, const struct pg_result *r, struct err *err)
{
    const char *first = pg_value(r, 0, 3).p, *role = pg_value(r, 0, 5).p;
    const char *path = pg_pool_path(pool) != NULL ? "the one of DATABASE_URL"
                                                  : pg_value(r, 0, 4).p;

    if (first[0] != '\0')
        return err_set(err, ERR_CONFIG,
            "role %s may not create tables in a schema of its search_path "
            "(%s): GRANT CREATE ON SCHEMA %s TO %s; or name another schema in "
            "DATABASE_URL by ?schema=NAME",
            role, path, first, role);
    return err_set(err, ERR_CONFIG,
        "no schema of the search_path (%s) is there, or role %s may not use "
        "it: CREATE SCHEMA NAME AUTHORIZATION %s; and name it in DATABASE_URL "
        "by ?schema=NAME",
        path, role, role);
}

static int table_schema_choose(
    struct pg_pool *pool, const struct pg_result *r, struct err *err)
{
    const char *holders = pg_value(r, 0, 1).p, *creates = pg_value(r, 0, 2).p;
    bool one = str_eq(pg_value(r, 0, 0), STR("1"));

    if (holders[0] != '\0' && !one)
        return err_set(err, ERR_CONFIG,
            "vector_embeddings is in several schemas of the search_path (%s): "
            "name one of them in DATABASE_URL by ?schema=NAME",
            holders);
    if (!one && creates[0] == '\0')
        return lack_schema(pool, r, err);
    pg_pool_set_schema(pool, one ? holders : creates);
    return 0;
}

int table_schema_found(struct schema_question *f, struct pg_pool *pool,
    struct pg_req *req, struct err *err)
{
    if (err->code == 0)
        table_schema_choose(pool, req->results[req->nstmts - 1], err);
    req->stmts = f->kept_stmts;
    req->script = f->kept_script;
    req->copy_next = f->kept_copy;
    req->nstmts = f->kept_nstmts;
    req->timeout_ms = f->kept_timeout_ms;
    return err->code;
}
