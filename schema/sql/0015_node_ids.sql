-- Nodes whose ids name tenant and service get the short one that readers ask
-- for, content:<content_id>, where no node has it; of several that want the
-- same one, the oldest. Their edges follow in the same statement: foreign keys
-- are looked at when it ends.

WITH long AS (
    SELECT k.id, k.node_id, k.tenant_id, k.created_at, 'content:' || substr(
        k.node_id, length('content:' || k.tenant_id || ':' || k.node_type
        || ':') + 1) AS short
      FROM knowledge_graph_nodes k
      JOIN microservices m ON m.tenant_id = k.tenant_id AND m.name = k.node_type
     WHERE starts_with(k.node_id, 'content:' || k.tenant_id || ':'
            || k.node_type || ':')
       AND k.properties @> '{"batch_processed": true}'),
chosen AS MATERIALIZED (
    SELECT DISTINCT ON (short) id, tenant_id, node_id, short FROM long
     WHERE short <> 'content:' AND NOT EXISTS (
        SELECT FROM knowledge_graph_nodes o WHERE o.node_id = long.short)
     ORDER BY short, created_at, node_id),
renamed AS (
    UPDATE knowledge_graph_nodes k SET node_id = c.short
      FROM chosen c WHERE k.id = c.id)
UPDATE knowledge_graph_edges e
   SET source_node_id = coalesce(s.short, e.source_node_id),
       target_node_id = coalesce(t.short, e.target_node_id)
  FROM knowledge_graph_edges o
  LEFT JOIN chosen s ON s.node_id = o.source_node_id
  LEFT JOIN chosen t ON t.node_id = o.target_node_id
 WHERE e.id = o.id AND (s.short IS NOT NULL OR t.short IS NOT NULL);

-- What other programs have said about the table stays.
DO $comment$
BEGIN
    IF obj_description('knowledge_graph_nodes'::regclass, 'pg_class')
        = 'Stored items as nodes: content:<tenant>:<service>:<content id>.'
    THEN
        COMMENT ON TABLE knowledge_graph_nodes IS
            'Stored items as nodes: content:<content id>, or, where another '
            'item has that, content:<tenant>:<service>:<content id>.';
    END IF;
END $comment$;
