/* What the tests of JSON share: a document's arena for each test. */
#ifndef TESTS_BASE_PARSED_H
#define TESTS_BASE_PARSED_H

#include "base/json.h"

#include "unit/base/check.h"

#define REPL "\xEF\xBF\xBD" /* U+FFFD */

struct fixture {
    struct arena arena;
    struct err err;
};

static inline int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    arena_init(&f->arena, 0);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;

    arena_free(&f->arena);
    test_free(f);
    return 0;
}

static inline yyjson_val *parsed(struct fixture *f, const char *text)
{
    yyjson_val *root;

    if (json_parse(&f->arena, str_of(text), &root, NULL, &f->err) < 0)
        fail_msg("%s: %s", text, f->err.msg);
    return root;
}

static inline void assert_written(yyjson_val *v, const char *expected)
{
    struct buf out;

    buf_init(&out, 100000);
    json_write(&out, v, NULL);
    assert_int_equal(out.error, 0);
    assert_str(buf_view(&out), str_of(expected));
    buf_free(&out);
}

#define WITH_ARENA(test) \
    cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
