#include "record/item.h"

#include "base/err.h"
#include "base/text.h"
#include "record/item_id.h"
#include "record/render.h"

/* An item on its way: its values in the schema's order. */
struct extract {
    const struct schema *schema;
    yyjson_val **values; /* NULL: missing; in the arena */
    struct arena *a;
    struct buf *scratch; /* the caller's */
    struct item *out;
    struct err *err;
};

static bool item_is_absent(yyjson_val *v)
{
    return v == NULL || yyjson_is_null(v);
}

/* The field a member goes to; most items have them in the schema's order. */
static bool item_find_field(
    const struct schema *schema, struct str key, size_t *next, size_t *field)
{
    const size_t *at;

    if (*next < schema->nfields && str_eq(schema->fields[*next].name, key)) {
        *field = (*next)++;
        return true;
    }
    at = strmap_get(&schema->index, key);
    if (at == NULL)
        return false;
    *field = *at;
    *next = *at + 1;
    return true;
}

/* Of a repeated key the last value counts. */
static void item_pick_values(struct extract *x, yyjson_val *object)
{
    size_t i, n, field, next = 0;
    yyjson_val *key, *v;

    yyjson_obj_foreach(object, i, n, key, v)
    {
        if (item_find_field(x->schema, json_str(key), &next, &field))
            x->values[field] = v;
    }
}

/* Objects and arrays that came as a string of JSON; other strings stay. */
static int item_parse_nested(struct extract *x)
{
    for (size_t i = 0; i < x->schema->nfields; i++) {
        enum field_type type = x->schema->fields[i].type;
        size_t replaced = 0;
        yyjson_val *v;
        int rc;

        if ((type != FIELD_OBJECT && type != FIELD_ARRAY) ||
            !yyjson_is_str(x->values[i]))
            continue;
        rc = json_parse(x->a, json_str(x->values[i]), &v, &replaced, NULL);
        if (rc == ERR_NOMEM)
            return rc;
        if (rc < 0)
            continue;
        x->values[i] = v;
        x->out->replaced += replaced;
    }
    return 0;
}

/* Moves what is in the scratch buffer to the arena. */
static int item_keep(struct extract *x, struct str *to)
{
    const struct buf *b = x->scratch;

    if (b->error == ERR_TOO_LARGE)
        return err_set(
            x->err, ERR_INVALID, "text larger than %zu bytes", b->cap_bytes);
    if (b->error == 0)
        *to = arena_dup(x->a, buf_view(b));
    if (b->error != 0 || to->p == NULL)
        return err_set(x->err, ERR_NOMEM, "no memory for an item");
    return 0;
}

static void item_hash_number(struct sha256 *s, uint64_t n)
{
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(n >> (8 * i));
    sha256_add(s, bytes, sizeof(bytes));
}

/* The digest of what the schema makes of the item. */
static void item_write_id_hash(struct extract *x)
{
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    struct sha256 s;

    sha256_init(&s);
    for (size_t i = 0; i < x->schema->nfields; i++) {
        sha256_add_field(&s, x->schema->fields[i].name);
        if (item_is_absent(x->values[i]))
            item_hash_number(&s, 0);
        else
            json_digest(&s, x->values[i]);
    }
    sha256_end(&s, digest);
    hex_encode(digest, sizeof(digest), hex);
    buf_puts(x->scratch, hex);
}

static int item_write_id(struct extract *x, yyjson_val *value)
{
    const struct schema *schema = x->schema;

    buf_reset(x->scratch);
    if (schema->nid_parts == 0)
        item_write_id_hash(x);
    else if (!item_id_write(schema, value, x->values, x->scratch)) {
        x->out->no_id = true;
        return err_set(x->err, ERR_INVALID, "no content id");
    }
    if (x->scratch->len > CONTENT_ID_BYTES ||
        x->scratch->error == ERR_TOO_LARGE)
        return err_set(x->err, ERR_INVALID, "content id longer than %d bytes",
            CONTENT_ID_BYTES);
    return item_keep(x, &x->out->content_id);
}

static int item_write_text(struct extract *x)
{
    buf_reset(x->scratch);
    if (render_text(x->schema, x->values, x->a, x->scratch) < 0)
        return err_set(x->err, ERR_NOMEM, "no memory for an item");
    if (x->scratch->len == 0 && x->scratch->error == 0)
        return err_set(x->err, ERR_INVALID, "empty text");
    return item_keep(x, &x->out->content_text);
}

/* A field's value as metadata has it: datetimes in ISO form, or null. */
static void item_write_value(
    struct buf *out, enum field_type type, yyjson_val *v, size_t *nuls)
{
    char iso[ISO_BYTES];
    int64_t ms;

    if (item_is_absent(v)) {
        buf_puts(out, "null");
    } else if (type != FIELD_DATETIME) {
        json_write(out, v, nuls);
    } else if (render_instant(v, &ms)) {
        iso_from_ms(ms, iso);
        buf_json_str(out, str_of(iso));
    } else {
        buf_puts(out, "null");
    }
}

/* `"name":value` of a field, under its own name or another. */
static void item_write_field(
    struct extract *x, size_t field, struct str name, size_t *nuls)
{
    buf_json_str(x->scratch, name);
    buf_char(x->scratch, ':');
    item_write_value(
        x->scratch, x->schema->fields[field].type, x->values[field], nuls);
    buf_char(x->scratch, ',');
}

/* Keys that the row has for itself; a field cannot have them, too. */
static bool item_is_reserved(struct str name)
{
    return name.len > 0 && name.p[0] == '_' &&
           (str_eq(name, STR("_schema_version")) ||
               str_eq(name, STR("_source_service")) ||
               str_eq(name, STR("_stored_at")));
}

/* title or url, which the schema names and has no field of that name for. */
static void item_write_named(struct extract *x, const char *name, long field)
{
    if (field >= 0 && strmap_get(&x->schema->index, str_of(name)) == NULL)
        item_write_field(x, (size_t)field, str_of(name), NULL);
}

/* What every row says of where it comes from; ends the object. */
static void item_write_origin(struct extract *x)
{
    buf_puts(x->scratch, "\"_schema_version\":");
    buf_json_str(x->scratch, str_of(x->schema->version));
    buf_puts(x->scratch, ",\"_source_service\":");
    buf_json_str(x->scratch, str_of(x->schema->service_name));
    buf_char(x->scratch, '}');
}

static int item_write_metadata(struct extract *x)
{
    const struct schema *schema = x->schema;
    struct buf *out = x->scratch;

    buf_reset(out);
    buf_char(out, '{');
    for (size_t i = 0; i < schema->nfields; i++) {
        if (!item_is_reserved(schema->fields[i].name))
            item_write_field(x, i, schema->fields[i].name, &x->out->nuls);
    }
    item_write_named(x, "title", schema->title_field);
    item_write_named(x, "url", schema->url_field);
    item_write_origin(x);
    return item_keep(x, &x->out->metadata);
}

/*
 * title or url of a piece: its own field, or the one that the schema names. A
 * piece may be one of hundreds: what is long stays in the first.
 */
static void item_write_piece_field(
    struct extract *x, const char *name, long named)
{
    const size_t *own = strmap_get(&x->schema->index, str_of(name));
    long field = own != NULL ? (long)*own : named;

    if (field >= 0 && !yyjson_is_ctn(x->values[field]) &&
        yyjson_get_len(x->values[field]) <= PIECE_FIELD_BYTES)
        item_write_field(x, (size_t)field, str_of(name), NULL);
}

int item_piece_metadata(const struct schema *schema, yyjson_val *value,
    struct arena *a, struct buf *scratch, struct str *out)
{
    struct err err;
    struct extract x = {schema, NULL, a, scratch, NULL, &err};

    x.values = arena_calloc(a, schema->nfields, sizeof(*x.values));
    if (x.values == NULL)
        return ERR_NOMEM;
    item_pick_values(&x, value);
    buf_reset(scratch);
    buf_char(scratch, '{');
    item_write_piece_field(&x, "title", schema->title_field);
    item_write_piece_field(&x, "url", schema->url_field);
    item_write_origin(&x);
    return item_keep(&x, out) < 0 ? ERR_NOMEM : 0;
}

static int item_extract(struct extract *x, yyjson_val *value)
{
    *x->out = (struct item){.nuls = 0};
    if (!yyjson_is_obj(value))
        return err_set(x->err, ERR_INVALID, "not an object");
    x->values = arena_calloc(x->a, x->schema->nfields, sizeof(*x->values));
    if (x->values == NULL)
        return err_set(x->err, ERR_NOMEM, "no memory for an item");
    item_pick_values(x, value);
    return 0;
}

int item_identify(const struct schema *schema, yyjson_val *value,
    struct arena *a, struct buf *scratch, struct item *out, struct err *err)
{
    struct extract x = {schema, NULL, a, scratch, out, err};
    int rc = item_extract(&x, value);

    return rc < 0 ? rc : item_write_id(&x, value);
}

int item_render(const struct schema *schema, yyjson_val *value, struct arena *a,
    struct buf *scratch, struct item *out, struct err *err)
{
    struct extract x = {schema, NULL, a, scratch, out, err};
    int rc = item_extract(&x, value);

    if (rc == 0 && item_parse_nested(&x) < 0)
        rc = err_set(err, ERR_NOMEM, "no memory for an item");
    if (rc == 0)
        rc = item_write_id(&x, value);
    if (rc == 0)
        rc = item_write_text(&x);
    return rc < 0 ? rc : item_write_metadata(&x);
}

int item_values(const struct schema *schema, yyjson_val *value, struct arena *a,
    yyjson_val ***out)
{
    struct err err;
    struct item unused;
    struct extract x = {schema, NULL, a, NULL, &unused, &err};
    int rc = item_extract(&x, value);

    *out = x.values;
    return rc < 0 ? rc : item_parse_nested(&x);
}

void item_embed_hash(struct str content_text, const struct embedding_id *id,
    size_t pieces, enum cut_rule rule, const struct piece_context *context,
    uint8_t out[SHA256_BYTES])
{
    struct sha256 s;

    sha256_init(&s);
    sha256_add_field(&s, text_trim(content_text));
    sha256_add_field(&s, str_of(id->provider));
    sha256_add_field(&s, str_of(id->model));
    item_hash_number(&s, (uint64_t)id->dimensions);
    item_hash_number(&s, pieces);
    if (pieces > 1 && rule == CUT_LAST_THIRD)
        sha256_add_field(&s, STR("last third"));
    if (pieces > 1 && context != NULL)
        piece_context_digest(context, &s);
    sha256_end(&s, out);
}

void item_hash(const struct item *item, const struct schema *schema,
    const struct embedding_id *id, size_t pieces, enum cut_rule rule,
    const struct piece_context *context, struct item_hashes *out)
{
    struct sha256 s;

    item_embed_hash(
        item->content_text, id, pieces, rule, context, out->embed_hash);
    sha256_init(&s);
    sha256_add(&s, out->embed_hash, sizeof(out->embed_hash));
    sha256_add_field(&s, item->metadata);
    sha256_add_field(&s, str_of(schema->version));
    sha256_end(&s, out->row_hash);
}

static void item_hash_field_of(
    struct sha256 *s, const struct schema_field *field)
{
    sha256_add_field(s, field->name);
    sha256_add_field(s, field->label);
    item_hash_number(s, (uint64_t)field->type);
}

static void item_hash_id_part(
    struct sha256 *s, const struct schema_id_part *part)
{
    item_hash_number(s, (uint64_t)part->field);
    for (size_t i = 0; i < part->npath; i++)
        sha256_add_field(s, part->path[i]);
}

void item_fingerprint(const struct schema *schema,
    const struct embedding_id *id, uint8_t out[SHA256_BYTES])
{
    struct sha256 s;

    sha256_init(&s);
    sha256_add_field(&s, str_of(id->provider));
    sha256_add_field(&s, str_of(id->model));
    item_hash_number(&s, (uint64_t)id->dimensions);
    sha256_add_field(&s, str_of(schema->version));
    item_hash_number(&s, schema->nfields);
    for (size_t i = 0; i < schema->nfields; i++)
        item_hash_field_of(&s, &schema->fields[i]);
    item_hash_number(&s, schema->nid_parts);
    for (size_t i = 0; i < schema->nid_parts; i++)
        item_hash_id_part(&s, &schema->id_parts[i]);
    item_hash_number(&s, (uint64_t)schema->title_field);
    item_hash_number(&s, (uint64_t)schema->url_field);
    if (schema_has_piece_context(schema)) {
        item_hash_number(&s, schema->pieces.prefix);
        item_hash_number(&s, schema->pieces.overlap);
    }
    sha256_end(&s, out);
}
