/*
 * Building the vector index: how large it will be, what the server may use for
 * it, the statement itself, and leaving everything as it was.
 *
 * The graph that an HNSW index is made of is put together in memory; one that
 * does not fit takes several times as long. So maintenance_work_mem is raised
 * to what the rows need, within bounds. That is a setting of the session:
 * CREATE INDEX CONCURRENTLY goes alone, so there is no transaction that could
 * hold it. Behind a pooler sessions are shared. A pooler gives itself away by
 * the process id it reported at connecting, which is not the server's; there
 * the setting stays as the role has it.
 *
 * The planner judges the table by its heap, which is small when the vectors
 * are kept aside, and starts no workers: so the table says how many while the
 * index is built. A row of batch_sync_index_builds says that this is our
 * doing, for exactly as long: a process that finds both afterwards takes both
 * back. Below pgvector 0.8.2 the session has none, or behind a pooler the
 * table: a parallel build can overflow a buffer there (CVE-2026-3172).
 */
#include "db/graph/vector_index_impl.h"

#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

enum { SIZE_TIMEOUT_MS = 10 * 60 * 1000 };

/* Of a row in memory, beside its vector: 16 neighbours and what is around. */
enum { ROW_BYTES = 1024 };

#define MIB (INT64_C(1) << 20)

/* Never more, whatever the server thinks that it can cache. */
static const int64_t most_bytes = 2048 * MIB;

static char *vector_index_build_sql_text(struct call *c, size_t size)
{
    char *sql = arena_alloc(&c->arena, size);

    if (sql == NULL)
        abort();
    return sql;
}

const char *vector_index_sql(struct call *c)
{
    char *sql = vector_index_build_sql_text(c, 512);

    snprintf(sql, 512,
        "CREATE INDEX CONCURRENTLY " VECTOR_INDEX_NAME " ON @.vector_embeddings"
        " USING hnsw (embedding %s.vector_cosine_ops)"
        " WITH (m = 16, ef_construction = 64)",
        store_work(c)->store->vector_schema);
    return sql;
}

/* --- how large --- */

void vector_index_size(struct call *c)
{
    index_req_of(c)->stage = INDEX_SIZE;
    c->pg.timeout_ms = SIZE_TIMEOUT_MS;
    call_stmt(c,
        "SELECT (SELECT count(*) FROM @.vector_embeddings),"
        " (SELECT setting::int8 * 1024 FROM pg_settings"
        "   WHERE name = 'maintenance_work_mem'),"
        " (SELECT setting::int8 * 8192 FROM pg_settings"
        "   WHERE name = 'effective_cache_size'),"
        " least(current_setting('max_parallel_maintenance_workers')::int,"
        "   current_setting('max_parallel_workers')::int),"
        " pg_backend_pid()",
        false);
    call_send(c);
}

int64_t vector_index_bytes(int64_t rows, int dimensions)
{
    return rows * ((int64_t)sizeof(float) * dimensions + ROW_BYTES) + 16 * MIB;
}

int64_t vector_index_memory(int64_t bytes, int64_t has, int64_t cache)
{
    int64_t cap = cache / 4 < most_bytes ? cache / 4 : most_bytes;
    int64_t wanted = bytes < cap ? bytes : cap;

    return wanted > has ? wanted : has;
}

int vector_index_workers(int64_t bytes, int most)
{
    int64_t mib = bytes / MIB;
    int workers = mib < 32 ? 0 : mib < 512 ? 2 : mib < 8192 ? 4 : 8;

    return workers < most ? workers : most;
}

/* --- what it may use --- */

static void vector_index_build_add_workers(struct call *c, int workers)
{
    char *sql = vector_index_build_sql_text(c, 128);

    index_req_of(c)->tuned = true;
    call_stmt(c,
        "INSERT INTO @.batch_sync_index_builds (index_name, parallel_workers)"
        " VALUES ('" VECTOR_INDEX_NAME "', $1) ON CONFLICT (index_name)"
        " DO UPDATE SET parallel_workers = excluded.parallel_workers",
        false);
    call_add_int(c, workers);
    snprintf(sql, 128,
        "ALTER TABLE @.vector_embeddings SET (parallel_workers = %d)", workers);
    call_stmt(c, sql, false);
}

/* The session's: no time limit ends the building but ours. */
static void vector_index_build_add_session(
    struct call *c, int64_t bytes, bool parallel)
{
    index_req_of(c)->session = true;
    call_stmt(c,
        "SELECT set_config('maintenance_work_mem', $1 || 'kB', false),"
        " set_config('statement_timeout', '0', false),"
        " set_config('lock_timeout', '0', false),"
        " set_config('max_parallel_maintenance_workers', CASE WHEN $2"
        "  THEN current_setting('max_parallel_maintenance_workers')"
        "  ELSE '0' END, false)",
        false);
    call_add_int(c, bytes / 1024);
    call_add_bool(c, parallel);
}

/* What it is about to be built with. */
struct means {
    int64_t bytes; /* of the whole */
    int64_t has;   /* maintenance_work_mem, as the role has it */
    int64_t memory;
    int workers; /* -1: as many as the table says */
    bool pooled;
    bool safe; /* pgvector builds in parallel without overflowing a buffer */
};

static void index_build_tell(const struct index_req *req, const struct means *m)
{
    char workers[40] = "the table's own parallel_workers";

    if (m->workers >= 0)
        snprintf(workers, sizeof(workers), "%d workers", m->workers);
    log_info(NULL,
        "building the vector index over %lld rows: about %lld MiB, %lld MiB "
        "of memory, %s%s",
        (long long)req->rows, (long long)(m->bytes / MIB),
        (long long)(m->memory / MIB), workers,
        m->pooled && m->bytes > m->has
            ? "; behind a pooler only ALTER ROLE ... SET maintenance_work_mem "
              "gives it more, which would make it faster"
            : "");
}

static void vector_index_build_read_means(struct call *c, struct means *m)
{
    struct index_req *req = index_req_of(c);
    const struct index_facts *f = &req->facts;
    const struct pg_result *r = c->pg.results[0];

    req->rows = call_int(r, 0, 0);
    m->bytes = vector_index_bytes(req->rows, f->dimensions);
    m->has = m->memory = call_int(r, 0, 1);
    m->pooled = call_int(r, 0, 4) != c->pg.backend_pid;
    if (!m->pooled && req->thrift != INDEX_THRIFTY)
        m->memory = vector_index_memory(m->bytes, m->has, call_int(r, 0, 2));
    m->workers = req->thrift == INDEX_ROOMY
                     ? vector_index_workers(m->bytes, (int)call_int(r, 0, 3))
                     : 0;
    m->safe = store_work(c)->store->parallel_builds;
    if (!m->safe)
        m->workers = 0;
    if (f->tuned && !f->marked)
        m->workers = -1;
}

void vector_index_tune(struct call *c)
{
    struct index_req *req = index_req_of(c);
    struct means m;

    vector_index_build_read_means(c, &m);
    index_build_tell(req, &m);
    req->stage = INDEX_TUNE;
    c->pg.timeout_ms = 0;
    if (m.workers > 0 || (m.workers == 0 && (req->thrift != INDEX_ROOMY ||
                                                (!m.safe && m.pooled))))
        vector_index_build_add_workers(c, m.workers);
    if (!m.pooled)
        vector_index_build_add_session(c, m.memory, m.safe);
    if (c->pg.nstmts > 0)
        call_send(c);
    else
        vector_index_build(c);
}

/* --- building --- */

void vector_index_build(struct call *c)
{
    struct index_req *req = index_req_of(c);

    req->stage = INDEX_BUILD;
    index_watch_begin(&req->index->watch, req->rows);
    call_send_script(c, vector_index_sql(c));
}

/* --- and after --- */

static void vector_index_build_add_untuning(struct call *c)
{
    call_stmt(
        c, "ALTER TABLE @.vector_embeddings RESET (parallel_workers)", false);
    call_stmt(c,
        "DELETE FROM @.batch_sync_index_builds WHERE index_name ="
        " '" VECTOR_INDEX_NAME "'",
        false);
    index_req_of(c)->tuned = false;
}

static void vector_index_build_add_session_reset(struct call *c)
{
    call_stmt(c, "RESET maintenance_work_mem", false);
    call_stmt(c, "RESET statement_timeout", false);
    call_stmt(c, "RESET lock_timeout", false);
    call_stmt(c, "RESET max_parallel_maintenance_workers", false);
    index_req_of(c)->session = false;
}

/* Statistics, because without them the index is not used. */
static void vector_index_build_add_analyze(struct call *c)
{
    call_stmt(c,
        "ANALYZE @.vector_embeddings (tenant_id, microservice_id, content_type,"
        " content_id, chunk_index)",
        false);
}

void vector_index_tidy(struct call *c)
{
    struct index_req *req = index_req_of(c);

    req->stage = INDEX_TIDY;
    if (req->leftover)
        call_stmt(c, "SELECT set_config('lock_timeout', '2s', true)", false);
    if (req->tuned || req->leftover)
        vector_index_build_add_untuning(c);
    if (req->session)
        vector_index_build_add_session_reset(c);
    if (!req->leftover)
        vector_index_build_add_analyze(c);
    call_send(c);
}
