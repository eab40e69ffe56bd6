#include "api/body.h"

#include "ops/asked.h"
#include "ops/search/search.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_NAMES_MOST = 1000, TENANT_BYTES = 200 };

int body_parse(struct str text, json_t **out, struct err *err)
{
    json_error_t fault;

    *out = NULL;
    if (text_trim(text).len == 0)
        return 0;
    *out = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES, &fault);
    if (*out == NULL)
        return err_set(err, ERR_INVALID,
            "the body is not valid JSON: %s (line %d)", fault.text, fault.line);
    if (!json_is_object(*out))
        return err_set(err, ERR_INVALID, "the body must be a JSON object");
    return 0;
}

static bool body_is_allowed(const char *key, const char *const *allowed)
{
    for (; *allowed != NULL; allowed++)
        if (strcmp(key, *allowed) == 0)
            return true;
    return false;
}

static int body_refuse_key(
    const char *key, const char *const *allowed, struct err *err)
{
    char list[160] = "";
    size_t len = 0;

    for (size_t i = 0; allowed[i] != NULL; i++)
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s\"%s\"",
            i == 0                   ? ""
            : allowed[i + 1] == NULL ? " and "
                                     : ", ",
            allowed[i]);
    return err_set(err, ERR_INVALID, "unknown member \"%.80s\"; allowed are %s",
        key, list);
}

int body_check_keys(json_t *body, const char *const *allowed, struct err *err)
{
    const char *key;
    json_t *value;

    json_object_foreach(body, key, value)
    {
        if (!body_is_allowed(key, allowed))
            return body_refuse_key(key, allowed, err);
    }
    return 0;
}

/* The string without white space at its ends, in place. */
static const char *body_trimmed(json_t *string)
{
    struct str text = text_trim(str_of(json_string_value(string)));

    json_string_setn(string, text.p, text.len);
    return json_string_value(string);
}

int body_names(json_t *body, const char *key, const char *what,
    struct body_names *out, struct err *err)
{
    json_t *list = json_object_get(body, key), *name;
    size_t i;

    *out = (struct body_names){.n = 0};
    if (list == NULL || json_is_null(list))
        return 0;
    if (!json_is_array(list) || json_array_size(list) > BODY_NAMES_MOST)
        return err_set(err, ERR_INVALID,
            "\"%s\" must be an array of at most %d names", key,
            BODY_NAMES_MOST);
    if (json_array_size(list) == 0)
        return err_set(err, ERR_INVALID,
            "\"%s\" is empty; leave it out to mean all of them", key);
    out->names = calloc(json_array_size(list) + 1, sizeof(*out->names));
    if (out->names == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the body");
    json_array_foreach(list, i, name)
    {
        if (!json_is_string(name) ||
            text_trim(str_of(json_string_value(name))).len == 0 ||
            strlen(json_string_value(name)) != json_string_length(name))
            return err_set(
                err, ERR_INVALID, "\"%s\"[%zu] must be %s", key, i, what);
        out->names[out->n++] = body_trimmed(name);
    }
    return 0;
}

int body_tenant(json_t *body, const char **out, struct err *err)
{
    json_t *tenant = json_object_get(body, "tenant_id");

    *out = NULL;
    if (tenant == NULL || json_is_null(tenant))
        return 0;
    if (!json_is_string(tenant) || json_string_length(tenant) > TENANT_BYTES ||
        text_trim(str_of(json_string_value(tenant))).len == 0 ||
        !utf8_visible(str_of(json_string_value(tenant))))
        return err_set(err, ERR_INVALID,
            "\"tenant_id\" must be a string of 1 to %d bytes that is not "
            "blank, "
            "without control characters or invisible ones",
            TENANT_BYTES);
    *out = body_trimmed(tenant);
    return 0;
}

/* A trigger's body */

/* NULL: not there. What is not a string is "", which is never allowed. */
static const char *body_text(json_t *body, const char *key)
{
    json_t *value = json_object_get(body, key);

    if (value == NULL || json_is_null(value))
        return NULL;
    return json_is_string(value) ? json_string_value(value) : "";
}

static int body_read_since(struct body_trigger *b, struct err *err)
{
    const char *text = body_text(b->body, "since");

    if (text == NULL || trigger_ask_since(&b->ask, text, err) == 0)
        return 0;
    return asked_subject(err, "\"since\"");
}

static int body_read_kind(struct body_trigger *b, struct err *err)
{
    const char *text = body_text(b->body, "sync_type");

    if (text == NULL || trigger_ask_kind(&b->ask, text, err) == 0)
        return 0;
    return asked_subject(err, "\"sync_type\"");
}

static int body_read_services(struct body_trigger *b, struct err *err)
{
    struct body_names *names = &b->services;

    if (body_names(b->body, "services", "the name of a service", names, err) <
        0)
        return err->code;
    if (trigger_ask_services(&b->ask, names->names, names->n, err) == 0)
        return 0;
    return asked_subject(err, "each of \"services\"");
}

int body_read_trigger(struct body_trigger *b, struct str text, struct err *err)
{
    static const char *const members[] = {
        "services", "sync_type", "since", "tenant_id", NULL};

    *b = (struct body_trigger){.body = NULL};
    trigger_ask_init(&b->ask, "http");
    if (body_parse(text, &b->body, err) < 0 ||
        body_check_keys(b->body, members, err) < 0 ||
        body_read_services(b, err) < 0 || body_read_since(b, err) < 0 ||
        body_read_kind(b, err) < 0 ||
        body_tenant(b->body, &b->ask.spec.tenant, err) < 0)
        return err->code;
    return 0;
}

void body_trigger_free(struct body_trigger *b)
{
    free(b->services.names);
    json_decref(b->body);
}

/* A retry's body */

int body_read_retry(struct body_retry *b, struct str text, struct err *err)
{
    static const char *const members[] = {
        "services", "ids", "kind", "tenant_id", NULL};
    json_t *kind;

    *b = (struct body_retry){.body = NULL};
    if (body_parse(text, &b->body, err) < 0 ||
        body_check_keys(b->body, members, err) < 0 ||
        body_names(b->body, "services", "the name of a service", &b->services,
            err) < 0 ||
        body_names(b->body, "ids", "a content id", &b->ids, err) < 0 ||
        body_tenant(b->body, &b->tenant, err) < 0)
        return err->code;
    kind = json_object_get(b->body, "kind");
    b->kind = json_string_value(kind);
    if (b->kind == NULL && kind != NULL && !json_is_null(kind))
        return err_set(err, ERR_INVALID, "\"kind\" must be a string");
    return 0;
}

void body_retry_free(struct body_retry *b)
{
    free(b->services.names);
    free(b->ids.names);
    json_decref(b->body);
}
