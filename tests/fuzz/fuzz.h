/* What the fuzzers share. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/err.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void require(bool holds)
{
    if (!holds)
        abort();
}

/* The text up to the next `border`, which is taken too, or all of it. */
static inline struct str take_until(struct str *rest, char border)
{
    const char *end = rest->len > 0 ? memchr(rest->p, border, rest->len) : NULL;
    struct str part = *rest;

    if (end != NULL)
        part.len = (size_t)(end - rest->p);
    rest->p += part.len + (end != NULL);
    rest->len -= part.len + (end != NULL);
    return part;
}

/* A copy of its own size, so that a read past its end is seen; free() it. */
static inline char *text_copy(struct str s)
{
    char *z = malloc(s.len + 1);

    require(z != NULL);
    if (s.len > 0)
        memcpy(z, s.p, s.len);
    z[s.len] = '\0';
    return z;
}

/* A message that can be shown. */
static inline void check_err(const struct err *err)
{
    require(err->code < 0 && err->msg[0] != '\0');
    require(utf8_valid(str_of(err->msg)));
}

#endif
