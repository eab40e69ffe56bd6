/* The stored items nearest to a text. */
#ifndef OPS_SEARCH_H
#define OPS_SEARCH_H

#include "base/json.h"
#include "ops/ops.h"

enum { SEARCH_USUAL = 10, SEARCH_MOST = 1000 };

/*
 * Works with the port embed, the store, the configuration and, when `service`
 * is given, the schemas.
 */
struct text_search_req {
    struct op op; /* err: the embedder's ("embed: ...") or the database's */
    /* In; borrowed until the callback. */
    struct str text;        /* not blank */
    const char *service;    /* any of its names; NULL: all services */
    struct str traceparent; /* the caller's, as it came; or empty */
    int limit;              /* hits, 1 .. SEARCH_MOST */
    struct arena *arena;    /* the answer's memory; the caller's */
    /* Out: nearest first. */
    const struct search_hit *hits;
    size_t nhits;
    /* The request's own. */
    const struct ops *ops; /* borrowed */
    struct embed_req embed;
    struct search_req search;
};

void search_text(const struct ops *ops, struct text_search_req *req);

/* [{"rank","similarity","service","content_id","chunk_index","title",
 * "preview"}]; a new reference. */
json_t *search_json(const struct text_search_req *req);

#endif
