#include "db/graph/declared/links.h"

/*
 * OFFSET 0: whatever the statistics say, rows by their keys. A row is updated
 * by its id, which it keeps while the linker, too, is at it.
 */
static const char declared_sql[] =
    "WITH f AS MATERIALIZED (SELECT 1 FROM @.batch_sync_service_runs"
    "  WHERE token = $1),"
    "want AS MATERIALIZED (SELECT DISTINCT u.* FROM f,"
    "  unnest($5, $6, $7, $8) u (content_id, link_type, service, target)"
    "  WHERE octet_length($2 || $3 || content_id || link_type || service"
    "   || target) <= 2600),"
    "have AS MATERIALIZED (SELECT l.* FROM f, unnest($4) u (content_id)"
    "  CROSS JOIN LATERAL (SELECT id, content_id, link_type, wanted,"
    "    target_service AS service, target_id AS target"
    "   FROM @.batch_sync_links WHERE tenant_id = $2 AND microservice_id = $3"
    "    AND content_id = u.content_id OFFSET 0) l),"
    "dropped AS (UPDATE @.batch_sync_links SET wanted = false, pending = true"
    "  WHERE id = ANY (ARRAY(SELECT h.id FROM have h WHERE h.wanted"
    "   AND (content_id, link_type, service, target) NOT IN"
    "    (SELECT content_id, link_type, service, target FROM want))))"
    "INSERT INTO @.batch_sync_links (tenant_id, microservice_id, content_id,"
    "  link_type, target_service, target_id)"
    " SELECT $2, $3, content_id, link_type, service, target FROM want"
    "  WHERE (content_id, link_type, service, target) NOT IN"
    "   (SELECT content_id, link_type, service, target FROM have WHERE wanted)"
    "  ORDER BY content_id, link_type, service, target"
    " ON CONFLICT (tenant_id, microservice_id, content_id, link_type,"
    "  target_service, target_id) DO UPDATE SET wanted = true, pending = true";

/* One member of each link, as an array. */
static int links_add_texts(
    struct call *c, const struct checkpoint_req *req, size_t member)
{
    struct pg_array a;
    size_t bytes = 0;

    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1 &&
            array_init(&a, &c->arena, PG_TEXT_ARRAY, 0, req->nlinks, bytes) < 0)
            return ERR_NOMEM;
        for (size_t i = 0; i < req->nlinks; i++) {
            struct str text =
                *(const struct str *)((const char *)&req->links[i] + member);

            bytes += text.len;
            if (pass == 1)
                array_add(&a, text);
        }
    }
    call_add(c, array_param(&a));
    return 0;
}

static int links_add_ids(struct call *c, const struct checkpoint_req *req)
{
    struct pg_array ids;
    size_t bytes = 0;

    for (size_t i = 0; i < req->nlinked; i++)
        bytes += req->linked[i].len;
    if (array_init(&ids, &c->arena, PG_TEXT_ARRAY, 0, req->nlinked, bytes) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < req->nlinked; i++)
        array_add(&ids, req->linked[i]);
    call_add(c, array_param(&ids));
    return 0;
}

int links_add_declared(struct call *c, const struct checkpoint_req *req)
{
    static const size_t members[] = {offsetof(struct item_link, content_id),
        offsetof(struct item_link, type), offsetof(struct item_link, service),
        offsetof(struct item_link, target)};

    call_stmt(c, declared_sql, false);
    call_add_text(c, req->scope->token);
    call_add_text(c, req->scope->tenant);
    call_add_text(c, req->scope->microservice_id);
    if (links_add_ids(c, req) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (links_add_texts(c, req, members[i]) < 0)
            return ERR_NOMEM;
    return 0;
}

void links_add_forget(struct call *c, const char *tenant, const char *service)
{
    call_stmt(c,
        "UPDATE @.batch_sync_links SET wanted = false, pending = true"
        " WHERE id = ANY (ARRAY(SELECT l.id FROM @.microservices m"
        "  CROSS JOIN LATERAL (SELECT id FROM @.batch_sync_links"
        "   WHERE tenant_id = $1 AND microservice_id = m.id AND wanted"
        "   OFFSET 0) l WHERE m.tenant_id = $1 AND m.name = $2))",
        false);
    call_add_text(c, tenant);
    call_add_text(c, service);
}
