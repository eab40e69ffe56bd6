/* How much may be deleted at once, because it is gone or told to be; pure. */
#ifndef RECORD_DELETES_DELETE_GUARD_H
#define RECORD_DELETES_DELETE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

enum { DELETE_GUARD_FREE = 10 }; /* so few may go, whatever part they are */

/* `gone` of `all` are not believed to be gone: a source that has lost so many
 * is more likely to be wrong. `percent`: BATCH_SYNC_MAX_DELETE_PERCENT. */
static inline bool delete_guard_refuses(
    uint64_t gone, uint64_t all, int percent)
{
    return gone > DELETE_GUARD_FREE && gone * 100 > all * (uint64_t)percent;
}

#endif
