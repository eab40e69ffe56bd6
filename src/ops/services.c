#include "ops/services.h"

#include "ops/result_json.h"
#include <string.h>

void services_ask(const struct ops *ops, struct services_req *req)
{
    ops->ports->list_services(ops->ports->world, req);
}

json_t *services_json(const struct services_req *req)
{
    json_t *names = json_array();

    for (size_t i = 0; i < req->n; i++)
        json_array_append_new(names, result_json_text(req->names[i]));
    return json_pack("{s:o, s:I, s:s}", "services", names, "count",
        (json_int_t)req->n, "source", req->source);
}

const char *services_source_text(const char *source)
{
    if (source == NULL || strcmp(source, "request") == 0)
        return "as asked for";
    if (strcmp(source, "env") == 0)
        return "from BATCH_SYNC_SERVICES";
    if (strcmp(source, "coordinator") == 0)
        return "listed by the coordinator";
    return "from the fallback list";
}
