/* Forgetting a stored item on demand. */
#ifndef OPS_STORED_FORGET_H
#define OPS_STORED_FORGET_H

#include "base/json.h"
#include "db/store/forget.h"
#include "ops/ops.h"

/*
 * Works with the pool for writing and the configuration, and with the schemas.
 * `service` is any of its names; req->tenant NULL is the configured one. The
 * arena must live until the callback. ERR_ALREADY_RUNNING: see
 * db/store/forget.h.
 */
void forget_item(const struct ops *ops, struct arena *arena,
    const char *service, struct forget_req *req);

/* {"service","contentId","removed":{"rows",..}}; a new reference. */
json_t *forget_json(const struct forget_req *req);

#endif
