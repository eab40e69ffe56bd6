#include "base/io/trace_context.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* Where the parts stand. */
enum { AT_ID = 3, AT_SPAN = 36, AT_FLAGS = 53, LENGTH = 55 };

static int trace_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* So many lower-case digits, not all of them 0 unless that is allowed. */
static bool trace_is_hex(const char *p, size_t n, bool zero)
{
    for (size_t i = 0; i < n; i++) {
        if (trace_digit(p[i]) < 0)
            return false;
        zero = zero || p[i] != '0';
    }
    return zero;
}

/* A later version may have more behind a further dash. */
static bool trace_is_valid(struct str s)
{
    const char *p = s.p;

    if (s.len < LENGTH || p[2] != '-' || p[AT_SPAN - 1] != '-' ||
        p[AT_FLAGS - 1] != '-' || !trace_is_hex(p, 2, true) ||
        memcmp(p, "ff", 2) == 0)
        return false;
    if (s.len > LENGTH && (memcmp(p, "00", 2) == 0 || p[LENGTH] != '-'))
        return false;
    return trace_is_hex(p + AT_ID, 32, false) &&
           trace_is_hex(p + AT_SPAN, 16, false) &&
           trace_is_hex(p + AT_FLAGS, 2, true);
}

/* Spread over all bits (splitmix64), so that no span looks like another. */
static uint64_t trace_mix(uint64_t n)
{
    n += 0x9E3779B97F4A7C15;
    n = (n ^ (n >> 30)) * 0xBF58476D1CE4E5B9;
    n = (n ^ (n >> 27)) * 0x94D049BB133111EB;
    return n ^ (n >> 31);
}

bool trace_context_read(struct trace_context *t, struct str header)
{
    *t = (struct trace_context){.id = ""};
    if (!trace_is_valid(header))
        return false;
    memcpy(t->id, header.p + AT_ID, TRACE_ID_BYTES - 1);
    t->flags = (uint8_t)(trace_digit(header.p[AT_FLAGS + 1]) & 1);
    for (int i = 0; i < 16; i++)
        t->spans = t->spans << 4 | (uint64_t)trace_digit(header.p[AT_SPAN + i]);
    t->spans = trace_mix(t->spans);
    return true;
}

void trace_context_make(struct trace_context *t, const uint8_t random[16])
{
    *t = (struct trace_context){.flags = 1};
    for (int i = 0; i < 16; i++)
        snprintf(t->id + (size_t)2 * (size_t)i, 3, "%02x", random[i]);
    memcpy(&t->spans, random, sizeof(t->spans));
    t->id[31] = t->id[31] == '0' ? '1' : t->id[31]; /* not all of them 0 */
}

void trace_context_begin(struct trace_context *t, struct str header)
{
    uint8_t random[16];

    if (trace_context_read(t, header))
        return;
    if (getentropy(random, sizeof(random)) < 0)
        abort();
    trace_context_make(t, random);
}

void trace_context_next(struct trace_context *t, char out[TRACEPARENT_BYTES])
{
    uint64_t span = trace_mix(++t->spans);

    out[0] = '\0';
    if (t->id[0] != '\0')
        snprintf(out, TRACEPARENT_BYTES, "00-%s-%016" PRIx64 "-%02x", t->id,
            span == 0 ? 1 : span, t->flags);
}
