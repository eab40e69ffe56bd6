/* The keys of a schema that say what later pieces are sent with. */
#include "record/pieces/schema_pieces.h"

#include "base/err.h"
#include "record/schema_file.h"

enum { PIECE_OVERLAP_MOST = 500000 }; /* half of the largest limit */

long schema_title(const struct schema *schema)
{
    const size_t *own = strmap_get(&schema->index, STR("title"));

    return own != NULL ? (long)*own : schema->title_field;
}

/* What the metadata have of other types is not what the text has. */
static bool schema_pieces_has_title(const struct schema *s)
{
    long title = schema_title(s);

    return title >= 0 && (s->fields[title].type == FIELD_STRING ||
                             s->fields[title].type == FIELD_TEXT);
}

static void schema_pieces_read_prefix(
    struct schema_file *file, struct schema *s)
{
    struct schema_member m;

    schema_read_bool(file, "piece_prefix", &s->pieces.prefix);
    if (!s->pieces.prefix || schema_pieces_has_title(s))
        return;
    schema_member_find(file, "piece_prefix", &m);
    schema_fault(file, m.at, str_of(m.name),
        "there is no title to put before pieces: name a field of type string "
        "or text as \"title_field\"");
}

static void schema_pieces_read_overlap(
    struct schema_file *file, struct schema *s)
{
    struct schema_member m;
    int64_t tokens;

    if (!schema_member_find(file, "piece_overlap", &m))
        return;
    if (!yyjson_is_num(m.value) || !json_int(m.value, &tokens) || tokens < 0 ||
        tokens > PIECE_OVERLAP_MOST) {
        schema_fault(file, m.at, str_of(m.name),
            "must be a number of tokens, from 0 to %d", PIECE_OVERLAP_MOST);
        return;
    }
    s->pieces.overlap = (size_t)tokens;
    s->pieces.overlap_line = schema_file_line(file, m.at);
}

void schema_read_pieces(struct schema_file *file, struct schema *s)
{
    schema_pieces_read_prefix(file, s);
    schema_pieces_read_overlap(file, s);
}

static int schema_pieces_check_one(
    const struct schema *s, size_t max_tokens, struct buf *problems)
{
    if (2 * s->pieces.overlap < max_tokens || s->pieces.overlap == 0)
        return 0;
    buf_printf(problems,
        "%s:%zu: key \"piece_overlap\": %zu is half of EMBEDDING_MAX_TOKENS "
        "(%zu) or more; at most %zu is allowed, and a tenth of it is usual\n",
        s->place.path, s->pieces.overlap_line, s->pieces.overlap, max_tokens,
        (max_tokens - 1) / 2);
    return ERR_CONFIG;
}

int schema_pieces_check(
    const struct schema_set *set, size_t max_tokens, struct buf *problems)
{
    int rc = 0;

    for (size_t i = 0; i < set->n; i++)
        if (schema_pieces_check_one(set->schemas[i], max_tokens, problems) < 0)
            rc = ERR_CONFIG;
    if (set->fallback != NULL &&
        schema_pieces_check_one(set->fallback, max_tokens, problems) < 0)
        rc = ERR_CONFIG;
    return rc;
}
