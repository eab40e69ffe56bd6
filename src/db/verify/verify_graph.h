/*
 * The graph's part of verify_scan(): items without a node, edges that should be
 * there, edges that are no longer true, declared links without their edge. All
 * of it is further parts of the statement in verify_scan.c.
 */
#ifndef DB_VERIFY_VERIFY_GRAPH_H
#define DB_VERIFY_VERIFY_GRAPH_H

#include "db/call.h"
#include "db/store/store.h"

struct verify_finding;

/* The last columns of a finding's row: they are a check's. */
#define VERIFY_NOTHING                                                \
    ", NULL::bytea, NULL::text, NULL::text, NULL::int4, NULL::text, " \
    "NULL::text"

/* The settings of the transaction. `exact`: no vector index is used. */
void verify_graph_set(struct call *c, const struct store *s, bool exact);

/* `schema`: pgvector's. `sized`: the column has vectors of one size. */
void verify_graph_write_items(struct buf *sql, const char *schema, bool sized);
void verify_graph_write_found(struct buf *sql);

/* Its parameters, $14 on. */
void verify_graph_add(struct call *c, const char *service);

/*
 * Nodes of the tenant's services whose item is not stored, a batch at a time in
 * the order of node_id, with their edges of ours. Where the tables have no
 * foreign keys, edges without a node are counted with the first batch.
 */
struct verify_nodes_req {
    struct op op;
    struct arena *arena; /* the answer's memory; the caller's */
    const char *tenant;
    const char **services; /* as rows have them */
    size_t nservices;
    int limit;
    const char *after; /* "": from the first */
    /* Out; content_id is the node_id. An edge that has lost a node, and not the
     * node's item, is told by itself: row is its id, content_id and other are
     * its ends. */
    struct verify_finding *findings;
    size_t n;
    size_t seen;
    uint64_t edges;  /* of ours, all; counted with the first batch where no
                        foreign keys are */
    struct str last; /* len 0: that was all */
};

void verify_nodes(struct store *store, struct verify_nodes_req *req);

#endif
