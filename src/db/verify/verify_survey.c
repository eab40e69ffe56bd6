/*
 * Happy path: one transaction. Failures: the transaction's. On cancel: as
 * db/call.h has it.
 */
#include "db/verify/verify_survey.h"

#include "db/store/store_impl.h"

enum { SURVEY_SERVICE = -1, SURVEY_FACTS = -2, SURVEY_SIZE = -3 };

/* The four tables that batchsync writes. */
#define TABLES                                                    \
    "('@.vector_embeddings'::regclass, '@.knowledge_graph_nodes'" \
    "::regclass, '@.knowledge_graph_edges'::regclass,"            \
    " '@.microservices'::regclass)"

#define IS_VECTOR_INDEX                                              \
    "EXISTS (SELECT FROM pg_class c JOIN pg_am a ON a.oid = c.relam" \
    " WHERE c.oid = i.indexrelid AND a.amname IN ('hnsw', 'ivfflat'))"

/*
 * Unique keys that what is written relies on: of items, and of computed edges.
 * Any name will do, as in the migration that makes them.
 */
static const char survey_sql[] =
    "SELECT -2, (SELECT greatest(reltuples,"
    "   pg_stat_get_live_tuples(oid), 0)::int8::text FROM pg_class"
    "  WHERE oid = '@.vector_embeddings'::regclass), (SELECT"
    "  bool_or(indisvalid)::text FROM pg_index i WHERE indrelid ="
    "  '@.vector_embeddings'::regclass AND " IS_VECTOR_INDEX "), 0::int8"
    " UNION ALL SELECT -3, NULL, NULL, max(atttypmod) FROM pg_attribute"
    "  WHERE attrelid = '@.vector_embeddings'::regclass"
    "   AND attname = 'embedding'"
    " UNION ALL SELECT * FROM (SELECT -1, name, id, 0::int8"
    "  FROM @.microservices m WHERE tenant_id = $1 AND EXISTS (SELECT"
    "   FROM @.vector_embeddings v WHERE v.tenant_id = $1"
    "    AND v.microservice_id = m.id"
    "    AND v.content_type = 'microservice_data') ORDER BY name) s"
    " UNION ALL SELECT $2::int4, indexrelid::regclass::text, NULL, 1"
    "  FROM pg_index WHERE indrelid IN " TABLES
    "   AND NOT (indisvalid AND indisready) AND NOT EXISTS (SELECT"
    "    FROM pg_stat_progress_create_index p"
    "    WHERE p.index_relid = indexrelid)"
    " UNION ALL SELECT $2::int4, 'no unique index of ' || w.what, NULL, 1"
    "  FROM (VALUES ('@.vector_embeddings'::regclass, 'items',"
    "    '%(tenant_id, microservice_id, content_id, chunk_index)%'),"
    "   ('@.knowledge_graph_edges'::regclass, 'edges',"
    "    '%(tenant_id, source_node_id, target_node_id)%')) w (tab, what, cols)"
    "  WHERE NOT EXISTS (SELECT FROM pg_index WHERE indrelid = w.tab"
    "   AND indisunique AND pg_get_indexdef(indexrelid) LIKE w.cols)"
    " UNION ALL SELECT $3::int4, coalesce(max(f.name), '(no service)'), NULL,"
    "   count(*) FROM @.vector_embeddings v LEFT JOIN @.microservices f"
    "   ON f.id = v.microservice_id WHERE v.tenant_id = $1"
    "    AND v.content_type = 'microservice_data'"
    "    AND (v.microservice_id IS NULL OR v.microservice_id NOT IN"
    "     (SELECT id FROM @.microservices WHERE tenant_id = $1))"
    "  HAVING count(*) > 0";

static void verify_survey_send(struct call *c)
{
    const struct verify_survey_req *req = store_work(c)->req;

    call_stmt(c, survey_sql, false);
    call_add_text(c, req->tenant);
    call_add_int(c, VERIFY_INDEX_INVALID);
    call_add_int(c, VERIFY_SERVICE_UNKNOWN);
    call_send(c);
}

static void verify_survey_take_row(
    struct verify_survey_req *req, const struct pg_result *r, int i)
{
    int kind = (int)call_int(r, i, 0);
    struct str name = arena_dup(req->arena, pg_value(r, i, 1));

    if (kind == SURVEY_FACTS) {
        req->rows = (uint64_t)call_int(r, i, 1);
        req->vector_index = pg_value(r, i, 2).p[0] == 't';
    } else if (kind == SURVEY_SIZE) {
        req->sized = call_int(r, i, 3) > 0;
    } else if (kind == SURVEY_SERVICE) {
        req->services[req->nservices++] = (struct verify_service){
            name.p, arena_dup(req->arena, pg_value(r, i, 2)).p};
    } else {
        req->findings[req->n++] =
            (struct verify_finding){.kind = (enum verify_kind)kind,
                .content_id = name,
                .piece = -1,
                .n = (uint64_t)call_int(r, i, 3)};
    }
}

static void verify_survey_take(struct call *c)
{
    struct verify_survey_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[0];
    size_t n = (size_t)pg_rows(r);

    req->n = req->nservices = 0;
    req->findings = arena_calloc(req->arena, n, sizeof(*req->findings));
    req->services = arena_calloc(req->arena, n, sizeof(*req->services));
    if (req->findings == NULL || req->services == NULL) {
        store_fail(c, ERR_NOMEM, "no memory to verify");
        return;
    }
    for (int i = 0; i < pg_rows(r); i++)
        verify_survey_take_row(req, r, i);
    call_end(c, NULL);
}

void verify_survey(struct store *store, struct verify_survey_req *req)
{
    store_start(store, &req->op, req, verify_survey_send, verify_survey_take);
}
