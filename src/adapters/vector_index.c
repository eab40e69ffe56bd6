/*
 * Building the vector index.
 *
 * Happy path: look; nothing is there: prepare, build, tidy up, look again.
 * CREATE INDEX CONCURRENTLY goes alone, by the simple protocol, as it must,
 * and without any time limit of ours. The planner judges the table by its
 * heap, which is small when the vectors are kept aside, and starts no workers:
 * so the table says how many while the index is built. It is analyzed
 * afterwards, because without statistics the index is not used.
 *
 *   LOOK --> PREPARE --> BUILD --> TIDY --> LOOK --> done
 *     \--> SETTLE (an invalid one of our name) --> LOOK
 *
 * Failures: two that build at once either find the other's index under way
 * (SETTLE waits for its lock), or the name taken, or one of them is ended as
 * a deadlock: each of them looks again. Where there is no room for workers it
 * is built without. Without the rights the message says who may, and how.
 * On cancel: the server stops building and leaves an invalid index. SETTLE
 * takes the lock that every builder holds, so what is still invalid then has
 * been left for good, and drops it. Nothing else is ever dropped.
 */
#include "adapters/vector_index.h"

#include "adapters/store_impl.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

#define INDEX_NAME "idx_vector_embeddings_embedding_hnsw"

enum { LOOK, SETTLE, PREPARE, BUILD, TIDY };
enum { LOOKS = 6, HNSW_DIMENSIONS = 2000 };

static struct index_req *req_of(struct call *c)
{
    return store_work(c)->req;
}

static const char *create_sql(struct call *c)
{
    char *sql = arena_alloc(&c->arena, 512);

    if (sql == NULL)
        abort();
    snprintf(sql, 512,
        "CREATE INDEX CONCURRENTLY " INDEX_NAME " ON vector_embeddings"
        " USING hnsw (embedding %s.vector_cosine_ops)"
        " WITH (m = 16, ef_construction = 64)",
        store_work(c)->store->vector_schema);
    return sql;
}

/* --- looking --- */

static void look(struct call *c)
{
    req_of(c)->stage = LOOK;
    call_stmt(c,
        "WITH t AS (SELECT c.oid, c.relowner, c.reloptions, a.attnum,"
        "  a.atttypmod FROM pg_class c JOIN pg_attribute a"
        "  ON a.attrelid = c.oid AND a.attname = 'embedding'"
        "  AND NOT a.attisdropped"
        "  WHERE c.oid = 'vector_embeddings'::regclass),"
        "x AS (SELECT c.relname, i.indisvalid, i.indpred IS NULL"
        "  AND i.indkey[0] = t.attnum AND o.opcname = 'vector_cosine_ops'"
        "  AND am.amname IN ('hnsw', 'ivfflat') AS serves"
        "  FROM t JOIN pg_index i ON i.indrelid = t.oid"
        "  JOIN pg_class c ON c.oid = i.indexrelid"
        "  JOIN pg_am am ON am.oid = c.relam"
        "  JOIN pg_opclass o ON o.oid = i.indclass[0]),"
        "s AS MATERIALIZED"
        "  (SELECT EXISTS (SELECT 1 FROM x WHERE serves AND indisvalid) AS yes)"
        "SELECT s.yes,"
        " (SELECT indisvalid FROM x WHERE relname = '" INDEX_NAME "'),"
        " pg_has_role(current_user, t.relowner, 'USAGE'),"
        " array_to_string(t.reloptions, ' ') LIKE '%parallel_workers=%',"
        " t.atttypmod, CASE WHEN s.yes THEN 0 ELSE pg_table_size(t.oid) END,"
        " CASE WHEN s.yes THEN 0 ELSE (SELECT count(*) FROM"
        "  (SELECT 1 FROM vector_embeddings LIMIT $1) r) END,"
        " quote_ident(current_user) FROM t, s",
        false);
    call_add_int(c, INDEX_ROWS_FEW + 1);
    call_send(c);
}

static bool is_true(const struct pg_result *r, int column)
{
    return pg_value(r, 0, column).p[0] == 't';
}

static void read_facts(struct call *c)
{
    struct index_facts *f = &req_of(c)->facts;
    const struct pg_result *r = c->pg.results[0];

    *f = (struct index_facts){.serves = is_true(r, 0),
        .named = !pg_is_null(r, 0, 1),
        .named_valid = is_true(r, 1),
        .owner = is_true(r, 2),
        .tuned = is_true(r, 3),
        .dimensions = (int)call_int(r, 0, 4),
        .bytes = call_int(r, 0, 5),
        .rows = call_int(r, 0, 6)};
    call_copy(r, 0, 7, f->role, sizeof(f->role));
}

/* There can be no index: read a small table, and leave a large one alone. */
static void do_without(struct call *c, const char *why)
{
    struct index_req *req = req_of(c);
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

static void lack_rights(struct call *c)
{
    char why[ERR_MSG_BYTES];

    snprintf(why, sizeof(why),
        "role %s may not build it; the owner of vector_embeddings may: %s",
        req_of(c)->facts.role, create_sql(c));
    do_without(c, why);
}

/* --- building --- */

/*
 * Whoever builds holds this lock until the index is done: having it means
 * that nobody does. LOCK waits without a snapshot, which the builder would
 * wait for in its turn; nothing that has one may come before it.
 */
static const char settle_script[] =
    "BEGIN; SET LOCAL statement_timeout = 0;"
    " LOCK TABLE vector_embeddings IN SHARE UPDATE EXCLUSIVE MODE;"
    " SET LOCAL lock_timeout = '10s';"
    " DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_index"
    "  WHERE indexrelid = to_regclass('" INDEX_NAME "')"
    "  AND indrelid = 'vector_embeddings'::regclass AND NOT indisvalid)"
    " THEN DROP INDEX " INDEX_NAME "; END IF; END $$;"
    " COMMIT";

static void settle(struct call *c)
{
    req_of(c)->stage = SETTLE;
    log_info(NULL, "another process builds the vector index, or was stopped "
                   "at it: waiting until that is known");
    call_send_script(c, settle_script);
}

static int workers_for(int64_t bytes)
{
    int64_t mib = bytes >> 20;

    return mib < 16 ? 0 : mib < 256 ? 2 : mib < 4096 ? 4 : 8;
}

static void build(struct call *c)
{
    struct index_req *req = req_of(c);

    req->stage = BUILD;
    log_info(NULL, "building the vector index over %lld MiB",
        (long long)(req->facts.bytes >> 20));
    call_send_script(c, create_sql(c));
}

static void prepare(struct call *c)
{
    struct index_req *req = req_of(c);
    int workers = req->serial ? 0 : workers_for(req->facts.bytes);
    char *sql;

    if (req->facts.tuned || (workers == 0 && !req->serial)) {
        build(c);
        return;
    }
    req->stage = PREPARE;
    req->tuned = true;
    sql = arena_alloc(&c->arena, 128);
    if (sql == NULL)
        abort();
    snprintf(sql, 128,
        "ALTER TABLE vector_embeddings SET"
        " (parallel_workers = %d)",
        workers);
    call_stmt(c, sql, false);
    call_send(c);
}

static void tidy(struct call *c)
{
    req_of(c)->stage = TIDY;
    if (req_of(c)->tuned)
        call_stmt(
            c, "ALTER TABLE vector_embeddings RESET (parallel_workers)", false);
    call_stmt(c,
        "ANALYZE vector_embeddings (tenant_id, microservice_id, content_type,"
        " content_id, chunk_index)",
        false);
    req_of(c)->tuned = false;
    call_send(c);
}

/* --- deciding --- */

/* This is not the time to build. A small table can be read all the same. */
static void put_off(struct call *c)
{
    struct index_req *req = req_of(c);

    req->later = req->facts.rows > INDEX_ROWS_FEW;
    call_end(c, NULL);
}

static void decide(struct call *c)
{
    struct index_req *req = req_of(c);
    const struct index_facts *f = &req->facts;

    if (f->serves || f->rows < INDEX_ROWS_WORTH)
        call_end(c, NULL);
    else if (!req->builds)
        put_off(c);
    else if (f->dimensions > HNSW_DIMENSIONS || f->dimensions < 1)
        do_without(c, "vectors of more than 2000 dimensions, or of no fixed "
                      "size, cannot have one");
    else if (!f->owner)
        lack_rights(c);
    else if (f->named && f->named_valid)
        do_without(c, INDEX_NAME " is something else");
    else if (++req->tries == LOOKS)
        store_fail(
            c, ERR_DATABASE, "the vector index does not come into being");
    else if (f->named)
        settle(c);
    else
        prepare(c);
}

static void tidied(struct call *c)
{
    struct index_req *req = req_of(c);

    if (req->err.code == 0)
        look(c);
    else
        call_end(c, &req->err);
}

static void take(struct call *c)
{
    struct index_req *req = req_of(c);

    switch (req->stage) {
    case LOOK:
        read_facts(c);
        decide(c);
        break;
    case SETTLE:
        look(c);
        break;
    case PREPARE:
        build(c);
        break;
    case BUILD:
        req->built = true;
        tidy(c);
        break;
    case TIDY:
        tidied(c);
        break;
    }
}

/* Somebody else was building: 42P07 the name is taken, 40P01 a deadlock. */
static bool was_other(const struct call *c)
{
    return strcmp(c->pg.sqlstate, "42P07") == 0 ||
           strcmp(c->pg.sqlstate, "40P01") == 0;
}

/*
 * Class 53: of memory or disk. Workers share maintenance_work_mem, for which a
 * container has often no room: once more without them.
 */
static bool was_crowded(struct call *c)
{
    struct index_req *req = req_of(c);
    bool first = !req->serial;

    if (strncmp(c->pg.sqlstate, "53", 2) != 0)
        return false;
    req->serial = true;
    return first;
}

static bool failed(struct call *c)
{
    struct index_req *req = req_of(c);

    if (req->stage == LOOK || req->stage == TIDY)
        return false;
    if (strcmp(c->pg.sqlstate, "42501") == 0) {
        lack_rights(c);
        return true;
    }
    if (req->stage == BUILD && c->pg.sqlstate[0] != '\0') {
        if (!was_other(c) && !was_crowded(c))
            req->err = c->pg.op.err;
        tidy(c);
        return true;
    }
    return false;
}

static void begin(struct call *c)
{
    c->on_error = failed;
    look(c);
}

int vector_index_ensure(struct vector_index *index, struct index_req *req)
{
    req->index = index;
    req->built = req->later = false;
    req->tuned = req->serial = false;
    req->tries = 0;
    err_clear(&req->err);
    return store_start(index->store, &req->op, req, begin, take);
}
