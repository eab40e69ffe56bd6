#include "ops/stored/forget.h"

#include "ops/services.h"

void forget_item(const struct ops *ops, struct arena *arena,
    const char *service, struct forget_req *req)
{
    if (req->tenant == NULL)
        req->tenant = ops->config->sync.tenant;
    req->stored = services_stored_name(ops, arena, service);
    forget_run(ops->write, ops->loop, req);
}

json_t *forget_json(const struct forget_req *req)
{
    return json_pack("{s:s, s:s, s:{s:i, s:i, s:i, s:i, s:i, s:i, s:i}}",
        "service", req->stored, "contentId", req->content_id, "removed", "rows",
        req->rows, "nodes", req->nodes, "edges", req->edges, "deadLetters",
        req->letters, "links", req->links, "marks", req->marks, "queued",
        req->queued);
}
