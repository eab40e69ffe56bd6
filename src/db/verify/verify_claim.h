/* A fire of BATCH_SYNC_VERIFY_SCHEDULE, which one replica takes. */
#ifndef DB_VERIFY_VERIFY_CLAIM_H
#define DB_VERIFY_VERIFY_CLAIM_H

#include "net/pg/pg.h"

struct verify_claim_req {
    struct op op;
    int64_t fire_ms; /* its nominal instant, since 1970 */
    bool taken;      /* out: by this process, now */
};

void verify_claim(
    struct pg_pool *pool, struct loop *loop, struct verify_claim_req *req);

#endif
