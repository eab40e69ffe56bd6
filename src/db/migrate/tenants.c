#include "db/migrate/tenants.h"

#include <inttypes.h>

/* One index look-up a tenant, whatever the number of rows. */
static const char tenants_sql[] =
    "WITH RECURSIVE t (id) AS ("
    " (SELECT min(tenant_id) FROM @.vector_embeddings)"
    " UNION ALL SELECT (SELECT min(v.tenant_id) FROM @.vector_embeddings v"
    "  WHERE v.tenant_id > t.id) FROM t WHERE t.id IS NOT NULL),"
    "items AS (SELECT id FROM t WHERE id IS NOT NULL AND EXISTS (SELECT 1"
    "  FROM @.vector_embeddings v WHERE v.tenant_id = t.id"
    "  AND v.content_type = 'microservice_data') LIMIT 20)"
    "SELECT count(*), EXISTS (SELECT 1 FROM @.vector_embeddings"
    "  WHERE tenant_id = $1 AND content_type = 'microservice_data'),"
    " string_agg(id, ', ' ORDER BY id) FROM items";

void tenants_ask(struct call *c, const char *tenant)
{
    call_stmt(c, tenants_sql, false);
    call_add_text(c, tenant);
    call_send(c);
}

/* Items of others, and none of ours: did somebody forget to say whose? */
int tenants_judge(
    struct migrate_req *req, const struct pg_result *r, struct err *err)
{
    const char *others = pg_value(r, 0, 2).p;
    int64_t n = call_int(r, 0, 0);

    if (n == 0 || pg_value(r, 0, 1).p[0] == 't')
        return 0;
    if (!req->tenant_chosen && n == 1)
        return err_set(err, ERR_CONFIG,
            "the database has items of tenant %s, and none of %s: set "
            "DEFAULT_TENANT_ID=%s to go on with them, or DEFAULT_TENANT_ID=%s "
            "to begin another tenant",
            others, req->tenant, others, req->tenant);
    buf_printf(&req->report,
        "warning: no items of tenant %s yet; the database has items of %s\n",
        req->tenant, others);
    return 0;
}
