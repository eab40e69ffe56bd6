/* What the tests of base share: cmocka with what it needs, and strings. */
#ifndef TESTS_BASE_CHECK_H
#define TESTS_BASE_CHECK_H

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Says both when they differ. */
#define assert_str(s, expected)                                               \
    do {                                                                      \
        struct str got_ = (s), want_ = (expected);                            \
        if (!str_eq(got_, want_))                                             \
            fail_msg(                                                         \
                "got \"%.*s\", not \"%.*s\"", STR_ARG(got_), STR_ARG(want_)); \
    } while (0)

#endif
