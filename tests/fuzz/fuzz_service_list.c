/*
 * What the coordinator says there is, and the same bytes as a setting: names
 * that can be asked for, each once, or an error that can be shown.
 */
#include "fuzz.h"

#include "base/log.h"
#include "source/service_names.h"
#include <stdio.h>

static void check_names(const struct service_names *list)
{
    require(list->n <= SERVICE_LIST_MAX);
    for (size_t i = 0; i < list->n; i++) {
        struct str name = str_of(list->names[i]);

        require(name.len > 0 && name.len <= SERVICE_NAME_BYTES);
        require(utf8_visible(name) && text_trim(name).len == name.len);
        for (size_t k = 0; k < i; k++)
            require(!str_eq(str_of(list->names[k]), name));
    }
}

static void check_answer(struct arena *a, struct str text)
{
    struct service_names list = {.arena = a};
    struct err err = {.code = 0};

    if (service_names_read(&list, text, &err) == 0)
        require(list.n > 0);
    else
        check_err(&err);
    check_names(&list);
}

static void check_setting(struct arena *a, const char *text)
{
    struct service_names list = {.arena = a};
    struct err err = {.code = 0};

    if (service_names_split(&list, text, &err) < 0)
        check_err(&err);
    check_names(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    char *z = text_copy(text);
    struct arena a;

    log_init(stderr, LOG_ERROR);
    arena_init(&a, 1 << 22);
    check_answer(&a, text);
    check_setting(&a, z);
    arena_free(&a);
    free(z);
    return 0;
}
