/* JavaScript's numbers as text, and its order of an object's keys. */
#include "base/json.h"

#include "base/strmap.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A positive number as 0.DIGITS times ten to the power of `point`. */
struct decimal {
    char digits[20];
    int count;
    int point;
};

/*
 * yyjson finds the shortest digits that read back, and of those the nearest;
 * only its layout is not JavaScript's. The value is written into memory on
 * the stack.
 */
static bool json_js_shortest(double x, struct decimal *d)
{
    char pool[512];
    yyjson_alc alc;
    yyjson_val v = {0};
    bool seen_point = false;
    char *text;

    yyjson_set_real(&v, x);
    if (!yyjson_alc_pool_init(&alc, pool, sizeof(pool)))
        return false;
    text = yyjson_val_write_opts(&v, 0, &alc, NULL, NULL);
    if (text == NULL)
        return false;
    *d = (struct decimal){.count = 0};
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text == '.')
            seen_point = true;
        else if (*text == '0' && d->count == 0)
            d->point -= seen_point; /* 0.00123 */
        else {
            if (d->count < (int)sizeof(d->digits))
                d->digits[d->count++] = *text;
            d->point += !seen_point;
        }
    }
    if (*text == 'e')
        d->point += (int)strtol(text + 1, NULL, 10);
    while (d->count > 1 && d->digits[d->count - 1] == '0')
        d->count--;
    return true;
}

static size_t json_js_zeros(char *out, int count)
{
    if (count <= 0)
        return 0;
    memset(out, '0', (size_t)count);
    return (size_t)count;
}

static size_t json_js_digits(
    char *out, const struct decimal *d, int from, int to)
{
    memcpy(out, d->digits + from, (size_t)(to - from));
    return (size_t)(to - from);
}

/* ECMAScript's Number::toString: plain from 1e-7 to 1e21, else an exponent. */
static size_t json_js_lay_out(char *out, const struct decimal *d)
{
    size_t at = 0;
    int whole = d->point < d->count ? d->point : d->count;

    if (d->point <= -6 || d->point > 21) {
        at += json_js_digits(out, d, 0, 1);
        if (d->count > 1) {
            out[at++] = '.';
            at += json_js_digits(out + at, d, 1, d->count);
        }
        return at + (size_t)snprintf(
                        out + at, JS_NUMBER_BYTES - at, "e%+d", d->point - 1);
    }
    if (d->point <= 0) {
        out[at++] = '0';
        out[at++] = '.';
        at += json_js_zeros(out + at, -d->point);
        whole = 0;
    } else {
        at += json_js_digits(out, d, 0, whole);
        at += json_js_zeros(out + at, d->point - d->count);
        if (whole < d->count)
            out[at++] = '.';
    }
    return at + json_js_digits(out + at, d, whole, d->count);
}

size_t js_number(double x, char out[JS_NUMBER_BYTES])
{
    struct decimal d;
    size_t at = 0;

    if (isnan(x))
        return (size_t)snprintf(out, JS_NUMBER_BYTES, "NaN");
    if (fabs(x) <= 0x1p53 && x == trunc(x))
        return (size_t)snprintf(out, JS_NUMBER_BYTES, "%lld", (long long)x);
    if (x < 0)
        out[at++] = '-';
    if (isinf(x))
        at += (size_t)snprintf(out + at, JS_NUMBER_BYTES - at, "Infinity");
    else if (json_js_shortest(fabs(x), &d))
        at += json_js_lay_out(out + at, &d);
    out[at] = '\0';
    return at;
}

/* An array index: digits without a leading zero, up to 2^32 - 2. */
static bool json_js_is_index(struct str key)
{
    static const char most[] = "4294967294";

    if (key.len == 0 || key.len > sizeof(most) - 1 ||
        (key.p[0] == '0' && key.len > 1))
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (key.p[i] < '0' || key.p[i] > '9')
            return false;
    return key.len < sizeof(most) - 1 || memcmp(key.p, most, key.len) <= 0;
}

static int json_js_by_index(const void *a, const void *b)
{
    const struct json_entry *x = a, *y = b;

    if (x->key.len != y->key.len)
        return x->key.len < y->key.len ? -1 : 1;
    return memcmp(x->key.p, y->key.p, x->key.len);
}

/* Index keys to the front, in ascending order; the others stay as they are. */
static int json_js_order_keys(struct arena *a, struct json_entry *e, size_t n)
{
    struct json_entry *others;
    size_t indexes = 0, rest = 0;

    for (size_t i = 0; i < n; i++)
        indexes += json_js_is_index(e[i].key);
    if (indexes == 0)
        return 0;
    others = arena_calloc(a, n - indexes, sizeof(*others));
    if (others == NULL)
        return ERR_NOMEM;
    indexes = 0;
    for (size_t i = 0; i < n; i++) {
        if (json_js_is_index(e[i].key))
            e[indexes++] = e[i];
        else
            others[rest++] = e[i];
    }
    qsort(e, indexes, sizeof(*e), json_js_by_index);
    memcpy(e + indexes, others, rest * sizeof(*e));
    return 0;
}

enum { FEW_KEYS = 12 };

/* Where the key is among the first n, or n; a map is for the large ones. */
static size_t json_js_place_of(
    struct strmap *seen, const struct json_entry *e, size_t n, struct str key)
{
    size_t i, *place;
    bool found;

    if (seen->slots == NULL) {
        for (i = 0; i < n; i++)
            if (str_eq(e[i].key, key))
                break;
        return i;
    }
    place = strmap_put(seen, key, &found);
    if (!found)
        *place = n;
    return *place;
}

static long json_js_object_entries(
    struct arena *a, yyjson_val *object, struct json_entry *e)
{
    struct strmap seen = {.slots = NULL};
    size_t i, max, place, n = 0;
    yyjson_val *key, *value;

    if (yyjson_obj_size(object) > FEW_KEYS &&
        strmap_init(&seen, a, yyjson_obj_size(object)) < 0)
        return ERR_NOMEM;
    yyjson_obj_foreach(object, i, max, key, value)
    {
        place = json_js_place_of(&seen, e, n, json_str(key));
        if (place == n)
            e[n++].key = json_str(key);
        e[place].value = value;
    }
    if (json_js_order_keys(a, e, n) < 0)
        return ERR_NOMEM;
    return (long)n;
}

static long json_js_array_entries(
    struct arena *a, yyjson_val *array, struct json_entry *e)
{
    enum { INDEX_BYTES = 12 };
    char *keys = arena_calloc(a, yyjson_arr_size(array), INDEX_BYTES);
    size_t i, max;
    yyjson_val *value;

    if (keys == NULL)
        return ERR_NOMEM;
    yyjson_arr_foreach(array, i, max, value)
    {
        int len = snprintf(keys, INDEX_BYTES, "%u", (unsigned)i);

        e[i] = (struct json_entry){{keys, (size_t)len}, value};
        keys += INDEX_BYTES;
    }
    return (long)yyjson_arr_size(array);
}

long json_entries(
    struct arena *a, yyjson_val *object, struct json_entry **members)
{
    *members = NULL;
    if (!yyjson_is_ctn(object) || yyjson_get_len(object) == 0)
        return 0;
    *members = arena_calloc(a, yyjson_get_len(object), sizeof(**members));
    if (*members == NULL)
        return ERR_NOMEM;
    return yyjson_is_obj(object) ? json_js_object_entries(a, object, *members)
                                 : json_js_array_entries(a, object, *members);
}
