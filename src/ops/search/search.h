/* The stored items that answer a text best: by meaning, by words, or both. */
#ifndef OPS_SEARCH_H
#define OPS_SEARCH_H

#include "base/json.h"
#include "ops/ops.h"
#include "ops/search/search_fuse.h"

enum {
    SEARCH_USUAL = 10,
    SEARCH_MOST = 1000,
    SEARCH_ROWS_READ = 20000 /* as many texts are read without an index */
};

enum search_way { SEARCH_BOTH, SEARCH_VECTOR, SEARCH_TEXT };

/*
 * Works with the port embed, the store, the configuration and, when `service`
 * is given, the schemas.
 */
struct text_search_req {
    struct op op; /* err: the embedder's ("embed: ...") or the database's */
    /* In; borrowed until the callback. */
    struct str text;             /* not blank */
    const char *service;         /* any of its names; NULL: all services */
    struct search_filter filter; /* names, values, since, until; the rest is
                                    filled in */
    struct str traceparent;      /* the caller's, as it came; or empty */
    int limit;                   /* items, 1 .. SEARCH_MOST */
    enum search_way way;
    struct arena *arena; /* the answer's memory; the caller's */
    /* Out: best first. */
    struct search_item *items;
    size_t nitems;
    enum search_index index; /* how words were looked for, unless SEARCH_VECTOR;
                                SEARCH_TOO_LARGE: they were not */
    /* The request's own. */
    const struct ops *ops; /* borrowed */
    struct embed_req embed;
    struct search_vector_req by_vector;
    struct search_text_req by_text;
    int running;
};

void search_text(const struct ops *ops, struct text_search_req *req);

/* "hybrid", "vector", "text": what was looked for in the end. */
const char *search_way_name(const struct text_search_req *req);

/* What a reader has to know of how it was searched; NULL: nothing. */
const char *search_note(const struct text_search_req *req);

/*
 * [{"rank","similarity","service","content_id","chunk_index","title",
 * "preview"}]; `explain` adds "score", "vector" {"rank","similarity"} and
 * "text" {"rank","score","phrase"}, null where the item was not found so. A new
 * reference.
 */
json_t *search_json(const struct text_search_req *req, bool explain);

#endif
