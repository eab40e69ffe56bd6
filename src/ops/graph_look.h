/* An item's neighbourhood in the graph. */
#ifndef OPS_GRAPH_LOOK_H
#define OPS_GRAPH_LOOK_H

#include "base/buf.h"
#include "base/json.h"
#include "db/read/history.h"
#include "ops/ops.h"

/* Steps from the item: as far as this, and when nothing is said. */
enum { GRAPH_DEPTH_USUAL = 1, GRAPH_DEPTH_MOST = 5 };

/*
 * Completes req for history_graph(): the tenant, unless one is given, the name
 * that req->service is stored under, and the depth, of `depth` (NULL: nothing
 * was said). ERR_INVALID says what depth must be.
 */
int graph_look(const struct ops *ops, struct arena *arena, const char *depth,
    struct history_req *req, struct err *err);

/* The answer's text for people: the item, then each node with its edges. */
void graph_look_lines(struct buf *out, json_t *graph);

/* The same in the DOT language, as Graphviz draws it. */
void graph_look_dot(struct buf *out, json_t *graph);

#endif
