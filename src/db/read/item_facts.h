/*
 * Everything that the tables say about one item, for display: what is stored,
 * with its hashes and whether text and vector are still what was written; who
 * wrote it; its open dead letter; its neighbours, measured anew.
 */
#ifndef DB_READ_ITEM_FACTS_H
#define DB_READ_ITEM_FACTS_H

#include "db/read/history.h"
#include "db/store/store.h"

/* As history_item() would be: of the item `id` of `stored`, of `tenant`. */
enum { ITEM_NEIGHBOURS = 200 };

/*
 * {"tenantId","service","contentId","stored","metadata","createdAt",
 * "updatedAt","writtenAt","pieces":[{"chunkIndex","text","hasVector",
 * "dimensions","norm","embedHash","rowHash","vectorHash","textIntact",
 * "vectorIntact","updatedAt","writtenAt","repairs"}],
 * "run":{"id","provider","model","dimensions","startedAt","page"},
 * "deadLetter":{"digest","reason","model","firstSeen","lastSeen","times",
 * "refused","fingerprint"},"queued","nodeId","neighbours":[{"nodeId","service","contentId",
 * "title","type","weight","similarity","holds"}]}; hashes in hex.
 *
 * run: the one under way when the item was last written, or null; its page is
 * null, since no row keeps it. textIntact, vectorIntact: null where the row is
 * older than vector_hash. similarity: by the vectors as they are now, null of a
 * declared edge; holds: the edge says so, null where that cannot be told.
 * req->always: an item of which nothing is known is {"stored":false,..}, too,
 * not ERR_NOT_FOUND.
 */
void item_facts(struct store *store, struct history_req *req);

#endif
