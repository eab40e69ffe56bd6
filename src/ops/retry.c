#include "ops/retry.h"

void retry_mark(const struct ops *ops, struct retry_letters_req *req)
{
    if (req->tenant == NULL)
        req->tenant = ops->config->sync.tenant;
    dead_letters_retry(ops->write, ops->loop, req);
}

struct run_spec retry_spec(
    const struct retry_letters_req *req, const char *trigger)
{
    return (struct run_spec){.trigger = trigger,
        .kind = "batch",
        .tenant = req->tenant,
        .services = req->names,
        .nservices = req->nnames};
}
