/*
 * The value of successful_service, has_more, total and limit on a line each,
 * then the envelope: a page with all its items, or an error that says why.
 */
#include "fuzz.h"

#include "record/envelope.h"
#include "record/pass/pass.h"

static const char *const names[] = {
    "successful_service", "has_more", "total", "limit"};

enum { NAMES = sizeof(names) / sizeof(*names) };

static const char schema_text[] =
    "{\"service_name\":\"backend\",\"aliases\":[\"other\"],"
    "\"data_structure\":{\"id\":\"string\"}}";

static void check_view(const struct page_view *view)
{
    struct pass pass;
    enum pass_next next;

    require(view->total >= -1 && view->limit != 0 && view->limit >= -1);
    for (size_t i = 0; i < view->n; i++)
        require(page_view_item(view, i) != NULL);
    require(utf8_valid(view->has_more_odd));
    pass_begin(&pass, 10, false, 0, -1);
    next = pass_take(&pass, view, 10, view->n);
    if (view->n == 0)
        require(next == PASS_END);
    if (view->n > 0 && view->has_more_known && view->has_more)
        require(next == PASS_MORE);
}

static void check_error(const struct err *err, int rc)
{
    require(err->code == rc);
    require(rc == ERR_SOURCE || rc == ERR_ANSWERED_BY);
    require(err->msg[0] != '\0' && utf8_valid(str_of(err->msg)));
    require(strchr(err->msg, '\n') == NULL || rc == ERR_SOURCE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct buf problems;
    struct schema *schema;
    struct str rest = {(const char *)data, size};
    struct envelope_field fields[NAMES];
    struct envelope req = {.fields = fields, .nfields = NAMES};
    struct page_view view;
    struct err err = {.code = 0};
    int rc;

    arena_init(&a, 0);
    buf_init(&problems, 4096);
    require(schema_parse(&a, "target-service.json", STR(schema_text), &schema,
                &problems) == 0);
    for (size_t i = 0; i < NAMES; i++)
        fields[i] =
            (struct envelope_field){str_of(names[i]), take_until(&rest, '\n')};
    req.json = rest;
    rc = envelope_read(&req, "target", schema, &a, &view, &err);
    if (rc == 0)
        check_view(&view);
    else
        check_error(&err, rc);
    buf_free(&problems);
    arena_free(&a);
    return 0;
}
