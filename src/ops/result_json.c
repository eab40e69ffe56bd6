#include "ops/result_json.h"

#include "base/text.h"
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 64 * 1024 };

json_t *result_json_text(const char *text)
{
    struct buf repaired;
    json_t *value;

    if (utf8_valid(str_of(text)))
        return json_string(text);
    buf_init(&repaired, TEXT_BYTES);
    utf8_repair(&repaired, str_of(text));
    value = json_stringn(repaired.data, repaired.len);
    buf_free(&repaired);
    return value;
}

static void result_json_set(json_t *object, const char *key, json_t *value)
{
    /* Small allocations that fail end the program: see the errors' design. */
    if (json_object_set_new(object, key, value) < 0)
        abort();
}

static void result_json_set_count(
    json_t *object, const char *key, uint64_t count)
{
    result_json_set(object, key, json_integer((json_int_t)count));
}

/* Requests to the embedder that brought no vectors, where there were any. */
static void result_json_set_refused(json_t *object, const struct counts *counts)
{
#define X(name, json)                                         \
    if (strncmp(json, "refused", 7) == 0 && counts->name > 0) \
        result_json_set_count(object, json, counts->name);
    COUNTS_MAP(X, )
#undef X
}

static void result_json_set_extras(json_t *object, const struct counts *counts)
{
    result_json_set_count(object, "collisions", counts->collisions);
    result_json_set_count(object, "nulsDropped", counts->nuls_dropped);
    result_json_set_count(object, "deleteRefused", counts->delete_refused);
    result_json_set_count(object, "knownFailures", counts->known_failures);
    result_json_set_count(object, "repaired", counts->repaired);
    result_json_set_count(object, "tokens", counts->tokens);
    if (counts->tombstones > 0)
        result_json_set_count(object, "tombstones", counts->tombstones);
    if (counts->altered > 0)
        result_json_set_count(object, "altered", counts->altered);
    result_json_set_refused(object, counts);
}

static json_t *result_errors_json(const struct service_result *service)
{
    json_t *errors = json_array();

    for (uint32_t i = 0; i < service->nerrors; i++) {
        json_t *error = json_object();

        result_json_set(error, "page", json_integer(service->errors[i].page));
        result_json_set(
            error, "error", result_json_text(service->errors[i].error));
        json_array_append_new(errors, error);
    }
    return errors;
}

static void result_json_set_pass(json_t *object, const struct pass_end *pass)
{
    result_json_set(object, "complete", json_boolean(pass->complete));
    if (!pass->complete)
        result_json_set(object, "reason",
            result_json_text(pass->reason != NULL
                                 ? pass->reason
                                 : "not all of its pages were read"));
}

/* Only where there are any. */
static void result_json_set_warnings(
    json_t *object, const struct service_result *service)
{
    struct warnings warnings;
    json_t *texts = json_array();

    counts_warn(&service->counts, &warnings);
    for (size_t i = 0; i < warnings.n; i++)
        json_array_append_new(texts, json_string(warnings.texts[i]));
    if (service->altered != NULL)
        json_array_append_new(texts, result_json_text(service->altered));
    if (json_array_size(texts) > 0)
        result_json_set(object, "warnings", texts);
    else
        json_decref(texts);
}

static json_t *service_json(const struct service_result *service)
{
    const struct counts *counts = &service->counts;
    json_t *object = json_object();

    result_json_set(object, "service", result_json_text(service->service));
    result_json_set(object, "success", json_boolean(service->success));
    result_json_set_count(object, "totalItems", counts->received);
    result_json_set_count(object, "totalPages", service->pages);
    result_json_set(object, "errors", result_errors_json(service));
    result_json_set_count(object, "duration_ms", service->duration_ms);
    result_json_set_count(object, "embedded", counts->embedded);
    result_json_set_count(object, "unchanged", counts->unchanged);
    result_json_set_count(object, "stored", counts->stored);
    result_json_set_count(object, "deleted", counts->deleted);
    result_json_set_count(object, "failed", counts->failed);
    result_json_set_extras(object, counts);
    result_json_set_pass(object, &service->pass);
    result_json_set_warnings(object, service);
    return object;
}

json_t *result_json(const struct run_result *result)
{
    json_t *object = json_object();
    json_t *services = json_array();
    uint64_t errors = 0;
    size_t good = 0;

    for (size_t i = 0; i < result->nservices; i++) {
        errors += result->services[i].errors_total;
        good += result->services[i].success;
        json_array_append_new(services, service_json(&result->services[i]));
    }
    result_json_set(
        object, "success", json_boolean(result->status == RUN_SUCCESS));
    result_json_set(object, "services", services);
    result_json_set_count(object, "totalItems", result->counts.received);
    result_json_set_count(object, "totalErrors", errors);
    result_json_set_count(object, "successfulServices", good);
    result_json_set_count(object, "failedServices", result->nservices - good);
    result_json_set_count(object, "duration_ms", result->duration_ms);
    result_json_set(
        object, "status", json_string(run_status_name(result->status)));
    result_json_set_extras(object, &result->counts);
    return object;
}

json_t *result_json_refused(const struct err *err)
{
    json_t *object = json_object();
    char reason[32];

    result_json_set(object, "success", json_false());
    if (err->code == ERR_DISABLED) {
        result_json_set(object, "reason", result_json_text(err->msg));
        return object;
    }
    snprintf(reason, sizeof(reason), "%s", err_name(err->code));
    for (char *p = reason; *p != '\0'; p++) {
        if (*p == ' ')
            *p = '_';
    }
    result_json_set(object, "reason", json_string(reason));
    if (err->code != ERR_ALREADY_RUNNING)
        result_json_set(object, "error", result_json_text(err->msg));
    return object;
}
