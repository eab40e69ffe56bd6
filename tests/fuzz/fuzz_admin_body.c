/*
 * Any bytes as the body of an admin request; the first one says of which. What
 * is accepted is within its bounds, what is not can be shown.
 */
#include "fuzz.h"

#include "api/body.h"
#include "ops/search/search.h"

enum { NAMES_MOST = 1000, TENANT_BYTES = 200 };

static void check_names(const char **names, size_t n)
{
    require(n <= NAMES_MOST);
    for (size_t i = 0; i < n; i++) {
        struct str name = str_of(names[i]);

        require(name.len > 0 && text_trim(name).len == name.len);
        require(utf8_valid(name));
    }
}

static void check_tenant(const char *tenant)
{
    if (tenant == NULL)
        return;
    require(*tenant != '\0' && strlen(tenant) <= TENANT_BYTES);
    require(utf8_visible(str_of(tenant)));
}

static void read_trigger(struct str text)
{
    struct body_trigger b;
    struct err err = {.code = 0};

    if (body_read_trigger(&b, text, &err) == 0) {
        check_names(b.ask.spec.services, b.ask.spec.nservices);
        check_tenant(b.ask.spec.tenant);
        require(b.ask.spec.kind != NULL && b.ask.spec.trigger != NULL);
    } else {
        check_err(&err);
    }
    body_trigger_free(&b);
}

static void read_retry(struct str text)
{
    struct body_retry b;
    struct err err = {.code = 0};

    if (body_read_retry(&b, text, &err) == 0) {
        check_names(b.services.names, b.services.n);
        check_names(b.ids.names, b.ids.n);
        check_tenant(b.tenant);
    } else {
        check_err(&err);
    }
    body_retry_free(&b);
}

static void read_search(struct str text)
{
    struct body_search b;
    struct err err = {.code = 0};
    struct arena arena;
    struct text_search_req req = {.arena = &arena};

    arena_init(&arena, 0);
    if (body_read_search(&b, text, &req, &err) == 0) {
        require(text_trim(req.text).len > 0 && utf8_valid(req.text));
        require(req.limit >= 1 && req.limit <= SEARCH_MOST);
        require(req.filter.nfields <= SEARCH_FIELDS);
    } else {
        check_err(&err);
    }
    json_decref(b.body);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text;
    char *z;

    if (size == 0)
        return 0;
    z = text_copy((struct str){(const char *)data + 1, size - 1});
    text = (struct str){z, size - 1};
    switch (data[0] % 3) {
    case 0:
        read_trigger(text);
        break;
    case 1:
        read_retry(text);
        break;
    default:
        read_search(text);
        break;
    }
    free(z);
    return 0;
}
