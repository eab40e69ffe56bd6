/*
 * The graph: stored items as nodes, and edges from each to those that are
 * nearest to it. The real side of the port link (sync/ports.h).
 *
 *   item   what one content id of a service stands for. Its vector and its
 *          preview are those of its first piece (chunk_index 0), and only
 *          first pieces are neighbours, so that a long text is one neighbour
 *          and never its own.
 *   node   what stands for an item: content:<content_id>, or a longer id
 *          where another item has that one (db/graph/graph_node.h)
 *   edge   from an item to one of its GRAPH_NEIGHBOURS nearest of the tenant,
 *          when their cosine similarity is above 0.70 (related) or above 0.85
 *          (strongly_related). Edges of other types are not looked at.
 */
#ifndef DB_GRAPH_GRAPH_H
#define DB_GRAPH_GRAPH_H

#include "db/graph/vector_index.h"

enum { GRAPH_NEIGHBOURS = 10, LINK_LANES = 2 /* connections at work */ };

struct call;
struct link_job_state;

/* A plain value; nothing to free. Stays where it is. */
struct graph {
    struct store store; /* over the graph's own pool */
    struct vector_index index;
    struct link_job_state *job; /* many items at once, a step a call; or NULL */
    int64_t job_least;          /* queued items that are many */
    double exact_most; /* multiplications and additions that are worth it */
    size_t job_bytes;  /* of vectors that are resident */
    size_t job_window; /* queued items known at a time, by the index */
    char owner[40];    /* of its claims */
};

/*
 * `pool` should have LINK_LANES connections of its own: building the index
 * takes minutes, and linking must not take the store's. How far it is is asked
 * on a connection of `watch`; NULL: it is not.
 */
void graph_init(struct graph *g, struct pg_pool *pool, struct pg_pool *watch,
    struct loop *loop);

/* Ends a job between two steps; what is queued stays so. */
void graph_free(struct graph *g);

/*
 * Takes items off the link queue and links them, in one transaction; before
 * that makes sure of the vector index. Errors are those of the index
 * (ERR_CONFIG: somebody has to build it) and of the database; nothing has been
 * taken off then. Several processes may link the same tenant: their batches
 * take turns, by an advisory lock that each holds until it has committed.
 */
void graph_link(struct graph *g, struct link_req *req);

/*
 * Puts items without a node on the link queue, those of the tenant that come
 * next by their key (sync/ports.h). Errors are the database's.
 */
void graph_find(struct graph *g, struct find_req *req);

/*
 * Statements that a transaction which links begins with: of the planner; and of
 * scans of the index.
 */
void graph_settings(struct call *c);
void graph_index_settings(struct call *c);

/*
 * The statement that links; exposed to be looked at by EXPLAIN. $1 is the
 * tenant, $2 the limit; `schema` is that of the vectors' operators. Its one
 * row: items taken off, edges written, items that could have no node, one of
 * them. ERR_NOMEM.
 */
int graph_sql(struct buf *sql, const char *schema);

/* Of a linking job (db/graph/job/link_job.h). Nodes for items, by arrays of
 * their keys: a row for each that is stored, its place in the arrays from 1,
 * its node or NULL, its id. ERR_NOMEM. */
int graph_name_sql(struct buf *sql);

/* The nearest of items, by arrays of their keys, in rows of an item's place
 * there from 1, the key of one that is near and their similarity; items without
 * one have a row without. And: edges that lead to such items are measured anew;
 * how many have changed. `schema` is that of the vectors' operators. ERR_NOMEM.
 */
int graph_search_sql(struct buf *sql, const char *schema);
int graph_inward_sql(struct buf *sql, const char *schema);

/* Edges of some sources, together with deleting rows of the queue: how many of
 * these, and how many edges have changed. */
const char *graph_write_sql(void);

/* For the statement that has `items` (id, name, content_id, preview, node_id):
 * makes nodes for those without one. `named` has the node of each. */
void graph_add_nodes(struct buf *sql);

#endif
