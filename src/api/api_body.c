/* Reading the JSON body of a request; every fault says what is allowed. */
#include "api/api_impl.h"

#include <stdlib.h>

enum { MOST_NAMES = 1000, TENANT_BYTES = 200 };

int body_parse(struct str text, json_t **out, struct err *err)
{
    json_error_t fault;

    *out = NULL;
    if (text_trim(text).len == 0)
        return 0;
    *out = json_loadb(text.p, text.len, 0, &fault);
    if (*out == NULL)
        return err_set(err, ERR_INVALID, "the body is no JSON: %s (line %d)",
            fault.text, fault.line);
    if (!json_is_object(*out))
        return err_set(err, ERR_INVALID, "the body must be a JSON object");
    return 0;
}

/* The string without white space at its ends, in place. */
static const char *trimmed(json_t *string)
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
    if (!json_is_array(list) || json_array_size(list) > MOST_NAMES)
        return err_set(err, ERR_INVALID,
            "\"%s\" must be an array of at most %d names", key, MOST_NAMES);
    out->names = calloc(json_array_size(list) + 1, sizeof(*out->names));
    if (out->names == NULL)
        abort();
    json_array_foreach(list, i, name)
    {
        if (!json_is_string(name) ||
            text_trim(str_of(json_string_value(name))).len == 0 ||
            strlen(json_string_value(name)) != json_string_length(name))
            return err_set(
                err, ERR_INVALID, "\"%s\"[%zu] must be %s", key, i, what);
        out->names[out->n++] = trimmed(name);
    }
    return 0;
}

int body_tenant(json_t *body, const char **out, struct err *err)
{
    json_t *tenant = json_object_get(body, "tenant_id");

    *out = NULL;
    if (tenant == NULL || json_is_null(tenant))
        return 0;
    if (!json_is_string(tenant) || json_string_length(tenant) == 0 ||
        json_string_length(tenant) > TENANT_BYTES)
        return err_set(err, ERR_INVALID,
            "\"tenant_id\" must be a string of 1 to %d bytes", TENANT_BYTES);
    *out = json_string_value(tenant);
    return 0;
}
