/*
 * Making sure of the vector index.
 *
 * Happy path: look; nothing is there: see how large it will be, ask for what
 * building takes, build, tidy up (vector_index_build.c), look again.
 * CREATE INDEX CONCURRENTLY goes alone, by the simple protocol, as it must,
 * and without any time limit of ours.
 *
 *   LOOK --> SIZE --> TUNE --> BUILD --> TIDY --> LOOK --> done
 *     \--> SETTLE (an invalid one of our name) --> LOOK
 *     \--> TIDY (an index is there, and traces of its building) --> done
 *
 * Failures: two that build at once either find the other's index under way
 * (SETTLE waits for its lock), or the name taken, or one of them is ended as
 * a deadlock: each of them looks again. Where there is no room for workers it
 * is built without, and where there is none for memory with what the role has.
 * Without the rights the message names the role that has them, and the command.
 * On cancel: the server stops building and leaves an invalid index. SETTLE
 * takes the lock that every builder holds, so what is still invalid then has
 * been left for good, and drops it. Nothing else is ever dropped.
 */
#include "db/graph/vector_index_impl.h"

#include "base/log.h"
#include <stdio.h>

enum { LOOKS = 10, HNSW_DIMENSIONS = 2000 };

/* --- looking --- */

static void index_look(struct call *c)
{
    index_req_of(c)->stage = INDEX_LOOK;
    call_stmt(c,
        "WITH t AS (SELECT c.oid, c.relkind, c.relowner, c.reloptions,"
        "  a.attnum,"
        "  a.atttypmod FROM pg_class c JOIN pg_attribute a"
        "  ON a.attrelid = c.oid AND a.attname = 'embedding'"
        "  AND NOT a.attisdropped"
        "  WHERE c.oid = '@.vector_embeddings'::regclass),"
        "x AS (SELECT c.relname, i.indisvalid, i.indpred IS NULL"
        "  AND i.indkey[0] = t.attnum AND o.opcname = 'vector_cosine_ops'"
        "  AND am.amname IN ('hnsw', 'ivfflat') AS serves"
        "  FROM t JOIN pg_index i ON i.indrelid = t.oid"
        "  JOIN pg_class c ON c.oid = i.indexrelid"
        "  JOIN pg_am am ON am.oid = c.relam"
        "  JOIN pg_opclass o ON o.oid = i.indclass[0]),"
        "s AS MATERIALIZED"
        "  (SELECT EXISTS (SELECT 1 FROM x WHERE serves AND indisvalid)"
        "   OR (SELECT relkind FROM t) = 'p' AND NOT EXISTS (SELECT 1"
        "    FROM pg_partition_tree('@.vector_embeddings') p WHERE isleaf"
        "    AND NOT EXISTS (SELECT 1 FROM pg_index i"
        "     JOIN pg_class c ON c.oid = i.indexrelid"
        "     JOIN pg_am am ON am.oid = c.relam"
        "     JOIN pg_opclass o ON o.oid = i.indclass[0]"
        "     WHERE i.indrelid = p.relid AND i.indisvalid"
        "     AND i.indpred IS NULL AND o.opcname = 'vector_cosine_ops'"
        "     AND am.amname IN ('hnsw', 'ivfflat'))) AS yes)"
        "SELECT s.yes,"
        " (SELECT indisvalid FROM x WHERE relname = '" VECTOR_INDEX_NAME "'),"
        " pg_has_role(current_user, t.relowner, 'USAGE'),"
        " array_to_string(t.reloptions, ' ') LIKE '%parallel_workers=%',"
        " t.atttypmod, EXISTS (SELECT 1 FROM @.batch_sync_index_builds"
        "  WHERE index_name = '" VECTOR_INDEX_NAME "'),"
        " CASE WHEN s.yes THEN 0 ELSE (SELECT count(*) FROM"
        "  (SELECT 1 FROM @.vector_embeddings LIMIT $1) r) END,"
        " quote_ident(current_user), t.relkind = 'p' FROM t, s",
        false);
    call_add_int(c, INDEX_ROWS_FEW + 1);
    call_send(c);
}

static bool vector_index_is_true(const struct pg_result *r, int column)
{
    return pg_value(r, 0, column).p[0] == 't';
}

static void index_read_facts(struct call *c)
{
    struct index_facts *f = &index_req_of(c)->facts;
    const struct pg_result *r = c->pg.results[0];

    *f = (struct index_facts){.serves = vector_index_is_true(r, 0),
        .named = !pg_is_null(r, 0, 1),
        .named_valid = vector_index_is_true(r, 1),
        .owner = vector_index_is_true(r, 2),
        .tuned = vector_index_is_true(r, 3),
        .dimensions = (int)call_int(r, 0, 4),
        .marked = vector_index_is_true(r, 5),
        .rows = call_int(r, 0, 6),
        .partitioned = vector_index_is_true(r, 8)};
    call_copy(r, 0, 7, f->role, sizeof(f->role));
}

/* There can be no index: read a small table, and leave a large one alone. */
static void vector_index_do_without(struct call *c, const char *why)
{
    struct index_req *req = index_req_of(c);
    struct err err;

    if (req->facts.rows > INDEX_ROWS_FEW) {
        err_set(&err, ERR_CONFIG, "there is no vector index: %s", why);
        call_end(c, &err);
        return;
    }
    if (!req->index->warned)
        log_warn(NULL, "there is no vector index: %s", why);
    req->index->warned = true;
    call_end(c, NULL);
}

static void vector_index_lack_rights(struct call *c)
{
    char why[ERR_MSG_BYTES];

    snprintf(why, sizeof(why),
        "role %s may not build it; the owner of vector_embeddings may: %s",
        index_req_of(c)->facts.role, call_sql(c, vector_index_sql(c)));
    vector_index_do_without(c, why);
}

/* --- another process's build --- */

/*
 * The builder holds this lock until the index is done, so holding it means
 * that no process builds. LOCK waits without a snapshot, which the builder
 * would have to wait for; nothing that takes one may come before it. The random
 * sleep keeps two waiters from racing again.
 */
static const char settle_script[] =
    "BEGIN; SET LOCAL statement_timeout = 0;"
    " LOCK TABLE @.vector_embeddings IN SHARE UPDATE EXCLUSIVE MODE;"
    " SET LOCAL lock_timeout = '10s';"
    " DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_index"
    "  WHERE indexrelid = to_regclass('@." VECTOR_INDEX_NAME "')"
    "  AND indrelid = '@.vector_embeddings'::regclass AND NOT indisvalid)"
    " THEN DROP INDEX @." VECTOR_INDEX_NAME "; END IF; END $$;"
    " COMMIT; SELECT pg_sleep(random())";

static void index_settle(struct call *c)
{
    index_req_of(c)->stage = INDEX_SETTLE;
    log_info(NULL, "another process builds the vector index, or was stopped "
                   "at it: waiting until that is known");
    call_send_script(c, settle_script);
}

/* --- deciding --- */

/* The builder did not get to tidy up. Once is enough: when that fails, another
 * session is using the table. */
static void vector_index_remove_traces(struct call *c)
{
    struct index_req *req = index_req_of(c);

    req->index->tidied = req->leftover = true;
    vector_index_tidy(c);
}

/* This is not the time to build. A small table can be read all the same. */
static void vector_index_put_off(struct call *c)
{
    struct index_req *req = index_req_of(c);

    req->later = req->facts.rows > INDEX_ROWS_FEW;
    call_end(c, NULL);
}

static void index_decide(struct call *c)
{
    struct index_req *req = index_req_of(c);
    const struct index_facts *f = &req->facts;

    if (f->serves && f->marked && f->owner && !req->index->tidied)
        vector_index_remove_traces(c);
    else if (f->serves || f->rows < INDEX_ROWS_WORTH)
        call_end(c, NULL);
    else if (!req->builds)
        vector_index_put_off(c);
    else if (f->dimensions > HNSW_DIMENSIONS || f->dimensions < 1)
        vector_index_do_without(c,
            "vectors of more than 2000 dimensions, or of no fixed "
            "size, cannot have one");
    else if (f->partitioned)
        vector_index_do_without(c,
            "vector_embeddings is partitioned, and is not locked against "
            "writers for that; at a quiet time: CREATE INDEX ON "
            "vector_embeddings USING hnsw (embedding vector_cosine_ops);");
    else if (!f->owner)
        vector_index_lack_rights(c);
    else if (f->named && f->named_valid)
        vector_index_do_without(c, VECTOR_INDEX_NAME " is something else");
    else if (++req->tries == LOOKS)
        store_fail(c, ERR_DATABASE,
            "could not build the vector index after 10 attempts");
    else if (f->named)
        index_settle(c);
    else
        vector_index_size(c);
}

static void vector_index_tidied(struct call *c)
{
    struct index_req *req = index_req_of(c);

    if (req->err.code != 0 || req->leftover)
        call_end(c, &req->err);
    else
        index_look(c);
}

static void index_take(struct call *c)
{
    struct index_req *req = index_req_of(c);

    switch (req->stage) {
    case INDEX_LOOK:
        index_read_facts(c);
        index_decide(c);
        break;
    case INDEX_SETTLE:
        index_look(c);
        break;
    case INDEX_SIZE:
        vector_index_tune(c);
        break;
    case INDEX_TUNE:
        vector_index_build(c);
        break;
    case INDEX_BUILD:
        req->built = true;
        vector_index_tidy(c);
        break;
    case INDEX_TIDY:
        vector_index_tidied(c);
        break;
    }
}

/* Somebody else was building: 42P07 the name is taken, 40P01 a deadlock. */
static bool vector_index_was_other(const struct call *c)
{
    return strcmp(c->pg.sqlstate, "42P07") == 0 ||
           strcmp(c->pg.sqlstate, "40P01") == 0;
}

/* Another process has altered the table at the same moment: the server tells
 * one of the two to come again. */
static bool vector_index_was_raced(struct call *c)
{
    struct index_req *req = index_req_of(c);

    return strcmp(c->pg.sqlstate, "XX000") == 0 &&
           strstr(c->pg.op.err.msg, "tuple concurrently updated") != NULL &&
           ++req->tries < LOOKS;
}

/*
 * Class 53: of memory or disk. Workers share their memory, for which a
 * container has often no room: once more without them, and then with no more
 * memory than the role has anyway.
 */
static bool vector_index_was_crowded(struct call *c)
{
    struct index_req *req = index_req_of(c);

    if (strncmp(c->pg.sqlstate, "53", 2) != 0 || req->thrift == INDEX_THRIFTY)
        return false;
    req->thrift++;
    return true;
}

static bool index_failed(struct call *c)
{
    struct index_req *req = index_req_of(c);

    if (req->leftover) {
        call_end(c, NULL);
        return true;
    }
    if (vector_index_was_raced(c)) {
        req->tuned = req->tuned || req->stage == INDEX_TIDY;
        vector_index_tidy(c);
        return true;
    }
    if (req->stage == INDEX_LOOK || req->stage == INDEX_TIDY)
        return false;
    if (strcmp(c->pg.sqlstate, "42501") == 0) {
        vector_index_lack_rights(c);
        return true;
    }
    if (req->stage == INDEX_BUILD && c->pg.sqlstate[0] != '\0') {
        if (!vector_index_was_other(c) && !vector_index_was_crowded(c))
            req->err = c->pg.op.err;
        vector_index_tidy(c);
        return true;
    }
    return false;
}

static void index_begin(struct call *c)
{
    c->on_error = index_failed;
    index_look(c);
}

void vector_index_ensure(struct vector_index *index, struct index_req *req)
{
    req->index = index;
    req->built = req->later = false;
    req->tuned = req->session = req->leftover = false;
    req->thrift = INDEX_ROOMY;
    req->tries = 0;
    err_clear(&req->err);
    store_start(index->store, &req->op, req, index_begin, index_take);
}
