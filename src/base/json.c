#include "base/json.h"

#include "base/text.h"
#include <math.h>
#include <stdlib.h>

/*
 * yyjson's memory, taken from the system and counted in the arena's budget,
 * so that a document cannot cost more than its page may. Its own block has
 * the size in front, because yyjson does not say it when it frees.
 */
struct doc_memory {
    struct arena *arena; /* borrowed; NULL once the document is complete */
    size_t bytes;        /* counted at the moment */
};

struct doc_block {
    _Alignas(16) size_t size;
};

static bool json_count_bytes(struct doc_memory *m, size_t old_size, size_t size)
{
    struct arena *a = m->arena;

    if (a == NULL)
        return true;
    if (size > old_size && size - old_size > a->cap_bytes - a->used_bytes)
        return false;
    a->used_bytes += size - old_size;
    m->bytes += size - old_size;
    return true;
}

static void *json_doc_realloc(void *ctx, void *ptr, size_t unused, size_t size)
{
    struct doc_block *b = ptr == NULL ? NULL : (struct doc_block *)ptr - 1;
    struct doc_block *moved;
    size_t old_size = b == NULL ? 0 : b->size;

    (void)unused;
    if (size > SIZE_MAX - sizeof(*b) || !json_count_bytes(ctx, old_size, size))
        return NULL;
    moved = realloc(b, sizeof(*b) + size);
    if (moved == NULL) {
        json_count_bytes(ctx, size, old_size);
        return NULL;
    }
    moved->size = size;
    return moved + 1;
}

static void *json_doc_malloc(void *ctx, size_t size)
{
    return json_doc_realloc(ctx, NULL, 0, size);
}

static void json_doc_free(void *ctx, void *ptr)
{
    if (ptr == NULL)
        return;
    json_count_bytes(ctx, ((struct doc_block *)ptr - 1)->size, 0);
    free((struct doc_block *)ptr - 1);
}

static int json_hex4(const char *p, const char *end)
{
    int value = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The code unit of a \uXXXX at p; < 0 when none is there. */
static int json_escaped_unit(const char *p, const char *end)
{
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    return json_hex4(p + 2, end);
}

/* Turns the lone \uD800 .. \uDFFF into \ufffd, which is just as long. */
static size_t json_repair_escapes(char *p, const char *end)
{
    size_t count = 0;

    while (p < end && (p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
        int unit = json_escaped_unit(p, end), next;

        if (unit < 0xD800 || unit > 0xDFFF) {
            p += 2;
            continue;
        }
        next = json_escaped_unit(p + 6, end);
        if (unit <= 0xDBFF && next >= 0xDC00 && next <= 0xDFFF) {
            p += 12;
            continue;
        }
        memcpy(p, "\\ufffd", 6);
        p += 6;
        count++;
    }
    return count;
}

static yyjson_doc *json_read_doc(struct doc_memory *m, struct str text,
    yyjson_read_flag flags, yyjson_read_err *why)
{
    yyjson_alc alc = {json_doc_malloc, json_doc_realloc, json_doc_free, m};

    /* Without the in-situ flag yyjson does not write to the text. */
    return yyjson_read_opts(
        (char *)text.p, text.len, flags | YYJSON_READ_BIGNUM_AS_RAW, &alc, why);
}

/*
 * Only a text that was refused for a string gets the second look: it costs a
 * copy. Without anything to repair the first refusal stands.
 */
static yyjson_doc *json_read_repaired(struct doc_memory *m, struct str text,
    yyjson_read_flag flags, size_t *replaced, yyjson_read_err *why)
{
    yyjson_doc *doc = NULL;
    struct buf fixed;

    buf_init(&fixed, text.len < SIZE_MAX / 4 ? text.len * 3 : SIZE_MAX / 2);
    *replaced = utf8_repair(&fixed, text);
    if (fixed.error != 0) {
        why->code = YYJSON_READ_ERROR_MEMORY_ALLOCATION;
        why->msg = "out of memory";
    } else {
        *replaced += json_repair_escapes(fixed.data, fixed.data + fixed.len);
        if (*replaced > 0)
            doc = json_read_doc(m, buf_view(&fixed), flags, why);
    }
    buf_free(&fixed);
    return doc;
}

/*
 * Raw control characters inside strings, which JSON wants escaped, become
 * escapes: what was meant is certain. One behind a backslash stays, for there
 * it is not. Returns how many; 0: the copy is as the text was.
 */
static size_t json_escape_controls(struct buf *out, struct str text)
{
    bool quoted = false;
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = (uint8_t)text.p[i];

        if (quoted && byte < ' ') {
            buf_printf(out, "\\u%04x", byte);
            count++;
            continue;
        }
        buf_char(out, text.p[i]);
        if (byte == '"')
            quoted = !quoted;
        else if (quoted && byte == '\\' && i + 1 < text.len)
            buf_char(out, text.p[++i]);
    }
    return count;
}

/* Refused for a string; where nothing helps the first refusal stands. */
static yyjson_doc *json_read_escaped(struct doc_memory *m, struct str text,
    yyjson_read_flag flags, size_t *replaced, yyjson_read_err *why)
{
    yyjson_read_err first = *why;
    yyjson_doc *doc = NULL;
    struct buf copy;

    buf_init(&copy, text.len < SIZE_MAX / 8 ? text.len * 6 : SIZE_MAX / 2);
    if (json_escape_controls(&copy, text) > 0 && copy.error == 0) {
        doc = json_read_doc(m, buf_view(&copy), flags, why);
        if (doc == NULL && why->code == YYJSON_READ_ERROR_INVALID_STRING)
            doc = json_read_repaired(m, buf_view(&copy), flags, replaced, why);
        if (doc == NULL) {
            *why = first;
            *replaced = 0;
        }
    }
    buf_free(&copy);
    return doc;
}

/*
 * yyjson keeps a document's values one after the other, a container before
 * what is in it, so that its depth takes one pass and no recursion. Calls
 * `deep` for each container at `depth`, whose inside is skipped, and returns
 * whether there was one.
 */
static bool json_walk_deep(
    yyjson_val *root, size_t depth, void (*deep)(yyjson_val *v))
{
    yyjson_val *ends[JSON_MAX_DEPTH];
    yyjson_val *end = unsafe_yyjson_get_next(root);
    size_t at = 0;
    bool found = false;

    for (yyjson_val *v = root; v < end; v++) {
        while (at > 0 && v >= ends[at - 1])
            at--;
        if (!yyjson_is_ctn(v))
            continue;
        if (at < depth) {
            ends[at++] = unsafe_yyjson_get_next(v);
            continue;
        }
        found = true;
        deep(v);
        v = unsafe_yyjson_get_next(v) - 1;
    }
    return found;
}

static void json_leave_as_is(yyjson_val *v)
{
}

/* An empty container still knows where the value behind it is. */
static void json_empty_container(yyjson_val *v)
{
    unsafe_yyjson_set_len(v, 0);
}

/* Next to numbers too big for 64 bits those that JSON does not know are raw. */
static bool json_is_odd_number(yyjson_val *v)
{
    const char *text = yyjson_get_raw(v);

    if (yyjson_is_real(v))
        return !isfinite(yyjson_get_real(v));
    return yyjson_is_raw(v) && text[strspn(text, "+-")] > '9';
}

static bool json_null_odd_numbers(yyjson_val *root)
{
    yyjson_val *end = unsafe_yyjson_get_next(root);
    bool found = false;

    for (yyjson_val *v = root; v < end; v++)
        if (json_is_odd_number(v)) {
            unsafe_yyjson_set_null(v);
            found = true;
        }
    return found;
}

const char *json_mend(yyjson_val *v, size_t depth)
{
    bool odd = json_null_odd_numbers(v);

    if (json_walk_deep(v, depth, json_empty_container))
        return "nested too deep";
    return odd ? "has a number that JSON does not know (NaN or Infinity)"
               : NULL;
}

/* "byte 12: unexpected character, at "}, ..."" */
static int json_syntax_error(struct err *err, struct str text, size_t replaced,
    const yyjson_read_err *why)
{
    enum { SHOWN_BYTES = 24 };
    size_t pos = why->pos < text.len ? why->pos : text.len;
    struct str rest = {text.p + pos, text.len - pos};
    struct buf shown, quoted;

    if (why->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return err_set(
            err, ERR_NOMEM, "the document needs more memory than it may take");
    if (text.len == 0)
        return err_set(err, ERR_INVALID, "empty input, not JSON");
    if (replaced > 0) /* positions in the repaired copy are not the text's */
        return err_set(err, ERR_INVALID,
            "byte %zu (counting 3 for each of %zu replaced characters): %s",
            why->pos, replaced, why->msg);
    if (rest.len > SHOWN_BYTES)
        rest.len = SHOWN_BYTES;
    buf_init(&shown, SHOWN_BYTES * 3);
    buf_init(&quoted, SHOWN_BYTES * 3 * 6 + 2);
    utf8_repair(&shown, rest);
    buf_json_str(&quoted, buf_view(&shown));
    err_set(err, ERR_INVALID, "byte %zu: %s%s%.*s", why->pos, why->msg,
        rest.len > 0 ? ", at " : "", rest.len > 0 ? (int)quoted.len : 0,
        quoted.len > 0 ? quoted.data : "");
    buf_free(&quoted);
    buf_free(&shown);
    return ERR_INVALID;
}

static void json_doc_release(void *doc)
{
    yyjson_doc_free(doc);
}

/* Gives the document to the arena, at what its values and text really take. */
static int json_keep_doc(struct arena *a, struct doc_memory *m, yyjson_doc *doc)
{
    size_t needed = yyjson_doc_get_val_count(doc) * sizeof(yyjson_val) +
                    yyjson_doc_get_read_size(doc);

    if (arena_defer(a, json_doc_release, doc) < 0) {
        yyjson_doc_free(doc);
        return ERR_NOMEM;
    }
    /* yyjson sets aside more at first; the system lends no page of that. */
    if (needed < m->bytes)
        a->used_bytes -= m->bytes - needed;
    m->arena = NULL; /* freed with the arena, which counts from 0 then */
    return 0;
}

/* Strictly, unless the caller asks about flaws. */
static yyjson_doc *json_read_tolerant(struct doc_memory *m, struct str text,
    size_t *repairs, struct json_flaws *flaws, yyjson_read_err *why)
{
    yyjson_read_flag flags =
        flaws != NULL ? YYJSON_READ_ALLOW_INF_AND_NAN : YYJSON_READ_NOFLAG;
    yyjson_doc *doc = json_read_doc(m, text, YYJSON_READ_NOFLAG, why);
    bool strict = doc != NULL;

    if (doc == NULL && flaws != NULL &&
        why->code != YYJSON_READ_ERROR_MEMORY_ALLOCATION &&
        why->code != YYJSON_READ_ERROR_INVALID_STRING)
        doc = json_read_doc(m, text, flags, why);
    if (doc == NULL && flaws != NULL &&
        why->code == YYJSON_READ_ERROR_INVALID_STRING)
        doc = json_read_escaped(m, text, flags, repairs, why);
    if (doc == NULL && why->code == YYJSON_READ_ERROR_INVALID_STRING)
        doc = json_read_repaired(m, text, flags, repairs, why);
    if (flaws != NULL)
        flaws->odd_numbers = doc != NULL && !strict;
    return doc;
}

/* Positions in a repaired copy are past those in the text. */
static void json_note_error(struct json_flaws *flaws, struct str text,
    size_t repairs, const yyjson_read_err *why)
{
    size_t pos = why->pos > 2 * repairs ? why->pos - 2 * repairs : 0;

    flaws->error_at = pos < text.len ? pos : text.len;
}

static int json_parse_doc(struct arena *a, struct str text, yyjson_val **root,
    size_t *replaced, struct json_flaws *flaws, struct err *err)
{
    struct doc_memory *m = arena_calloc(a, 1, sizeof(*m));
    yyjson_read_err why = {0};
    yyjson_doc *doc;
    size_t repairs = 0;

    *root = NULL;
    if (m == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a document");
    m->arena = a;
    doc = json_read_tolerant(m, text, &repairs, flaws, &why);
    if (doc == NULL) {
        if (flaws != NULL)
            json_note_error(flaws, text, repairs, &why);
        return json_syntax_error(err, text, repairs, &why);
    }
    if (json_walk_deep(
            yyjson_doc_get_root(doc), JSON_MAX_DEPTH, json_leave_as_is)) {
        if (flaws == NULL) {
            yyjson_doc_free(doc);
            return err_set(err, ERR_INVALID, "nested deeper than %d levels",
                JSON_MAX_DEPTH);
        }
        flaws->too_deep = true;
    }
    *root = yyjson_doc_get_root(doc);
    if (json_keep_doc(a, m, doc) < 0) {
        *root = NULL;
        return err_set(err, ERR_NOMEM, "no memory for a document");
    }
    if (replaced != NULL)
        *replaced += repairs;
    return 0;
}

int json_parse(struct arena *a, struct str text, yyjson_val **root,
    size_t *replaced, struct err *err)
{
    return json_parse_doc(a, text, root, replaced, NULL, err);
}

int json_parse_flawed(struct arena *a, struct str text, yyjson_val **root,
    size_t *replaced, struct json_flaws *flaws, struct err *err)
{
    *flaws = (struct json_flaws){.too_deep = false};
    if (text.len >= 3 && memcmp(text.p, "\xEF\xBB\xBF", 3) == 0) {
        text.p += 3;
        text.len -= 3;
    }
    return json_parse_doc(a, text, root, replaced, flaws, err);
}
