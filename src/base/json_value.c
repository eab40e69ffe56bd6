/* What a value says, and its written and digested forms. */
#include "base/json.h"

#include "base/crypto.h"
#include "base/text.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

yyjson_val *json_member_str(yyjson_val *object, struct str name)
{
    yyjson_val *key, *found = NULL;
    yyjson_obj_iter it;

    if (!yyjson_obj_iter_init(object, &it))
        return NULL;
    while ((key = yyjson_obj_iter_next(&it)) != NULL)
        if (str_eq(json_str(key), name))
            found = yyjson_obj_iter_get_val(key);
    return found;
}

yyjson_val *json_member(yyjson_val *object, const char *name)
{
    return json_member_str(object, str_of(name));
}

double json_number(yyjson_val *v)
{
    if (yyjson_is_raw(v))
        return strtod(yyjson_get_raw(v), NULL);
    return yyjson_is_num(v) ? yyjson_get_num(v) : NAN;
}

static bool json_value_whole(double x, int64_t *out)
{
    const double most = 9223372036854775808.0; /* 2^63 */

    if (!(x >= -most && x < most) || x != trunc(x))
        return false;
    *out = (int64_t)x;
    return true;
}

/* Digits exactly, other spellings of a whole number (1e3, 5.0) by way of a
 * double; neither hexadecimal nor the words that strtod knows. */
static bool json_value_int_of_text(struct str s, int64_t *out)
{
    char z[32], *end;
    long long value;

    s = text_trim(s);
    if (s.len == 0 || s.len >= sizeof(z))
        return false;
    memcpy(z, s.p, s.len);
    z[s.len] = '\0';
    if (strspn(z, "+-0123456789.eE") != s.len)
        return false;
    if (strpbrk(z, ".eE") != NULL) {
        double x = strtod(z, &end);

        return *end == '\0' && json_value_whole(x, out);
    }
    errno = 0;
    value = strtoll(z, &end, 10);
    if (*end != '\0' || end == z || errno != 0)
        return false;
    *out = value;
    return true;
}

bool json_int(yyjson_val *v, int64_t *out)
{
    if (yyjson_is_sint(v) ||
        (yyjson_is_uint(v) && yyjson_get_uint(v) <= INT64_MAX)) {
        *out = yyjson_get_sint(v);
        return true;
    }
    if (yyjson_is_real(v))
        return json_value_whole(yyjson_get_real(v), out);
    return yyjson_is_str(v) && json_value_int_of_text(json_str(v), out);
}

bool json_bool(yyjson_val *v, bool *out)
{
    bool yes = yyjson_is_true(v) || yyjson_equals_str(v, "true");

    if (!yes && !yyjson_is_false(v) && !yyjson_equals_str(v, "false"))
        return false;
    *out = yes;
    return true;
}

/* The number's text, in `out` or, of a raw one, in the document. */
static struct str json_value_number_text(
    yyjson_val *v, char out[JS_NUMBER_BYTES])
{
    int len;

    if (yyjson_is_raw(v))
        return (struct str){yyjson_get_raw(v), yyjson_get_len(v)};
    if (yyjson_is_real(v))
        return (struct str){out, js_number(yyjson_get_real(v), out)};
    if (yyjson_is_sint(v))
        len = snprintf(out, JS_NUMBER_BYTES, "%" PRId64, yyjson_get_sint(v));
    else
        len = snprintf(out, JS_NUMBER_BYTES, "%" PRIu64, yyjson_get_uint(v));
    return (struct str){out, (size_t)len};
}

static void json_value_write_number(struct buf *out, yyjson_val *v)
{
    char text[JS_NUMBER_BYTES];

    if (yyjson_is_raw(v) && !isfinite(json_number(v)))
        buf_puts(out, "null");
    else
        buf_str(out, json_value_number_text(v, text));
}

static void json_value_write_string(struct buf *out, struct str s, size_t *nuls)
{
    struct buf kept;

    if (s.len == 0 || memchr(s.p, '\0', s.len) == NULL) {
        buf_json_str(out, s);
        return;
    }
    buf_init(&kept, s.len);
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] != '\0')
            buf_char(&kept, s.p[i]);
        else if (nuls != NULL)
            (*nuls)++;
    }
    if (kept.error != 0)
        out->error = kept.error;
    buf_json_str(out, buf_view(&kept));
    buf_free(&kept);
}

static void json_value_write_array(struct buf *out, yyjson_val *v, size_t *nuls)
{
    size_t i, max;
    yyjson_val *element;

    buf_char(out, '[');
    yyjson_arr_foreach(v, i, max, element)
    {
        if (i > 0)
            buf_char(out, ',');
        json_write(out, element, nuls);
    }
    buf_char(out, ']');
}

static void json_value_write_object(
    struct buf *out, yyjson_val *v, size_t *nuls)
{
    size_t i, max;
    yyjson_val *key, *value;

    buf_char(out, '{');
    yyjson_obj_foreach(v, i, max, key, value)
    {
        if (i > 0)
            buf_char(out, ',');
        json_value_write_string(out, json_str(key), nuls);
        buf_char(out, ':');
        json_write(out, value, nuls);
    }
    buf_char(out, '}');
}

void json_write(struct buf *out, yyjson_val *v, size_t *nuls)
{
    switch (yyjson_get_type(v)) {
    case YYJSON_TYPE_BOOL:
        buf_puts(out, yyjson_get_bool(v) ? "true" : "false");
        break;
    case YYJSON_TYPE_NUM:
    case YYJSON_TYPE_RAW:
        json_value_write_number(out, v);
        break;
    case YYJSON_TYPE_STR:
        json_value_write_string(out, json_str(v), nuls);
        break;
    case YYJSON_TYPE_ARR:
        json_value_write_array(out, v, nuls);
        break;
    case YYJSON_TYPE_OBJ:
        json_value_write_object(out, v, nuls);
        break;
    default:
        buf_puts(out, "null");
    }
}

/* A letter for the kind, then the text or the count of what follows. */
static void json_value_digest_one(struct sha256 *s, yyjson_val *v)
{
    char text[JS_NUMBER_BYTES];
    struct str field = {text, 0};
    size_t count;

    switch (yyjson_get_type(v)) {
    case YYJSON_TYPE_NUM:
    case YYJSON_TYPE_RAW:
        field = json_value_number_text(v, text);
        sha256_add(s, "#", 1);
        break;
    case YYJSON_TYPE_STR:
        field = json_str(v);
        sha256_add(s, "\"", 1);
        break;
    case YYJSON_TYPE_ARR:
    case YYJSON_TYPE_OBJ:
        count = yyjson_get_len(v);
        field.len = (size_t)snprintf(text, sizeof(text), "%zu", count);
        sha256_add(s, yyjson_is_arr(v) ? "[" : "{", 1);
        break;
    case YYJSON_TYPE_BOOL:
        sha256_add(s, yyjson_get_bool(v) ? "t" : "f", 1);
        return;
    default:
        sha256_add(s, "n", 1);
        return;
    }
    sha256_add_field(s, field);
}

/* In the order of yyjson's memory, which is the order of the text; with the
 * counts of the containers there is one tree only that reads so. */
static size_t json_value_size_one(yyjson_val *v)
{
    enum { QUOTES = 2, BRACKETS = 2, COMMA = 1 };
    char text[JS_NUMBER_BYTES];

    if (yyjson_is_str(v))
        return yyjson_get_len(v) + QUOTES + COMMA;
    if (yyjson_is_ctn(v))
        return BRACKETS + COMMA;
    if (yyjson_is_num(v) || yyjson_is_raw(v))
        return json_value_number_text(v, text).len + COMMA;
    return strlen("null") + COMMA;
}

size_t json_size(yyjson_val *v)
{
    yyjson_val *end = v == NULL ? NULL : unsafe_yyjson_get_next(v);
    size_t bytes = 0;

    for (; v < end; v++)
        bytes += json_value_size_one(v);
    return bytes;
}

void json_digest(struct sha256 *s, yyjson_val *v)
{
    yyjson_val *end;

    if (v == NULL)
        return;
    end = unsafe_yyjson_get_next(v);
    for (; v < end; v++)
        json_value_digest_one(s, v);
}
