#include "sync/run_result.h"

#include "sync/service/service.h"

/* Of a service that has ended the ledger knows all lives: those of others, and
 * those before this process went on with it. Its errors are cut short there. */
static void run_result_take_over(struct service_result *result,
    const struct service_result *known, bool ours)
{
    struct service_result own = *result;

    *result = *known;
    result->service = own.service;
    if (!ours)
        return;
    result->altered = own.altered;
    result->errors = own.errors;
    result->nerrors = own.nerrors;
    result->errors_total = own.errors_total;
}

void run_result_complete(struct run_result *result, struct arena *arena,
    const bool *ours, const struct run_end_req *known, const struct err *why)
{
    for (size_t i = 0; i < result->nservices; i++) {
        struct service_result *s = &result->services[i];

        if (known != NULL && known->ended[i]) {
            run_result_take_over(s, &known->services[i], ours[i]);
        } else if (!ours[i]) {
            *s = (struct service_result){.service = s->service};
            service_result_error(s, arena, 0, why);
        }
        counts_add(&result->counts, &s->counts);
    }
}

enum run_status run_result_status(
    const struct run_result *result, bool canceled, bool interrupted)
{
    size_t successes = 0;
    bool some = false;

    for (size_t i = 0; i < result->nservices; i++) {
        successes += result->services[i].success;
        some = some || result->services[i].pages > 0;
    }
    if (successes == result->nservices)
        return RUN_SUCCESS;
    if (canceled)
        return RUN_CANCELED;
    if (interrupted)
        return RUN_INTERRUPTED;
    return successes > 0 || some ? RUN_PARTIAL : RUN_FAILED;
}

bool run_result_was_fenced(const struct service_result *result)
{
    for (uint32_t i = 0; i < result->nerrors; i++)
        if (result->errors[i].code == ERR_FENCED)
            return true;
    return false;
}
