#include "ops/services.h"

#include "ops/result_json.h"
#include "record/schema.h"
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

const char *services_stored_name(
    const struct ops *ops, struct arena *arena, const char *name)
{
    const struct schema *schema;

    if (name == NULL)
        return NULL;
    schema = schema_find(ops->schemas, arena, name);
    return schema != NULL ? schema->service_name : name;
}

static json_t *services_fields_json(const struct schema *schema)
{
    json_t *fields = json_array();

    for (size_t i = 0; i < schema->nfields; i++) {
        const struct schema_field *f = &schema->fields[i];

        json_array_append_new(
            fields, json_pack("{s:s%, s:s%, s:s}", "name", f->name.p,
                        f->name.len, "label", f->label.p, f->label.len, "type",
                        schema_type_name(f->type)));
    }
    return fields;
}

json_t *services_schema_json(
    const struct ops *ops, struct arena *arena, const char *name)
{
    const struct schema *schema = schema_find(ops->schemas, arena, name);

    if (schema == NULL)
        return json_null();
    return json_pack("{s:s, s:s, s:s?, s:o, s:b}", "name", schema->service_name,
        "version", schema->version, "description", schema->description,
        "fields", services_fields_json(schema), "deleteMissing",
        schema->delete_missing);
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
