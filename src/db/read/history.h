/*
 * The contents of the ledger, for display: runs, one run with its services,
 * dead letters. PostgreSQL writes the JSON in the shape of the HTTP API, so it
 * is only passed on. Times are ISO-8601 in UTC with milliseconds.
 */
#ifndef DB_READ_HISTORY_H
#define DB_READ_HISTORY_H

#include "base/buf.h"
#include "net/pg/pg.h"

enum { HISTORY_USUAL = 50, HISTORY_MOST = 500 }; /* entries an answer */

enum history_letters { LETTERS_ALL, LETTERS_OPEN, LETTERS_RESOLVED };

struct history_req {
    /* err: ERR_NOT_FOUND (history_run), else what net/pg.h has. */
    struct op op;

    /* In; borrowed until the callback. NULL: no filter. */
    const char *id;      /* history_run(): which one; never NULL there */
    const char *before;  /* history_runs(): only those older than that run */
    const char *status;  /* history_runs(): "running", "success", ... */
    const char *tenant;  /* lists */
    const char *service; /* dead letters: registered or schema's name */
    enum history_letters letters; /* dead letters */
    int limit; /* lists: entries; 0: HISTORY_USUAL; at most HISTORY_MOST */

    /* Out. */
    struct buf json; /* owned: history_req_clear() */
};

/*
 * {"runs":[{"id","tenantId","kind","trigger","status","source","since",
 * "limit","provider","model","dimensions","resumed","startedAt","finishedAt",
 * "durationMs","totals":{..},"error"}],"count"}, newest first. A run whose
 * lease has expired has the status "interrupted", even if its row says
 * otherwise.
 */
void history_runs(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/*
 * One such run, with "services":[{"service","position","status","pages",
 * "nextPage","counts":{..},"errors":[{"page","error"}],"owner","startedAt",
 * "finishedAt"}]. Those not begun are "pending", or "skipped" when the run
 * has ended.
 */
void history_run(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/*
 * {"deadLetters":[{"tenantId","service","contentId","digest","reason",
 * "model","firstSeen","lastSeen","times","known","resolvedAt"}],"count"}, the
 * last seen first; the digest in hex. known: open, and not tried again while
 * item, model and schema stay as they are.
 */
void history_dead_letters(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/* After the callback, or instead of a submit. */
void history_req_clear(struct history_req *req);

#endif
