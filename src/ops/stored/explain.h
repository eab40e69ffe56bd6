/*
 * Why an item is stored as it is, and why it would be embedded again now, or
 * would not: what the tables say (db/read/item_facts.h), beside the schemas and
 * the settings of today and, when it is asked, the item as its source has it.
 */
#ifndef OPS_STORED_EXPLAIN_H
#define OPS_STORED_EXPLAIN_H

#include "base/json.h"
#include "db/read/history.h"
#include "ops/stored/source_walk.h"
#include "record/item.h"

enum { EXPLAIN_PAGES = 1000 }; /* of a source, at most */

/* Completes req for item_facts(): tenant, unless one is given, and the name
 * that req->service is stored under. */
void explain_ask(
    const struct ops *ops, struct arena *arena, struct history_req *req);

/* An item as its source has it: explain_ask_source(). */
struct explain_source {
    struct source_walk walk; /* its op is the request */
    const char *id;
    struct arena *arena; /* the item's memory; the caller's */
    /* Out. */
    bool found;
    int page;
    struct item item;
    struct err broken; /* it was found, but cannot be rendered */
};

/*
 * Reads the service's pages until the item is found, or there are no more, or
 * EXPLAIN_PAGES are read. ERR_CONFIG: there is no schema for the service. Of
 * `source`, only what is listed here and op_init() is the caller's: service,
 * id, arena, and walk.tenant (NULL: the configured one). Errors: the page's.
 */
void explain_ask_source(const struct ops *ops, struct explain_source *source);

/*
 * Adds to what item_facts() said: "schema" (services_schema_json(), with its
 * "fingerprint"; null: there is none), "now":{"provider","model","dimensions",
 * "prefix"}, "sent":[text], one a piece as it goes to the provider, and
 * "verdict":{"embeds","why"}; with a source (NULL: it was not asked)
 * "source":{"found","page","pages","items","end","text","differs":[name],
 * "error"}. Returns `facts`.
 */
json_t *explain_add(const struct ops *ops, struct arena *arena,
    const char *service, const struct explain_source *source, json_t *facts);

/* For people. */
void explain_lines(struct buf *out, json_t *facts);

#endif
