/*
 * Memory that runs out: while it is armed, one allocation of STARVED_BYTES or
 * more fails, the first time the first, then the second and so on, until
 * nothing fails any more. What is smaller is of a fixed size, and without it
 * the program ends.
 *
 * For programs whose names end in no_memory: CMake puts these in place of the
 * allocator (-Wl,--wrap), for our code; libraries get theirs as they are told.
 */
#ifndef TESTS_BASE_STARVED_H
#define TESTS_BASE_STARVED_H

#include "unit/base/check.h"

#include <stdlib.h>

enum { STARVED_BYTES = 4096, STARVED_MOST = 10000 };

static bool starved_armed, starved_failed;
static size_t starved_at, starved_seen;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static bool starved_now(size_t size)
{
    if (!starved_armed || size < STARVED_BYTES || starved_seen++ != starved_at)
        return false;
    starved_failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return starved_now(size) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return starved_now(n * size) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return starved_now(size) ? NULL : __real_realloc(p, size);
}

/*
 * Runs `act` again and again, each time another of its allocations fails; it
 * returns an error (< 0) then, and 0 when none did. Fails unless there were at
 * least `least` of them. Leaks are the sanitizers' to find.
 */
static inline void starve(int (*act)(void), size_t least)
{
    int rc;

    for (starved_at = 0; starved_at < STARVED_MOST; starved_at++) {
        starved_seen = 0;
        starved_failed = false;
        starved_armed = true;
        rc = act();
        starved_armed = false;
        if (!starved_failed)
            break;
        if (rc >= 0)
            fail_msg("allocation %zu failed, and it went well", starved_at);
    }
    assert_int_equal(rc, 0);
    if (starved_at < least)
        fail_msg("only %zu allocations of %zu", starved_at, least);
}

#endif
