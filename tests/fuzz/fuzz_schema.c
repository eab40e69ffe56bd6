/* Any bytes as a schema file: a schema that keeps its promises, or faults. */
#include "fuzz.h"

#include "record/schema.h"

static void check_schema(const struct schema *s)
{
    require(s->service_name != NULL && s->version != NULL);
    require(s->nfields > 0);
    for (size_t i = 0; i < s->nfields; i++) {
        const struct schema_field *f = &s->fields[i];
        const size_t *at = strmap_get(&s->index, f->name);

        require(at != NULL && *at == i);
        require(utf8_valid(f->name) && utf8_valid(f->label));
        require(f->type >= FIELD_STRING && f->type <= FIELD_ARRAY);
    }
    for (size_t i = 0; i < s->nid_parts; i++) {
        const struct schema_id_part *part = &s->id_parts[i];

        require(part->field >= -1 && part->field < (long)s->nfields);
        require(part->field >= 0 || part->npath > 0);
        for (size_t j = 0; j < part->npath; j++)
            require(utf8_valid(part->path[j]));
    }
    require(s->title_field >= -1 && s->title_field < (long)s->nfields);
    require(s->url_field >= -1 && s->url_field < (long)s->nfields);
    require(schema_is_named(s, str_of(s->service_name)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct buf problems;
    struct schema *schema;
    int rc;

    arena_init(&a, 0);
    buf_init(&problems, 1 << 20);
    rc = schema_parse(&a, "dir/fuzz.json",
        (struct str){(const char *)data, size}, &schema, &problems);
    if (rc == 0 && schema != NULL)
        check_schema(schema);
    require((rc == 0) == (problems.len == 0));
    require(rc == 0 || problems.data[problems.len - 1] == '\n');
    buf_free(&problems);
    arena_free(&a);
    return 0;
}
