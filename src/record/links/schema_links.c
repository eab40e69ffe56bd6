/* The links that a schema declares: `"links": [{"field", "service", "type"}]`.
 */
#include "base/err.h"
#include "record/schema.h"
#include "record/schema_file.h"

enum { LINK_TYPE_BYTES = 64 }; /* part of a key, too */

/* A link in the making; all borrowed. */
struct link_reading {
    struct arena *a;
    struct schema_file *file;
    struct schema *schema;
    struct schema_member list; /* "links" */
};

static const char *const link_keys[] = {"field", "service", "type"};

/* A member of a link; reports one that is missing. */
static yyjson_val *link_member(
    struct link_reading *r, yyjson_val *link, const char *name)
{
    yyjson_val *v = yyjson_obj_get(link, name);

    if (v == NULL || yyjson_is_null(v))
        schema_fault(r->file, r->list.at, str_of(r->list.name),
            "a link without \"%s\"; it has \"field\", \"service\" and \"type\"",
            name);
    return v == NULL || yyjson_is_null(v) ? NULL : v;
}

/* What is not known may be a slip in a name that matters. */
static void link_check_keys(struct link_reading *r, yyjson_val *link)
{
    size_t i, n;
    yyjson_val *key, *v;

    yyjson_obj_foreach(link, i, n, key, v)
    {
        bool known = false;

        for (size_t k = 0; k < sizeof(link_keys) / sizeof(*link_keys); k++)
            known |= yyjson_equals_str(key, link_keys[k]);
        if (!known)
            schema_fault(r->file, yyjson_get_str(key), str_of(r->list.name),
                "a link has \"field\", \"service\" and \"type\", not \"%.40s\"",
                yyjson_get_str(key));
    }
}

/* Edges of two types are computed, and nobody else makes them. */
static const char *link_type(struct link_reading *r, yyjson_val *v)
{
    struct str name = str_of(r->list.name);
    const char *type;

    if (!schema_is_text(r->file, r->list.at, name, v))
        return NULL;
    type = yyjson_get_str(v);
    if (strcmp(type, "related") == 0 || strcmp(type, "strongly_related") == 0)
        schema_fault(r->file, type, name,
            "the type \"%s\" is that of computed edges; choose another one",
            type);
    else if (type[0] == '\0' || strlen(type) > LINK_TYPE_BYTES)
        schema_fault(r->file, type, name, "a type must have 1 to %d bytes",
            LINK_TYPE_BYTES);
    else
        return type;
    return NULL;
}

static int link_read(struct link_reading *r, yyjson_val *v)
{
    struct schema_link link = {.type = NULL};
    yyjson_val *field, *service, *type;
    int rc = ERR_INVALID;

    if (!yyjson_is_obj(v)) {
        schema_fault(r->file, r->list.at, str_of(r->list.name),
            "a link is an object with \"field\", \"service\" and \"type\"");
        return 0;
    }
    link_check_keys(r, v);
    field = link_member(r, v, "field");
    service = link_member(r, v, "service");
    type = link_member(r, v, "type");
    if (field != NULL)
        rc = schema_read_part(
            r->a, r->file, r->schema, &r->list, field, &link.from);
    if (service != NULL &&
        schema_is_name(r->file, r->list.at, r->list.name, service))
        link.service = yyjson_get_str(service);
    if (type != NULL)
        link.type = link_type(r, type);
    if (rc == 0 && link.service != NULL && link.type != NULL)
        r->schema->links[r->schema->nlinks++] = link;
    return rc == ERR_NOMEM ? rc : 0;
}

int schema_read_links(
    struct arena *a, struct schema_file *file, struct schema *s)
{
    struct link_reading r = {a, file, s, {.name = NULL}};
    size_t i, n;
    yyjson_val *v;

    if (!schema_member_find(file, "links", &r.list))
        return 0;
    if (!yyjson_is_arr(r.list.value)) {
        schema_fault(file, r.list.at, str_of(r.list.name),
            "must be an array of links: [{\"field\": ..., \"service\": ..., "
            "\"type\": ...}]");
        return 0;
    }
    s->links =
        arena_calloc(a, yyjson_arr_size(r.list.value) + 1, sizeof(*s->links));
    if (s->links == NULL)
        return ERR_NOMEM;
    yyjson_arr_foreach(r.list.value, i, n, v)
    {
        if (link_read(&r, v) < 0)
            return ERR_NOMEM;
    }
    return 0;
}
