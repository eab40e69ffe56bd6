/*
 * Can one write here? `writable_ask` only asks (a standby, a read-only default,
 * rights that are missing), which a probe can afford every second; row
 * security, a full disk and whatever else only a write meets is found by
 * `writable_try`, which inserts, changes and deletes a row of each kind and
 * rolls all of it back.
 */
#ifndef DB_WRITABLE_H
#define DB_WRITABLE_H

#include "db/call.h"

/* How the messages begin when the server is there, but takes no writes. */
#define WRITABLE_READ_ONLY "the database is read-only"
#define WRITABLE_NO_WRITES "the database takes no writes"

/*
 * err: ERR_UNAVAILABLE when the server takes no writes, which passes with a
 * failover; ERR_CONFIG when rights are missing; otherwise what the database
 * answered.
 */
struct writable_req {
    struct op op;
};

void writable_ask(
    struct pg_pool *pool, struct loop *loop, struct writable_req *req);

/* The same by trying, for the tenant; err is as above, and 0 when the try was
 * refused for what is not about all writes. */
void writable_try(struct pg_pool *pool, struct loop *loop, const char *tenant,
    struct writable_req *req);

/* Adds the statements of a try to somebody's call, which sends them. */
void writable_add_try(struct call *c, const char *tenant);

/* Takes a failed try's error: true when it says that nothing can be written,
 * and *err what to do. A trigger that refuses just this row, or a lock, does
 * not. */
bool writable_judge_try(const struct call *c, struct err *err);

#endif
