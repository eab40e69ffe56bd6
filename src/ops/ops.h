/*
 * The use cases: what people ask of the service, over HTTP (api/) or on the
 * command line (cli/). Both only translate: they read a request into the
 * structs of this room, and write what comes back.
 *
 *   plan      what a run would do and cost
 *   trigger   what a run is to do, and what is refused
 *   services  which services a run would read
 *   search    the stored items nearest to a text
 *   cancel    ends a run, here or in another process
 *   pause     no schedule begins a run, or they do again
 *   retry     makes dead letters be tried again
 *   graph_look  an item's neighbourhood in the graph
 *   explain   why an item would be embedded again now, or would not (stored/)
 *   verify    what is stored against its hashes, and mending it (verify/)
 *   asked     the words of a look at the history
 *   result    a run's result as JSON
 *
 * Asynchronous ones are requests as net/op.h has them.
 */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "config/config.h"
#include "daemon/budget_keeper.h"
#include "daemon/runner.h"
#include "db/ledger/ledger.h"
#include "db/store/store.h"
#include "net/pg/pg.h"
#include "sync/linker.h"

/* What they work with; all borrowed. A part that a use case does not name in
 * its header may be missing. */
struct ops {
    struct loop *loop;
    const struct config *config;
    const struct ports *ports;
    const struct schema_set *schemas;
    struct store *store;
    struct store *look;            /* the same over the pool `history` */
    struct embedding_id embedding; /* what vectors are made with now */
    struct ledger *ledger;
    struct pg_pool *history; /* what people look at: a bounded line */
    struct pg_pool *write;   /* what people change */
    struct runner *runner;
    const struct budget_keeper *budgets;
    const struct linker *linker;
    struct verifier *verifier; /* ops/verify/verifier.h */
};

#endif
