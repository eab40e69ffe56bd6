/*
 * What the coordinator answered: where the items are, whether there is more,
 * and the failures that hide behind status OK. Pure.
 */
#ifndef SYNC_ENVELOPE_H
#define SYNC_ENVELOPE_H

#include "base/crypto.h"
#include "base/json.h"
#include "sync/ports.h"
#include "sync/schema.h"

struct page_view {
    yyjson_val *items; /* an array, or the one object; NULL: no items */
    yyjson_val **list; /* the items, n; in the arena */
    size_t n;
    /* How it says that there is more; each may be absent. */
    bool has_more_known, has_more;
    int64_t total;                /* -1: not said */
    int64_t limit;                /* -1: not said */
    uint8_t digest[SHA256_BYTES]; /* of the items alone */
    size_t replaced;              /* lone surrogates and broken bytes */
};

/*
 * Understands req's answer; items live in the arena `a`. `schema` gives the
 * names that count as the target besides req->service. Errors: ERR_SOURCE
 * (tried again: success false, unparsable, empty, a failing service, no items
 * found: lists the keys there are), ERR_ANSWERED_BY (not tried again).
 */
int envelope_read(const struct page_req *req, const struct schema *schema,
    struct arena *a, struct page_view *view, struct err *err);

/*
 * Is there another page? `received` counts the service's items so far, this
 * page's included; `limit` is the one in force (view->limit replaces it).
 */
bool envelope_more(const struct page_view *view, uint64_t received, int limit);

/* The item at index i. */
yyjson_val *page_view_item(const struct page_view *view, size_t i);

#endif
