/* What the tests of the configuration share. */
#ifndef TESTS_CONFIG_ENVIRONMENT_H
#define TESTS_CONFIG_ENVIRONMENT_H

#include "config/config.h"

#include "unit/base/check.h"

/* An environment of "NAME=value" strings, and what comes of reading it. */
struct fixture {
    char *names[16];
    struct config config;
    struct buf problems, warnings;
    int status;
};

static inline int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    buf_init(&f->problems, 100000);
    buf_init(&f->warnings, 100000);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;

    config_free(&f->config);
    buf_free(&f->problems);
    buf_free(&f->warnings);
    test_free(f);
    return 0;
}

static inline const char *lookup(void *arg, const char *name)
{
    struct fixture *f = arg;
    size_t len = strlen(name);

    for (char **p = f->names; *p != NULL; p++)
        if (strncmp(*p, name, len) == 0 && (*p)[len] == '=')
            return *p + len + 1;
    return NULL;
}

static inline void read_env(struct fixture *f, unsigned needs)
{
    config_free(&f->config);
    buf_reset(&f->problems);
    buf_reset(&f->warnings);
    f->status = config_read(
        &f->config, needs, lookup, f, f->names, &f->problems, &f->warnings);
}

/* The environment is what is listed, and nothing else. */
#define READ(f, needs, ...)                                   \
    do {                                                      \
        memcpy((f)->names, ((char *[16]){__VA_ARGS__, NULL}), \
            sizeof((f)->names));                              \
        read_env((f), (needs));                               \
    } while (0)

static inline const char *problems(struct fixture *f)
{
    return f->problems.len > 0 ? f->problems.data : "";
}

static inline const char *warnings(struct fixture *f)
{
    return f->warnings.len > 0 ? f->warnings.data : "";
}

static inline void assert_fine(struct fixture *f)
{
    if (f->status != 0 || f->problems.len > 0 || f->warnings.len > 0)
        fail_msg("%d: %s%s", f->status, problems(f), warnings(f));
}

static inline void assert_fault(struct fixture *f, const char *part)
{
    assert_int_equal(f->status, ERR_CONFIG);
    if (strstr(problems(f), part) == NULL)
        fail_msg("no \"%s\" in: %s", part, problems(f));
}

static inline size_t lines(struct fixture *f)
{
    size_t count = 0;

    for (const char *p = problems(f); *p != '\0'; p++)
        count += *p == '\n';
    return count;
}

#define READING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
