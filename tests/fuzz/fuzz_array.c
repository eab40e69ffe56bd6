/*
 * Any bytes, cut at 0xFF, as an array parameter: decoded as PostgreSQL's
 * array_recv() would, it holds exactly what was put in. The first byte chooses
 * the type.
 */
#include "fuzz.h"

#include "db/call.h"
#include <arpa/inet.h>

enum { MOST_ELEMENTS = 64 };

/* What is left to decode. */
struct decoder {
    const uint8_t *at, *end;
};

static uint32_t take_int(struct decoder *d)
{
    uint32_t n;

    require(d->end - d->at >= 4);
    memcpy(&n, d->at, 4);
    d->at += 4;
    return ntohl(n);
}

static struct str take_element(struct decoder *d)
{
    uint32_t len = take_int(d);
    struct str s = {(const char *)d->at, len};

    require(len <= (size_t)(d->end - d->at));
    d->at += len;
    return s;
}

static void check_decoded(
    struct pg_param p, unsigned element, const struct str *values, size_t n)
{
    struct decoder d = {p.data, (const uint8_t *)p.data + p.len};

    require(p.binary && take_int(&d) == (n > 0));
    require(take_int(&d) == 0); /* no NULLs */
    require(take_int(&d) == element);
    if (n > 0)
        require(take_int(&d) == n && take_int(&d) == 1);
    for (size_t i = 0; i < n; i++)
        require(str_eq(take_element(&d), values[i]));
    require(d.at == d.end);
}

static void check_array(
    struct arena *a, unsigned kind, const struct str *values, size_t n)
{
    static const unsigned oids[] = {
        PG_TEXT_ARRAY, PG_BYTEA_ARRAY, PG_JSONB_ARRAY, 54321};
    static const unsigned elements[] = {PG_TEXT, PG_BYTEA, PG_JSONB, 12345};
    struct pg_array array;
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += values[i].len;
    require(array_init(
                &array, a, oids[kind], kind == 3 ? 12345 : 0, n, bytes) == 0);
    for (size_t i = 0; i < n; i++)
        array_add(&array, values[i]);
    check_decoded(array_param(&array), elements[kind], values, n);
}

static void check_numbers(struct arena *a, struct str bytes)
{
    size_t n = bytes.len / 4;
    struct str *values = arena_calloc(a, n + 1, sizeof(*values));
    struct pg_array array;

    require(values != NULL);
    require(array_init(&array, a, PG_INT4_ARRAY, 0, n, n * 4) == 0);
    for (size_t i = 0; i < n; i++) {
        uint32_t number;

        values[i] = (struct str){bytes.p + 4 * i, 4};
        memcpy(&number, values[i].p, 4);
        array_add_int4(&array, (int32_t)ntohl(number));
    }
    check_decoded(array_param(&array), PG_INT4, values, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data + 1, size - 1};
    struct str values[MOST_ELEMENTS];
    struct arena a;
    size_t n = 0;

    if (size == 0)
        return 0;
    arena_init(&a, 0);
    check_numbers(&a, rest);
    while (rest.len > 0 && n < MOST_ELEMENTS)
        values[n++] = take_until(&rest, '\xFF');
    check_array(&a, data[0] % 4, values, n);
    arena_free(&a);
    return 0;
}
