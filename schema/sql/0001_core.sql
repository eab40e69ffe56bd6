-- The tables that readers know: what was synced, for whom, from where.
-- Identifiers are text, times are UTC without a zone, as the other programs
-- that share these tables have them. Who writes a row sets updated_at.

CREATE TABLE tenants (
    id          text PRIMARY KEY,
    name        text NOT NULL,
    domain      text UNIQUE,
    settings    jsonb NOT NULL DEFAULT '{}',
    created_at  timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at  timestamp(3) NOT NULL,
    deleted_at  timestamp(3)
);
COMMENT ON TABLE tenants IS 'Whose data it is.';

CREATE TABLE microservices (
    id            text PRIMARY KEY,
    tenant_id     text NOT NULL REFERENCES tenants (id),
    name          text NOT NULL,
    service_id    text NOT NULL UNIQUE,
    display_name  text,
    description   text,
    api_endpoint  text,
    version       text,
    is_active     boolean NOT NULL DEFAULT true,
    settings      jsonb NOT NULL DEFAULT '{}',
    metadata      jsonb NOT NULL DEFAULT '{}',
    created_at    timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at    timestamp(3) NOT NULL,
    UNIQUE (tenant_id, name)
);
COMMENT ON TABLE microservices IS
    'The services that data comes from, one row a tenant and service.';

CREATE TABLE vector_embeddings (
    id               text PRIMARY KEY,
    tenant_id        text NOT NULL REFERENCES tenants (id),
    microservice_id  text REFERENCES microservices (id),
    content_id       text NOT NULL,
    content_type     text NOT NULL,
    embedding        vector({{dimensions}}),
    content_text     text NOT NULL,
    chunk_index      integer NOT NULL DEFAULT 0 CHECK (chunk_index >= 0),
    metadata         jsonb NOT NULL DEFAULT '{}',
    embed_hash       bytea,
    row_hash         bytea,
    created_at       timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at       timestamp(3) NOT NULL
);
COMMENT ON TABLE vector_embeddings IS
    'Texts with their vectors. A synced item is one row of content_type '
    'microservice_data, or one a piece (chunk_index) of a long text.';
COMMENT ON COLUMN vector_embeddings.embed_hash IS
    'Of the text and the model: the same hash, the same vector.';
COMMENT ON COLUMN vector_embeddings.row_hash IS
    'Of all that is stored: the same hash, nothing to write.';

-- No other index than these: each one costs every write. The index that
-- answers nearest-neighbour queries is built after the first load.
CREATE UNIQUE INDEX vector_embeddings_item_key ON vector_embeddings
    (tenant_id, microservice_id, content_id, chunk_index)
    WHERE content_type = 'microservice_data';
CREATE INDEX idx_vector_embeddings_tenant_id_content_id ON vector_embeddings
    (tenant_id, content_id);

CREATE TABLE knowledge_graph_nodes (
    id          text PRIMARY KEY,
    tenant_id   text NOT NULL REFERENCES tenants (id),
    node_id     text NOT NULL UNIQUE,
    node_type   text NOT NULL,
    properties  jsonb NOT NULL DEFAULT '{}',
    created_at  timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at  timestamp(3) NOT NULL
);
COMMENT ON TABLE knowledge_graph_nodes IS
    'Stored items as nodes: content:<tenant>:<service>:<content id>.';

CREATE TABLE knowledge_graph_edges (
    id              text PRIMARY KEY,
    tenant_id       text NOT NULL REFERENCES tenants (id),
    source_node_id  text NOT NULL REFERENCES knowledge_graph_nodes (node_id),
    target_node_id  text NOT NULL REFERENCES knowledge_graph_nodes (node_id),
    edge_type       text NOT NULL,
    weight          decimal(3, 2) CHECK (weight >= 0 AND weight <= 1),
    properties      jsonb NOT NULL DEFAULT '{}',
    created_at      timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at      timestamp(3) NOT NULL
);
COMMENT ON TABLE knowledge_graph_edges IS
    'How items relate; weight is their cosine similarity.';

CREATE UNIQUE INDEX knowledge_graph_edges_related_key ON knowledge_graph_edges
    (tenant_id, source_node_id, target_node_id)
    WHERE edge_type IN ('related', 'strongly_related');
CREATE INDEX idx_knowledge_graph_edges_tenant_id_target
    ON knowledge_graph_edges (tenant_id, target_node_id);
