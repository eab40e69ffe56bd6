/*
 * Making dead letters be tried again: they are marked, in one statement, and
 * then their services are read by an ordinary run. When that run is refused
 * the marks stay, and the next run of those services tries the letters.
 */
#ifndef OPS_RETRY_H
#define OPS_RETRY_H

#include "db/read/dead_letters.h"
#include "ops/ops.h"

/*
 * Marks what req->services and req->ids name; req->tenant NULL is the
 * configured one. Works with the history pool, the loop and the configuration.
 */
void retry_mark(const struct ops *ops, struct retry_letters_req *req);

/* The run that tries what was marked; borrows the names from the request. */
struct run_spec retry_spec(
    const struct retry_letters_req *req, const char *trigger);

#endif
