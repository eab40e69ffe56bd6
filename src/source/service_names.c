#include "source/service_names.h"

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include <strings.h>

static bool names_is_name(struct str s)
{
    return s.len <= SERVICE_NAME_BYTES && utf8_visible(s);
}

static bool names_have(const struct service_names *list, struct str name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (str_eq(str_of(list->names[i]), name))
            return true;
    }
    return false;
}

int service_names_add(
    struct service_names *list, struct str name, struct err *err)
{
    struct str copy;

    name = text_trim(name);
    if (name.len == 0 || names_have(list, name))
        return 0;
    if (!names_is_name(name)) {
        log_warn(NULL,
            "service list: ignored a name of %zu bytes that is not a valid "
            "service name",
            name.len);
        return 0;
    }
    if (list->n == SERVICE_LIST_MAX)
        return err_set(
            err, ERR_TOO_LARGE, "more than %d services", SERVICE_LIST_MAX);
    if (list->names == NULL)
        list->names =
            arena_calloc(list->arena, SERVICE_LIST_MAX, sizeof(*list->names));
    copy = arena_dup(list->arena, name);
    if (list->names == NULL || copy.p == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    list->names[list->n++] = copy.p;
    return 0;
}

int service_names_split(
    struct service_names *list, const char *text, struct err *err)
{
    while (text != NULL) {
        size_t len = strcspn(text, ",");
        int rc = service_names_add(list, (struct str){text, len}, err);

        if (rc < 0)
            return rc;
        text = text[len] == ',' ? text + len + 1 : NULL;
    }
    return 0;
}

/* --- an answer of the coordinator --------------------------------------- */

/* The asking service itself is registered too. */
static bool names_is_own(struct str name)
{
    name = text_trim(name);
    return (name.len == 3 && strncasecmp(name.p, "rag", 3) == 0) ||
           (name.len == 11 && strncasecmp(name.p, "rag-service", 11) == 0);
}

/* A string, or an object that has a serviceName. */
static struct str names_entry(yyjson_val *entry)
{
    if (yyjson_is_obj(entry))
        entry = json_member(entry, "serviceName");
    return yyjson_is_str(entry) ? json_str(entry) : (struct str){NULL, 0};
}

static int names_read_entries(
    yyjson_val *services, struct service_names *list, struct err *err)
{
    yyjson_arr_iter it;
    yyjson_val *entry;

    yyjson_arr_iter_init(services, &it);
    while ((entry = yyjson_arr_iter_next(&it)) != NULL) {
        struct str name = names_entry(entry);
        int rc = names_is_own(name) ? 0 : service_names_add(list, name, err);

        if (rc < 0)
            return rc;
    }
    if (list->n == 0)
        return err_set(err, ERR_NOT_FOUND, "the list is empty");
    return 0;
}

int service_names_read(
    struct service_names *list, struct str text, struct err *err)
{
    yyjson_val *root, *services;
    bool success = false;

    if (json_parse(list->arena, text, &root, NULL, err) < 0)
        return err->code;
    if (!yyjson_is_obj(root))
        return err_set(err, ERR_PROTOCOL, "the answer is not a JSON object");
    if (!json_bool(json_member(root, "success"), &success) || !success)
        return err_set(err, ERR_SOURCE, "the answer does not report success");
    services = json_member(root, "services");
    if (!yyjson_is_arr(services))
        return err_set(
            err, ERR_PROTOCOL, "the answer has no \"services\" array");
    return names_read_entries(services, list, err);
}
