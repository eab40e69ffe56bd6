/* `batchsync check`: what a run may use, beside what it may have. */
#ifndef CLI_CHECK_CHECK_MEMORY_H
#define CLI_CHECK_CHECK_MEMORY_H

#include "base/buf.h"
#include "daemon/memory_budget.h"

/* Appends the sum, its parts and the limit (0: none) as one line; false when
 * the sum does not fit. */
bool check_memory_write(
    struct buf *out, const struct memory_budget *budget, uint64_t limit);

#endif
