/*
 * The stored rows of a service against their own hashes and the graph, a batch
 * of items at a time in the order of their key. Read-only.
 */
#ifndef DB_VERIFY_VERIFY_SCAN_H
#define DB_VERIFY_VERIFY_SCAN_H

#include "db/store/store.h"
#include "db/verify/verify_kinds.h"
#include "record/schema.h"

/* Something that is wrong. */
struct verify_finding {
    enum verify_kind kind;
    struct str row;  /* the row's id; len 0: there is none */
    struct str hash; /* of a surplus piece with the item's embed_hash, that
                        one as text; else len 0 */
    struct str content_id; /* or the node's or index's name */
    int piece;             /* chunk_index; -1: the item as a whole */
    uint64_t n;            /* how many: 1, or of a node its edges */
    struct str other;      /* of an edge: the node at its other end */
};

struct verify_scan_req {
    struct op op;
    struct arena *arena; /* the answer's memory; the caller's */
    const char *tenant;
    const char *service; /* as rows have it */
    const char *microservice_id;
    int dimensions;
    size_t piece_bytes; /* a last piece of as many may have had a next one */
    struct schema_pieces pieces; /* what later ones are sent with now */
    int limit;                   /* rows, about */
    bool graph;                  /* nodes and edges, too */
    bool exact;                  /* neighbours without the vector index */
    bool sized;        /* the column's vectors have all the same size */
    const char *after; /* content id: begins behind it; "": with the first */
    /* Out. */
    struct verify_finding *findings;
    size_t n;
    size_t rows, items;
    struct str last; /* the content id to go on behind; len 0: that was all */
};

void verify_scan(struct store *store, struct verify_scan_req *req);

#endif
