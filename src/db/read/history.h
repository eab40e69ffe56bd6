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
    /* err: ERR_NOT_FOUND of one thing, else what net/pg.h has. */
    struct op op;

    /* In; borrowed until the callback. NULL: no filter. */
    const char *id;      /* which run, letter (its digest) or item */
    const char *before;  /* lists: what an earlier answer has as "next" */
    const char *status;  /* history_runs(): "running", "success", ...;
                            history_fires(): "skipped", ... */
    const char *tenant;  /* lists */
    const char *trigger; /* history_runs(): "http", "schedule", ... */
    const char *service; /* registered name; of letters the schema's, too */
    const char *stored;  /* the service's name in rows: the schema's */
    const char *kind;    /* dead letters: of that reason, see below */
    enum history_letters letters; /* dead letters */
    int depth;                    /* history_graph(): steps from the item */
    bool always;                  /* item_facts(): no item is ERR_NOT_FOUND */
    int limit; /* lists: entries; 0: HISTORY_USUAL; at most HISTORY_MOST */

    /* Out. */
    struct buf json; /* owned: history_req_clear() */
};

/*
 * {"runs":[{"id","tenantId","kind","trigger","status","source","since",
 * "limit","provider","model","dimensions","resumed","startedAt","finishedAt",
 * "durationMs","totals":{..},"error"}],"count","next"}, newest first; next is
 * `before` for the ones behind them, or null. A run whose
 * lease has expired has the status "interrupted", even if its row says
 * otherwise.
 */
void history_runs(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/*
 * One such run, with "services":[{"service","position","status","pages",
 * "nextPage","total","counts":{..},"errors":[{"page","error"}],"owner","startedAt",
 * "finishedAt"}]. total is how many items the
 * source says it has, or null. Those not begun are "pending", or "skipped" when
 * the run has ended.
 */
void history_run(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/*
 * {"deadLetters":[{"tenantId","service","contentId","digest","reason",
 * "model","firstSeen","lastSeen","times","known","resolvedAt"}],"count",
 * "next"}, the last seen first; the digest in hex. A wrong `before` is
 * ERR_INVALID. known: open, and not tried again while
 * item, model and schema stay as they are.
 */
void history_dead_letters(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/*
 * {"groups":[{"service","kind","reason","count","firstSeen","lastSeen"}],
 * "count"}, the largest first: the same letters by the kind of their reason,
 * which is the reason with # for each number.
 */
void history_letter_groups(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/* The letter whose digest is `id`, with "payload": the item as it came, text
 * that may have been cut. */
void history_letter(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/*
 * {"fires":[{"service","fireAt","outcome","droppedAt"}],"count","next"}: the
 * scheduled fires that began no run, the latest first. service is null for the
 * schedule of all services; req->status is the outcome. A wrong `before` is
 * ERR_INVALID.
 */
void history_fires(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/*
 * The neighbourhood of the item `id` of `stored`, of `tenant`, up to `depth`
 * steps away: {"tenantId","service","contentId","nodeId","depth",
 * "nodes":[{"nodeId","service","contentId","title","depth"}],
 * "edges":[{"source","target","type","weight","method","linkedAt"}],
 * "waiting":[{"type","service","contentId"}],"more"}. The item's own node comes
 * first; there is none while it waits to be linked. Edges are ours, and have
 * both ends among the nodes, of which there are at most HISTORY_GRAPH_NODES
 * (more: there may be others). waiting: declared links of the item itself to
 * what is not stored.
 */
enum { HISTORY_GRAPH_NODES = 200 };
void history_graph(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/*
 * A service, by both of its names: {"service","storedAs","items","moreItems",
 * "openLetters","lastSuccess","runs":[{"id","status","pages","complete",
 * "reason","counts","startedAt","finishedAt"}]}, the newest run first. Items
 * are counted up to HISTORY_COUNTED; moreItems: there are more.
 */
enum { HISTORY_COUNTED = 1000000, HISTORY_SERVICE_RUNS = 30 };
void history_service(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/*
 * {"pgvector","rows","index","indexMemory":{"maintenance","cache"},
 * "replicas":[{"host","version"}],"openLetters","lastRun":{"id","status",
 * "error","services"}}: what advice is derived from. rows is the planner's
 * estimate, indexMemory two of the server's settings in bytes; replicas are
 * those that read a service in the last runs, version null of older ones.
 */
void history_facts(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/* After the callback, or instead of a submit. */
void history_req_clear(struct history_req *req);

#endif
