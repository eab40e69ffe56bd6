-- What schemas declare: an item's links to others, known by their ids. A row is
-- there as long as its item declares it, whether the other one is stored or not;
-- the edge follows from it.

CREATE TABLE batch_sync_links (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id        text NOT NULL,
    microservice_id  text NOT NULL,
    content_id       text NOT NULL,
    link_type        text NOT NULL,
    target_service   text NOT NULL,
    target_id        text NOT NULL,
    wanted           boolean NOT NULL DEFAULT true,
    linked           boolean NOT NULL DEFAULT false,
    pending          boolean NOT NULL DEFAULT true,
    UNIQUE (tenant_id, microservice_id, content_id, link_type, target_service,
        target_id)
) WITH (fillfactor = 80);
CREATE INDEX batch_sync_links_target
    ON batch_sync_links (tenant_id, target_service, target_id);
CREATE INDEX batch_sync_links_pending
    ON batch_sync_links (tenant_id, microservice_id, content_id) WHERE pending;
COMMENT ON TABLE batch_sync_links IS
    'Links that schemas declare, from a stored item to a service''s item.';
COMMENT ON COLUMN batch_sync_links.target_service IS
    'The name that the rows of the other item''s service have.';
COMMENT ON COLUMN batch_sync_links.wanted IS
    'False: no longer declared; the edge is to be removed, and the row with it.';
COMMENT ON COLUMN batch_sync_links.linked IS
    'There is an edge. Otherwise the item waits for the other one to be stored.';
COMMENT ON COLUMN batch_sync_links.pending IS
    'To be looked at: it is new, or the other item has been stored since.';

-- Edges of other programs may have the same ends and the same type, and even say
-- what ours say. Of several that do the newest counts; the others stay, but no
-- longer say so, nor do those that are too long for the index. A row by its
-- place: in a partitioned table ids may be another tenant's, too.
UPDATE knowledge_graph_edges e
   SET properties = jsonb_set(properties, '{method}', '"declared by another"')
  FROM (SELECT tableoid, ctid, row_number() OVER (
            PARTITION BY tenant_id, source_node_id, target_node_id, edge_type
            ORDER BY created_at DESC, id DESC) > 1
            OR octet_length(tenant_id || source_node_id || target_node_id
                || edge_type) > 2600 AS spare
          FROM knowledge_graph_edges
         WHERE (properties ->> 'method') = 'declared') d
 WHERE d.spare AND e.tableoid = d.tableoid AND e.ctid = d.ctid;

CREATE UNIQUE INDEX IF NOT EXISTS knowledge_graph_edges_declared_key
    ON knowledge_graph_edges (tenant_id, source_node_id, target_node_id,
        edge_type)
    WHERE (properties ->> 'method') = 'declared';
