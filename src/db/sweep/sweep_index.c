#include "db/sweep/sweep_index.h"

enum { FEW_BYTES = 8 * 1024 * 1024 }; /* of edges: read in a few ms */

void sweep_index_look(struct call *c)
{
    call_stmt(c,
        "SELECT count(*) FROM pg_attribute a"
        " WHERE a.attrelid = '@.knowledge_graph_edges'::regclass"
        " AND a.attname IN ('source_node_id', 'target_node_id')"
        " AND pg_relation_size(a.attrelid) > $1"
        " AND NOT EXISTS (SELECT 1 FROM pg_index i"
        "  WHERE i.indrelid = a.attrelid AND i.indisvalid"
        "  AND i.indpred IS NULL AND i.indkey[0] = a.attnum)",
        false);
    call_add_int(c, FEW_BYTES);
}

bool sweep_index_wanted(const struct pg_result *r)
{
    return call_int(r, 0, 0) > 0;
}

void sweep_index_build(struct call *c)
{
    call_stmt(c, "SELECT set_config('lock_timeout', '5s', true)", false);
    call_stmt(c,
        "CREATE INDEX IF NOT EXISTS idx_knowledge_graph_edges_source"
        " ON @.knowledge_graph_edges (source_node_id)",
        false);
    call_stmt(c,
        "CREATE INDEX IF NOT EXISTS idx_knowledge_graph_edges_target"
        " ON @.knowledge_graph_edges (target_node_id)",
        false);
}
