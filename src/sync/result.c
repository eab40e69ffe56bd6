#include "sync/result.h"

#include <stdio.h>

void counts_add(struct counts *to, const struct counts *from)
{
#define X(name, json) to->name += from->name;
    COUNTS_MAP(X, )
#undef X
}

bool counts_collide(const struct counts *counts)
{
    return counts->collisions > 0 &&
           counts->collisions * 100 > counts->received;
}

void counts_say_collisions(
    const struct counts *counts, char out[COLLISION_BYTES])
{
    out[0] = '\0';
    if (counts_collide(counts))
        snprintf(out, COLLISION_BYTES,
            "the id is not unique: %llu of %llu items were replaced by a later "
            "one of the same id; name more fields in the schema's id_fields",
            (unsigned long long)counts->collisions,
            (unsigned long long)counts->received);
}

static void result_say_contested(
    const struct counts *counts, char out[WARNING_BYTES])
{
    unsigned long long n = counts->contested;

    out[0] = '\0';
    if (n > 0)
        snprintf(out, WARNING_BYTES,
            "contested: %llu %s changed again by another program after %d "
            "repairs, and left alone until %d days after the last one: stop "
            "what else writes vector_embeddings (rows with repairs >= %d and "
            "updated_at <> written_at)",
            n, n == 1 ? "item was" : "items were", REPAIRS_MOST, REPAIR_DAYS,
            REPAIRS_MOST);
}

void counts_warn(const struct counts *counts, struct warnings *out)
{
    out->n = 0;
    counts_say_collisions(counts, out->texts[out->n]);
    out->n += out->texts[out->n][0] != '\0';
    result_say_contested(counts, out->texts[out->n]);
    out->n += out->texts[out->n][0] != '\0';
}

const char *run_status_name(enum run_status status)
{
    switch (status) {
    case RUN_SUCCESS:
        return "success";
    case RUN_PARTIAL:
        return "partial";
    case RUN_FAILED:
        return "failed";
    case RUN_CANCELED:
        return "canceled";
    case RUN_BUDGET:
        return "budget";
    case RUN_INTERRUPTED:
        return "interrupted";
    }
    return "unknown";
}

static bool result_code_is_outage(int code)
{
    return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT || code == ERR_BUSY ||
           code == ERR_LATER;
}

static bool result_is_outage(const struct service_result *s)
{
    for (uint32_t i = 0; i < s->nerrors; i++)
        if (!result_code_is_outage(s->errors[i].code))
            return false;
    return !s->success && s->nerrors > 0;
}

bool run_result_is_outage(const struct run_result *result)
{
    for (size_t i = 0; i < result->nservices; i++)
        if (!result_is_outage(&result->services[i]))
            return false;
    return result->nservices > 0;
}
