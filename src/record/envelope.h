/*
 * What the coordinator answered: where the items are, whether there is more,
 * and the failures that hide behind status OK. Pure.
 */
#ifndef RECORD_ENVELOPE_H
#define RECORD_ENVELOPE_H

#include "base/json.h"
#include "record/schema.h"

/* One of the answer's normalized_fields. Both borrowed. */
struct envelope_field {
    struct str name, value;
};

/* The coordinator's answer as it came. All borrowed. */
struct envelope {
    struct str json; /* envelope_json */
    struct envelope_field *fields;
    size_t nfields;
};

struct page_view {
    yyjson_val *items;  /* an array, or the one object; NULL: no items */
    yyjson_val **list;  /* the items, n; in the arena */
    const char **flaws; /* why an item cannot be read as it came, or NULL;
                           NULL: there is no such item; in the arena */
    size_t n;
    /* How it says that there is more; each may be absent. */
    bool has_more_known, has_more;
    struct str has_more_odd; /* one that is not understood; len 0: none */
    int64_t total;           /* -1: not said */
    int64_t limit;           /* -1: not said */
    size_t replaced;         /* lone surrogates and broken bytes */
};

/*
 * Understands the answer about `service`; items live in the arena `a`. `schema`
 * gives the names that count as the target besides `service`. Errors:
 * ERR_SOURCE (tried again: success false, unparsable, empty, a failing service,
 * no items found: lists the keys there are), ERR_ANSWERED_BY (not tried again).
 * An item that is nested too deep or has a NaN does not cost its page: it is
 * mended, so that it can be walked, and view->flaws says what was wrong.
 */
int envelope_read(const struct envelope *e, const char *service,
    const struct schema *schema, struct arena *a, struct page_view *view,
    struct err *err);

/* The item at index i. */
yyjson_val *page_view_item(const struct page_view *view, size_t i);

#endif
