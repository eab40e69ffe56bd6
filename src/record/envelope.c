#include "record/envelope_impl.h"

#include "base/text.h"

enum {
    TEXT_CHARS = 200, /* of a source's text in a message */
    KEY_CHARS = 40,   /* of a key in a list of them */
    KEYS_LISTED = 12
};

struct str envelope_first_line(struct str text)
{
    size_t len = 0;

    text = text_trim(text);
    while (len < text.len && text.p[len] != '\n' && text.p[len] != '\r')
        len++;
    text.len = len;
    text.len = utf8_prefix(text, TEXT_CHARS);
    return text;
}

/* What an error member says: a string, or an object with a message. */
static struct str envelope_error_text(yyjson_val *v)
{
    if (yyjson_is_obj(v)) {
        yyjson_val *message = json_member(v, "message");

        v = message != NULL ? message : json_member(v, "error");
    }
    return yyjson_is_str(v) ? envelope_first_line(json_str(v))
                            : (struct str){NULL, 0};
}

struct str envelope_field_of(const struct envelope *e, const char *name)
{
    for (size_t i = 0; i < e->nfields; i++) {
        if (str_eq(e->fields[i].name, str_of(name)))
            return text_trim(e->fields[i].value);
    }
    return (struct str){NULL, 0};
}

struct str envelope_shown(const struct envelope_reader *r, struct str text)
{
    struct buf repaired;
    struct str line = envelope_first_line(text);

    if (utf8_valid(line))
        return line;
    buf_init(&repaired, 4 * TEXT_CHARS * 3);
    utf8_repair(&repaired, line);
    line = arena_dup(r->a, buf_view(&repaired));
    buf_free(&repaired);
    return line;
}

static bool envelope_is_target(const struct envelope_reader *r, struct str name)
{
    return str_eq(name, str_of(r->service)) ||
           (r->schema != NULL && schema_is_named(r->schema, name));
}

static int envelope_parse(struct envelope_reader *r)
{
    struct str text = r->envelope->json;
    struct err bad = {.code = 0};

    if (text.len == 0)
        return err_set(r->err, ERR_SOURCE, "empty envelope_json");
    if (json_parse_flawed(
            r->a, text, &r->root, &r->view->replaced, &r->flaws, &bad) == 0)
        return 0;
    if (bad.code == ERR_NOMEM)
        return err_set(r->err, ERR_NOMEM, "%s", bad.msg);
    return envelope_set_broken(r, &bad);
}

/* Does v say success: false? Below the root only beside an error, since an
 * item may have a field of that name. */
static bool envelope_says_failure(yyjson_val *v, bool is_root)
{
    yyjson_val *error = json_member(v, "error");
    bool success;

    return json_bool(json_member(v, "success"), &success) && !success &&
           (is_root || (error != NULL && !yyjson_is_null(error)));
}

static int envelope_check_success(const struct envelope_reader *r)
{
    yyjson_val *places[] = {r->root, json_member(r->root, "data"), r->result,
        json_member(r->result, "data")};

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        struct str text;

        if (!envelope_says_failure(places[i], i == 0))
            continue;
        text = envelope_error_text(json_member(places[i], "error"));
        if (text.len == 0)
            text = envelope_error_text(places[i]);
        if (text.len == 0)
            text = STR("success is false, without an error");
        return err_set(
            r->err, ERR_SOURCE, "source failed: %.*s", STR_ARG(text));
    }
    return 0;
}

/* Why an attempt of the cascade came to nothing; len 0: it does not say. */
static struct str envelope_attempt_cause(yyjson_val *attempt)
{
    struct str cause = envelope_error_text(json_member(attempt, "error"));

    return cause.len > 0
               ? cause
               : envelope_error_text(json_member(attempt, "rejectReason"));
}

static struct str envelope_attempt_service(yyjson_val *attempt)
{
    yyjson_val *name = json_member(attempt, "serviceName");

    return yyjson_is_str(name) ? text_trim(json_str(name))
                               : (struct str){NULL, 0};
}

static bool envelope_has_reason(
    yyjson_val *attempt, const char *key, const char *reason)
{
    yyjson_val *v = json_member(attempt, key);

    return yyjson_is_str(v) && str_eq(text_trim(json_str(v)), str_of(reason));
}

/* The target was asked last with the outcome that it has no items. */
static bool envelope_target_is_empty(const struct envelope_reader *r)
{
    yyjson_val *attempts = json_member(r->root, "cascadeAttempts");
    bool empty = false, success;
    size_t i, n;
    yyjson_val *v;

    if (!yyjson_is_arr(attempts))
        return false;
    yyjson_arr_foreach(attempts, i, n, v)
    {
        if (!envelope_is_target(r, envelope_attempt_service(v)))
            continue;
        empty = envelope_has_reason(v, "error", "empty_results") ||
                envelope_has_reason(v, "rejectReason", "empty_results");
        if (json_bool(json_member(v, "success"), &success) && success)
            empty = false;
    }
    return empty;
}

static int envelope_check_answerer(const struct envelope_reader *r)
{
    struct str names[] = {envelope_field_of(r->envelope, "successful_service"),
        envelope_attempt_service(r->result)};

    for (size_t i = 0; i < 2; i++) {
        if (names[i].len == 0 || str_eq(names[i], STR("none")) ||
            envelope_is_target(r, names[i]))
            continue;
        names[i] = envelope_shown(r, names[i]);
        return err_set(
            r->err, ERR_ANSWERED_BY, "answered by %.*s", STR_ARG(names[i]));
    }
    return 0;
}

/*
 * The cause a failed cascade gives, the target's own attempt first. Returns
 * false when there was no attempt.
 */
static bool envelope_cascade_cause(
    const struct envelope_reader *r, struct str *service, struct str *cause)
{
    yyjson_val *attempts = json_member(r->root, "cascadeAttempts");
    size_t i, n;
    yyjson_val *v, *best = NULL;

    if (!yyjson_is_arr(attempts) || yyjson_arr_size(attempts) == 0)
        return false;
    yyjson_arr_foreach(attempts, i, n, v)
    {
        if (envelope_attempt_cause(v).len == 0)
            continue;
        if (best == NULL ||
            envelope_is_target(r, envelope_attempt_service(v)) ||
            !envelope_is_target(r, envelope_attempt_service(best)))
            best = v;
    }
    *service = envelope_attempt_service(best);
    *cause = envelope_attempt_cause(best);
    if (cause->len == 0)
        *cause =
            envelope_shown(r, envelope_field_of(r->envelope, "stopped_reason"));
    return true;
}

static int envelope_set_cascade_error(const struct envelope_reader *r)
{
    struct str service, cause;

    if (!envelope_cascade_cause(r, &service, &cause))
        return 0;
    if (service.len == 0)
        service = str_of(r->service);
    if (cause.len == 0)
        cause = STR("failed without a cause");
    return err_set(r->err, ERR_SOURCE, "%.*s: %.*s",
        STR_ARG(envelope_first_line(service)), STR_ARG(cause));
}

/* A service behind the coordinator failed: the status was OK all the same. */
static int envelope_check_cascade(const struct envelope_reader *r)
{
    return yyjson_is_null(r->result) ? envelope_set_cascade_error(r) : 0;
}

/* The array of items in the answer; NULL when there is none. */
static yyjson_val *envelope_find_array(const struct envelope_reader *r)
{
    yyjson_val *data = json_member(r->root, "data");
    yyjson_val *result = json_member(r->result, "data");
    yyjson_val *payload = json_member(r->root, "payload");
    yyjson_val *places[] = {json_member(data, "items"), data,
        json_member(result, "items"), result, json_member(r->root, "items"),
        r->root, json_member(payload, "data")};

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        if (yyjson_is_arr(places[i]))
            return places[i];
    }
    return NULL;
}

/* The single item in the answer ({}: no item); NULL when there is none. */
static yyjson_val *envelope_find_object(const struct envelope_reader *r)
{
    yyjson_val *data = json_member(r->root, "data");

    if (!yyjson_is_obj(data))
        data = json_member(r->result, "data");
    return yyjson_is_obj(data) ? data : NULL;
}

/* Lists the keys there are into a message of its own. */
static int envelope_set_no_items(const struct envelope_reader *r)
{
    char list[(KEYS_LISTED + 1) * (4 * KEY_CHARS + 2)] = "";
    size_t i, n, len = 0;
    yyjson_val *key, *v;

    if (!yyjson_is_obj(r->root))
        return err_set(r->err, ERR_SOURCE, "no items: the answer is %s",
            yyjson_get_type_desc(r->root));
    yyjson_obj_foreach(r->root, i, n, key, v)
    {
        struct str name = json_str(key);

        if (i == KEYS_LISTED) {
            memcpy(list + len, ", ...", 6);
            break;
        }
        name.len = utf8_prefix(name, KEY_CHARS);
        if (i > 0) {
            memcpy(list + len, ", ", 2);
            len += 2;
        }
        memcpy(list + len, name.p, name.len);
        len += name.len;
        list[len] = '\0';
    }
    return err_set(r->err, ERR_SOURCE,
        "no items in the answer; it has the keys: %s", n > 0 ? list : "none");
}

/* An array of JSON is a chain; a page is asked for any of its items. */
static int envelope_list_items(const struct envelope_reader *r)
{
    struct page_view *view = r->view;
    size_t i, n;
    yyjson_val *v;

    view->n = yyjson_is_arr(view->items) ? yyjson_arr_size(view->items)
                                         : yyjson_obj_size(view->items) > 0;
    view->list = arena_calloc(r->a, view->n, sizeof(*view->list));
    if (view->list == NULL)
        return err_set(r->err, ERR_NOMEM, "no memory for a page's items");
    if (view->n > 0)
        view->list[0] = view->items;
    yyjson_arr_foreach(view->items, i, n, v) view->list[i] = v;
    return 0;
}

static int envelope_find_items(const struct envelope_reader *r)
{
    struct page_view *view = r->view;
    int rc;

    view->items = envelope_find_array(r);
    if (view->items == NULL)
        view->items = envelope_find_object(r);
    if (view->items != NULL) {
        rc = envelope_list_items(r);
        return rc < 0 ? rc : envelope_mend_items(r);
    }
    rc = envelope_set_cascade_error(r);
    return rc < 0 ? rc : envelope_set_no_items(r);
}

/* The checks in the order the answers of the deployments call for. */
static int envelope_understand(struct envelope_reader *r)
{
    int rc = envelope_check_success(r);

    if (rc < 0 || envelope_target_is_empty(r))
        return rc;
    rc = envelope_check_answerer(r);
    if (rc == 0)
        rc = envelope_check_cascade(r);
    if (rc == 0)
        rc = envelope_find_items(r);
    if (rc == 0)
        envelope_read_paging(r);
    return rc;
}

int envelope_read(const struct envelope *e, const char *service,
    const struct schema *schema, struct arena *a, struct page_view *view,
    struct err *err)
{
    struct envelope_reader r = {.envelope = e,
        .service = service,
        .schema = schema,
        .a = a,
        .view = view,
        .err = err};
    int rc;

    *view = (struct page_view){.total = -1, .limit = -1};
    rc = envelope_parse(&r);
    if (rc < 0)
        return rc;
    r.result = json_member(r.root, "successfulResult");
    return envelope_understand(&r);
}

yyjson_val *page_view_item(const struct page_view *view, size_t i)
{
    return view->list[i];
}
