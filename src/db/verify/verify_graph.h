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
#define VERIFY_NOTHING \
    ", NULL::bytea, NULL::text, NULL::text, NULL::int4, NULL::text"

/* The settings of the transaction. `exact`: no vector index is used. */
void verify_graph_set(struct call *c, const struct store *s, bool exact);

/* `schema`: pgvector's. */
void verify_graph_write_items(struct buf *sql, const char *schema);
void verify_graph_write_found(struct buf *sql);

/* Its parameters, $15 on. */
void verify_graph_add(struct call *c, const char *service, int64_t began_us);

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
    /* Out; content_id is the node_id. */
    struct verify_finding *findings;
    size_t n;
    size_t seen;
    struct str last; /* len 0: that was all */
};

void verify_nodes(struct store *store, struct verify_nodes_req *req);

#endif
