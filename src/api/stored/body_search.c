/* The body of a search. */
#include "api/body.h"

#include "base/text.h"
#include "ops/asked.h"
#include "ops/search/search_ask.h"
#include <stdlib.h>

static json_t *body_search_member(const struct body_search *b, const char *key)
{
    json_t *value = json_object_get(b->body, key);

    return json_is_null(value) ? NULL : value;
}

static int body_search_limit(
    const struct body_search *b, int *out, struct err *err)
{
    json_t *limit = body_search_member(b, "limit");
    json_int_t n = json_integer_value(limit);

    *out = SEARCH_USUAL;
    if (limit == NULL)
        return 0;
    if (!json_is_integer(limit) || n < 1 || n > SEARCH_MOST)
        return err_set(err, ERR_INVALID,
            "\"limit\" must be a whole number from 1 to %d", SEARCH_MOST);
    *out = (int)n;
    return 0;
}

/* A value as metadata->>'field' has it; in the arena. */
static const char *body_search_value(struct arena *arena, json_t *value)
{
    struct str copy;
    char *text;

    if (json_is_string(value))
        return json_string_value(value);
    text = json_dumps(value, JSON_ENCODE_ANY);
    copy = arena_dup(arena, str_of(text != NULL ? text : ""));
    free(text);
    if (copy.p == NULL)
        abort();
    return copy.p;
}

static int body_search_where(
    const struct body_search *b, struct text_search_req *req, struct err *err)
{
    json_t *where = body_search_member(b, "where"), *value;
    const char *name;

    if (where != NULL && !json_is_object(where))
        return err_set(err, ERR_INVALID,
            "\"where\" must be an object of fields and their values");
    json_object_foreach(where, name, value)
    {
        if (!json_is_string(value) && !json_is_number(value) &&
            !json_is_boolean(value))
            return err_set(err, ERR_INVALID,
                "\"where\" must have texts, numbers, true or false as values");
        if (search_ask_field(&req->filter, name,
                body_search_value(req->arena, value), err) < 0)
            return asked_subject(err, "\"where\"");
    }
    return 0;
}

/* Calls `read` with a member's text, if it is there. */
static int body_search_text(const struct body_search *b, const char *key,
    const char **out, const char *what, struct err *err)
{
    json_t *value = body_search_member(b, key);

    *out = json_string_value(value);
    if (value != NULL && *out == NULL)
        return err_set(err, ERR_INVALID, "\"%s\" must be %s", key, what);
    return 0;
}

static int body_search_time(const struct body_search *b, const char *key,
    struct arena *arena, const char **out, struct err *err)
{
    const char *text;

    if (body_search_text(b, key, &text, "a date or a time", err) < 0)
        return err->code;
    if (text != NULL && search_ask_time(arena, text, out, err) < 0)
        return asked_subject(err, "\"%s\"", key);
    return 0;
}

static int body_search_flags(
    struct body_search *b, struct text_search_req *req, struct err *err)
{
    json_t *explain = body_search_member(b, "explain");
    const char *way;

    if (explain != NULL && !json_is_boolean(explain))
        return err_set(err, ERR_INVALID, "\"explain\" must be true or false");
    b->explain = json_is_true(explain);
    if (body_search_text(
            b, "way", &way, "\"hybrid\", \"vector\" or \"text\"", err) < 0)
        return err->code;
    if (way != NULL && search_ask_way(way, &req->way, err) < 0)
        return asked_subject(err, "\"way\"");
    return 0;
}

int body_read_search(struct body_search *b, struct str text,
    struct text_search_req *req, struct err *err)
{
    static const char *const members[] = {"query", "limit", "service", "where",
        "since", "until", "way", "explain", NULL};

    *b = (struct body_search){.body = NULL};
    if (body_parse(text, &b->body, err) < 0 ||
        body_check_keys(b->body, members, err) < 0)
        return err->code;
    req->text = str_of(json_string_value(json_object_get(b->body, "query")));
    if (text_trim(req->text).len == 0)
        return err_set(
            err, ERR_INVALID, "\"query\" must be a text that is not blank");
    if (body_search_text(
            b, "service", &req->service, "the name of a service", err) < 0 ||
        body_search_limit(b, &req->limit, err) < 0 ||
        body_search_where(b, req, err) < 0 ||
        body_search_time(b, "since", req->arena, &req->filter.since, err) < 0 ||
        body_search_time(b, "until", req->arena, &req->filter.until, err) < 0)
        return err->code;
    return body_search_flags(b, req, err);
}
