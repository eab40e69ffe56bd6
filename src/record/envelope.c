#include "record/envelope.h"

#include "base/err.h"
#include "base/text.h"

enum {
    TEXT_CHARS = 200, /* of a source's text in a message */
    KEY_CHARS = 40,   /* of a key in a list of them */
    KEYS_LISTED = 12
};

/* An answer that is being understood. */
struct reader {
    const struct envelope *envelope;
    const char *service;
    const struct schema *schema;
    yyjson_val *root;
    yyjson_val *result; /* successfulResult; may be NULL or null */
    struct arena *a;
    struct page_view *view;
    struct err *err;
};

/* The first line of what a source says, bounded, for a message. */
static struct str envelope_first_line(struct str text)
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
static struct str error_text(yyjson_val *v)
{
    if (yyjson_is_obj(v)) {
        yyjson_val *message = json_member(v, "message");

        v = message != NULL ? message : json_member(v, "error");
    }
    return yyjson_is_str(v) ? envelope_first_line(json_str(v))
                            : (struct str){NULL, 0};
}

static struct str normalized(const struct envelope *e, const char *name)
{
    for (size_t i = 0; i < e->nfields; i++) {
        if (str_eq(e->fields[i].name, str_of(name)))
            return text_trim(e->fields[i].value);
    }
    return (struct str){NULL, 0};
}

/* A normalized field for a message: it need not be UTF-8. */
static struct str shown(const struct reader *r, struct str text)
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

static bool is_target(const struct reader *r, struct str name)
{
    return str_eq(name, str_of(r->service)) ||
           (r->schema != NULL && schema_is_named(r->schema, name));
}

static int parse(struct reader *r)
{
    struct str text = r->envelope->json;
    struct err bad = {.code = 0};

    if (text.len == 0)
        return err_set(r->err, ERR_SOURCE, "empty envelope_json");
    if (json_parse(r->a, text, &r->root, &r->view->replaced, &bad) == 0)
        return 0;
    if (bad.code == ERR_NOMEM)
        return err_set(r->err, ERR_NOMEM, "%s", bad.msg);
    return err_set(
        r->err, ERR_SOURCE, "envelope_json is not JSON: %s", bad.msg);
}

/* Does v say success: false? Below the root only beside an error, since an
 * item may have a field of that name. */
static bool says_failure(yyjson_val *v, bool is_root)
{
    yyjson_val *error = json_member(v, "error");
    bool success;

    return json_bool(json_member(v, "success"), &success) && !success &&
           (is_root || (error != NULL && !yyjson_is_null(error)));
}

static int check_success(const struct reader *r)
{
    yyjson_val *places[] = {r->root, json_member(r->root, "data"), r->result,
        json_member(r->result, "data")};

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        struct str text;

        if (!says_failure(places[i], i == 0))
            continue;
        text = error_text(json_member(places[i], "error"));
        if (text.len == 0)
            text = error_text(places[i]);
        if (text.len == 0)
            text = STR("success is false, without an error");
        return err_set(
            r->err, ERR_SOURCE, "source failed: %.*s", STR_ARG(text));
    }
    return 0;
}

/* Why an attempt of the cascade came to nothing; len 0: it does not say. */
static struct str attempt_cause(yyjson_val *attempt)
{
    struct str cause = error_text(json_member(attempt, "error"));

    return cause.len > 0 ? cause
                         : error_text(json_member(attempt, "rejectReason"));
}

static struct str attempt_service(yyjson_val *attempt)
{
    yyjson_val *name = json_member(attempt, "serviceName");

    return yyjson_is_str(name) ? text_trim(json_str(name))
                               : (struct str){NULL, 0};
}

static bool has_reason(yyjson_val *attempt, const char *key, const char *reason)
{
    yyjson_val *v = json_member(attempt, key);

    return yyjson_is_str(v) && str_eq(text_trim(json_str(v)), str_of(reason));
}

/* The target was asked last with the outcome that it has no items. */
static bool target_is_empty(const struct reader *r)
{
    yyjson_val *attempts = json_member(r->root, "cascadeAttempts");
    bool empty = false, success;
    size_t i, n;
    yyjson_val *v;

    if (!yyjson_is_arr(attempts))
        return false;
    yyjson_arr_foreach(attempts, i, n, v)
    {
        if (!is_target(r, attempt_service(v)))
            continue;
        empty = has_reason(v, "error", "empty_results") ||
                has_reason(v, "rejectReason", "empty_results");
        if (json_bool(json_member(v, "success"), &success) && success)
            empty = false;
    }
    return empty;
}

static int check_answerer(const struct reader *r)
{
    struct str names[] = {normalized(r->envelope, "successful_service"),
        attempt_service(r->result)};

    for (size_t i = 0; i < 2; i++) {
        if (names[i].len == 0 || str_eq(names[i], STR("none")) ||
            is_target(r, names[i]))
            continue;
        names[i] = shown(r, names[i]);
        return err_set(
            r->err, ERR_ANSWERED_BY, "answered by %.*s", STR_ARG(names[i]));
    }
    return 0;
}

/*
 * The cause a failed cascade gives, the target's own attempt first. Returns
 * false when there was no attempt.
 */
static bool cascade_cause(
    const struct reader *r, struct str *service, struct str *cause)
{
    yyjson_val *attempts = json_member(r->root, "cascadeAttempts");
    size_t i, n;
    yyjson_val *v, *best = NULL;

    if (!yyjson_is_arr(attempts) || yyjson_arr_size(attempts) == 0)
        return false;
    yyjson_arr_foreach(attempts, i, n, v)
    {
        if (attempt_cause(v).len == 0)
            continue;
        if (best == NULL || is_target(r, attempt_service(v)) ||
            !is_target(r, attempt_service(best)))
            best = v;
    }
    *service = attempt_service(best);
    *cause = attempt_cause(best);
    if (cause->len == 0)
        *cause = shown(r, normalized(r->envelope, "stopped_reason"));
    return true;
}

static int set_cascade_error(const struct reader *r)
{
    struct str service, cause;

    if (!cascade_cause(r, &service, &cause))
        return 0;
    if (service.len == 0)
        service = str_of(r->service);
    if (cause.len == 0)
        cause = STR("failed without a cause");
    return err_set(r->err, ERR_SOURCE, "%.*s: %.*s",
        STR_ARG(envelope_first_line(service)), STR_ARG(cause));
}

/* A service behind the coordinator failed: the status was OK all the same. */
static int check_cascade(const struct reader *r)
{
    return yyjson_is_null(r->result) ? set_cascade_error(r) : 0;
}

/* The array of items in the answer; NULL when there is none. */
static yyjson_val *find_array(const struct reader *r)
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
static yyjson_val *find_object(const struct reader *r)
{
    yyjson_val *data = json_member(r->root, "data");

    if (!yyjson_is_obj(data))
        data = json_member(r->result, "data");
    return yyjson_is_obj(data) ? data : NULL;
}

/* Lists the keys there are into a message of its own. */
static int set_no_items(const struct reader *r)
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
static int list_items(const struct reader *r)
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

static int envelope_find_items(const struct reader *r)
{
    struct page_view *view = r->view;
    int rc;

    view->items = find_array(r);
    if (view->items == NULL)
        view->items = find_object(r);
    if (view->items != NULL)
        return list_items(r);
    rc = set_cascade_error(r);
    return rc < 0 ? rc : set_no_items(r);
}

/* A whole number in text form, as normalized_fields has it. */
static bool text_int(struct str text, int64_t *out)
{
    int64_t value = 0;

    if (text.len == 0 || text.len > 18)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        value = value * 10 + (text.p[i] - '0');
    }
    *out = value;
    return true;
}

static bool text_bool(struct str text, bool *out)
{
    *out = str_eq(text, STR("true"));
    return *out || str_eq(text, STR("false"));
}

/* The first of the places that says how many; `least` is what makes sense. */
static int64_t find_number(const struct reader *r, yyjson_val *const *places,
    size_t n, const char *name, int64_t least)
{
    int64_t value;

    for (size_t i = 0; i < n; i++) {
        if (json_int(json_member(places[i], name), &value) && value >= least)
            return value;
    }
    if (text_int(normalized(r->envelope, name), &value) && value >= least)
        return value;
    return -1;
}

/* Where the answer may speak about further pages; a single item may not. */
static void find_paging(const struct reader *r)
{
    struct page_view *view = r->view;
    yyjson_val *places[] = {json_member(r->root, "data"),
        json_member(r->root, "metadata"), json_member(r->result, "data"),
        r->result, json_member(r->result, "metadata"), r->root};
    size_t n = sizeof(places) / sizeof(*places);

    for (size_t i = 0; i < n; i++) {
        if (places[i] == view->items)
            places[i] = NULL;
    }
    for (size_t i = 0; i < n && !view->has_more_known; i++)
        view->has_more_known =
            json_bool(json_member(places[i], "has_more"), &view->has_more);
    if (!view->has_more_known)
        view->has_more_known =
            text_bool(normalized(r->envelope, "has_more"), &view->has_more);
    view->total = find_number(r, places, n, "total", 0);
    view->limit = find_number(r, places, n, "limit", 1);
}

static void digest_items(struct page_view *view)
{
    struct sha256 s;

    sha256_init(&s);
    if (view->items != NULL)
        json_digest(&s, view->items);
    sha256_end(&s, view->digest);
}

/* The checks in the order the answers of the deployments call for. */
static int envelope_understand(struct reader *r)
{
    int rc = check_success(r);

    if (rc < 0 || target_is_empty(r))
        return rc;
    rc = check_answerer(r);
    if (rc == 0)
        rc = check_cascade(r);
    if (rc == 0)
        rc = envelope_find_items(r);
    if (rc == 0)
        find_paging(r);
    return rc;
}

int envelope_read(const struct envelope *e, const char *service,
    const struct schema *schema, struct arena *a, struct page_view *view,
    struct err *err)
{
    struct reader r = {.envelope = e,
        .service = service,
        .schema = schema,
        .a = a,
        .view = view,
        .err = err};
    int rc;

    *view = (struct page_view){.total = -1, .limit = -1};
    rc = parse(&r);
    if (rc < 0)
        return rc;
    r.result = json_member(r.root, "successfulResult");
    rc = envelope_understand(&r);
    if (rc == 0)
        digest_items(view);
    return rc;
}

bool envelope_more(const struct page_view *view, uint64_t received, int limit)
{
    if (view->n == 0)
        return false;
    if (view->has_more_known && view->has_more)
        return true;
    if (view->total >= 0 && received < (uint64_t)view->total)
        return true;
    return view->n >= (uint64_t)(view->limit > 0 ? view->limit : limit);
}

yyjson_val *page_view_item(const struct page_view *view, size_t i)
{
    return view->list[i];
}
