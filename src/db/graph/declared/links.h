/*
 * Declared links: what an item's fields say about others, by their ids, as its
 * schema has it. No vectors are needed. What is declared is kept in
 * batch_sync_links; edges follow from it:
 *
 *   checkpoint   the page's items and what they declare are compared with the
 *      |         rows; only what differs is written, and is pending then
 *   linker       pending rows become edges if both ends are stored; if not,
 *      |         they wait. What is declared no more loses its edge
 *   queue        an item that has been stored anew leaves the link queue, and
 *                what waited for it is pending again
 *
 * The checkpoint writes no edges and the linker declares nothing, so that
 * neither waits for the other for long. All that changes edges, or says that a
 * link waits, takes turns by the tenant's lock (db/graph/link_lock.h).
 */
#ifndef DB_GRAPH_DECLARED_LINKS_H
#define DB_GRAPH_DECLARED_LINKS_H

#include "db/call.h"
#include "db/graph/graph.h"

/*
 * A statement for the checkpoint's transaction: what the page's stored items
 * declare, and nothing else of theirs. Writes nothing without the token.
 * ERR_NOMEM.
 */
int links_add_declared(struct call *c, const struct checkpoint_req *req);

/* A statement: the service declares nothing any more. */
void links_add_forget(struct call *c, const char *tenant, const char *service);

/*
 * Parts of statements (", looked AS (...)", a row for each link) that go with
 * others' changes; $1 is the tenant. `items`: a table of the statement with
 * microservice_id and content_id.
 *
 * WAKE: these are stored; what waits for them is looked at again. Rows that are
 * locked are skipped: a checkpoint is just changing them, after which they are
 * pending.
 * RENEW: they have no nodes; all links from and to them are looked at again.
 */
#define LINKS_WAKE(items) LINKS_LOOK(items, "NOT l.linked AND ", "")
#define LINKS_RENEW(items)                                             \
    LINKS_LOOK(items, "",                                              \
        " UNION ALL SELECT l.id FROM " items " i CROSS JOIN LATERAL (" \
        "  SELECT id FROM @.batch_sync_links l WHERE tenant_id = $1"   \
        "   AND microservice_id = i.microservice_id"                   \
        "   AND content_id = i.content_id AND NOT pending OFFSET 0) l")

#define LINKS_LOOK(items, condition, more)                                     \
    ", looked AS (UPDATE @.batch_sync_links SET pending = true WHERE id = ANY" \
    " (ARRAY(SELECT l.id FROM " items " i"                                     \
    "  JOIN @.microservices m ON m.id = i.microservice_id"                     \
    "  CROSS JOIN LATERAL (SELECT id FROM @.batch_sync_links l"                \
    "   WHERE tenant_id = $1 AND target_service = m.name"                      \
    "    AND target_id = i.content_id AND " condition "NOT l.pending OFFSET 0" \
    "   FOR UPDATE SKIP LOCKED) l" more ")) RETURNING 1)"

/* Are some of the tenant's ($1) pending? A column. */
#define LINKS_PENDING                                               \
    "EXISTS (SELECT 1 FROM @.batch_sync_links WHERE tenant_id = $1" \
    " AND pending)"

/*
 * Makes edges of pending links, a batch of at most LINKS_BATCH in one
 * transaction, and counts them in req->links. There may be more.
 */
enum { LINKS_BATCH = 2000 };
void links_step(struct graph *g, struct op *op, struct link_req *req);

#endif
