/*
 * Which node an item has. There are two ids that it may have:
 *
 *   content:<content_id>                     what readers ask for
 *   content:<tenant>:<service>:<content_id>  where another item has that one
 *
 * node_id is unique in the whole table, so tenants and services that share ids
 * share the short form. An item's node is the candidate with its tenant and
 * its service as node_type, the short one first: never a concatenation alone.
 * All of it is SQL text; the arguments are SQL expressions.
 */
#ifndef DB_GRAPH_GRAPH_NODE_H
#define DB_GRAPH_GRAPH_NODE_H

#define NODE_SHORT(content_id) "('content:' || " content_id ")"

#define NODE_LONG(tenant, service, content_id) \
    "('content:' || " tenant " || ':' || " service " || ':' || " content_id ")"

/* Of those with this id, the row that is the item's; a table k. */
#define NODE_IS_ITEMS(tenant, service) \
    "k.tenant_id = " tenant " AND k.node_type = " service

/* OFFSET 0: whatever the statistics say, a node by its key, not the table. */
#define NODE_WITH_ID(tenant, service, id)                              \
    "(SELECT k.node_id FROM @.knowledge_graph_nodes k WHERE k.node_id" \
    " = " id " AND " NODE_IS_ITEMS(tenant, service) " OFFSET 0)"

/* The id of the item's node; NULL: it has none. */
#define NODE_OF_ITEM(tenant, service, content_id)                          \
    "coalesce(" NODE_WITH_ID(                                              \
        tenant, service, NODE_SHORT(content_id)) ", " NODE_WITH_ID(tenant, \
        service, NODE_LONG(tenant, service, content_id)) ")"

/* All nodes that stand for the item, for deleting: a table with node_id. */
#define NODES_OF_ITEM(tenant, service, content_id)                         \
    "(SELECT k.node_id FROM @.knowledge_graph_nodes k WHERE k.node_id IN " \
    "(" NODE_SHORT(content_id) ", " NODE_LONG(tenant, service,             \
        content_id) ")"                                                    \
                    " AND " NODE_IS_ITEMS(tenant, service) " OFFSET 0)"

/*
 * The other way: the content ids that the node of a service may be of, as an
 * array for = ANY(). The longer one is meant where items have both.
 */
#define NODE_ITEMS(tenant, service, node_id)                          \
    "ARRAY[CASE WHEN starts_with(" node_id ", 'content:')"            \
    " THEN substr(" node_id ", 9) END,"                               \
    " CASE WHEN starts_with(" node_id ", " NODE_LONG(tenant, service, \
        "''") ")"                                                     \
              " THEN substr(" node_id                                 \
              ", length(" NODE_LONG(tenant, service, "''") ") + 1) END]"

/* Which edges are ours. Computed ones have their types to themselves; declared
 * ones (db/graph/declared/links.h) say that they are. */
#define EDGE_IS_COMPUTED "edge_type IN ('related', 'strongly_related')"
#define EDGE_IS_DECLARED "(properties ->> 'method') = 'declared'"
#define EDGE_IS_OURS "(" EDGE_IS_COMPUTED " OR " EDGE_IS_DECLARED ")"

/*
 * A node says how many computed edges have left it since it was linked, because
 * their other ends have moved away or are gone: so much room is no fault, and
 * verify tells it from edges that others have cut. Linking the item ends that.
 *
 * NODE_ROOM is a part of a statement with a table lost, a row for each such
 * edge with its source; transactions side by side lock nodes in one order.
 * NODE_FULL: the properties of a node k without it.
 */
#define NODE_ROOM                                                      \
    ", roomy AS (UPDATE @.knowledge_graph_nodes k SET properties ="    \
    "  k.properties || jsonb_build_object('lost_neighbours', l.n"      \
    "   + coalesce((k.properties ->> 'lost_neighbours')::int, 0))"     \
    " FROM (SELECT o.node_id, l.n FROM (SELECT source, count(*) AS n"  \
    "   FROM lost GROUP BY source) l JOIN @.knowledge_graph_nodes o"   \
    "   ON o.node_id = l.source ORDER BY o.node_id FOR UPDATE OF o) l" \
    " WHERE k.node_id = l.node_id RETURNING 1)"
#define NODE_FULL "(k.properties - 'lost_neighbours')"
#define NODE_HAS_ROOM "k.properties ? 'lost_neighbours'"

#define GRAPH_NOW "now() AT TIME ZONE 'UTC'"
#define GRAPH_NOW_ISO \
    "to_char(" GRAPH_NOW ", 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/* `method`: an SQL literal. */
#define EDGE_PROPERTIES(method) \
    "jsonb_build_object('method', " method ", 'linked_at', " GRAPH_NOW_ISO ")"

/*
 * Ids of new edges: UUIDs of version 7, which ascend in the order of the rows.
 * A batch's then go side by side into the index over ids, instead of each into
 * a page of its own, which is a third of what writing an edge costs.
 *
 * EDGE_IDS: a table of one row, ids.prefix, with 54 random bits of a
 * statement's own (OFFSET 0: made once). EDGE_ID: the id of a row in that
 * order; fewer than 2^20.
 */
#define EDGE_IDS                                                          \
    "(SELECT substr(ms, 1, 8) || '-' || substr(ms, 9, 4) || '-7'"         \
    "  || substr(random, 16, 3) || '-' || substr(random, 20, 12)"         \
    "  AS prefix FROM (SELECT lpad(to_hex((1000"                          \
    "   * extract(epoch FROM clock_timestamp()))::int8), 12, '0') AS ms," \
    "   gen_random_uuid()::text AS random OFFSET 0) r OFFSET 0) ids"
#define EDGE_ID(order) \
    "prefix || lpad(to_hex(row_number() OVER (ORDER BY " order ")), 5, '0')"

#endif
