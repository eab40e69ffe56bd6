/*
 * What the database knows beforehand about a run over a service: reads alone.
 */
#ifndef DB_READ_PLAN_FACTS_H
#define DB_READ_PLAN_FACTS_H

#include "net/loop.h"
#include "net/pg/pg.h"
#include "sync/ports.h"

/* Items that the complete pass before has not seen: more are not counted. */
enum { PLAN_UNSEEN_MOST = 50000 };

struct plan_facts_req {
    struct op op; /* err: what net/pg.h has */

    /* In; borrowed until the callback. Out: its own out members. */
    struct store_open_req *open;
    bool deletes;        /* asks for `unseen` and `told` */
    struct arena *arena; /* of both; the caller's */

    /* Out. */
    uint64_t items;     /* of the service, stored; with `deletes` */
    bool judges;        /* there was a complete pass to compare with */
    struct str *unseen; /* ids, each once; NULL: there are none */
    size_t nunseen;     /* PLAN_UNSEEN_MOST: those, and perhaps more */
    struct str *told;   /* stored ids that runs before were told are deleted,
                           and left behind; the same */
    size_t ntold;
    /* Of its runs with this model. */
    uint64_t billed, estimated;     /* tokens of requests whose bill was told */
    uint64_t texts;                 /* in them: items */
    uint64_t embed_items, embed_ms; /* of successes that embedded much */
};

/* As store_open() does, but makes and deletes nothing: a service that has no
 * row gets an empty microservice_id. */
void plan_facts_ask(
    struct pg_pool *pool, struct loop *loop, struct plan_facts_req *req);

struct plan_since_req {
    struct op op;
    /* In; borrowed. */
    const char *tenant, *service; /* registered name */
    struct embedding_id embedding;
    int overlap_s;
    char since[ISO_BYTES]; /* out; "": everything */
};

/* What an incremental run would ask for changes since. */
void plan_since_ask(
    struct pg_pool *pool, struct loop *loop, struct plan_since_req *req);

#endif
