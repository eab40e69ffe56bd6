-- The tables that readers know: what was synced, for whom, from where.
-- Identifiers are text, times are UTC without a zone, as the other programs
-- that share these tables have them. Who writes a row sets updated_at.
--
-- Tables that another program has made stay as they are but for two columns
-- and the unique indexes, and their comments are kept: what must be in order
-- before that, `batchsync migrate` has seen to.

CREATE TABLE IF NOT EXISTS tenants (
    id          text PRIMARY KEY,
    name        text NOT NULL,
    domain      text UNIQUE,
    settings    jsonb NOT NULL DEFAULT '{}',
    created_at  timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at  timestamp(3) NOT NULL,
    deleted_at  timestamp(3)
);

CREATE TABLE IF NOT EXISTS microservices (
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

CREATE TABLE IF NOT EXISTS vector_embeddings (
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
) WITH (toast_tuple_target = 4080);
-- A row of less than half a page stays in one piece, neither compressed nor
-- with its vector elsewhere: some 600 dimensions and the usual text.

CREATE TABLE IF NOT EXISTS knowledge_graph_nodes (
    id          text PRIMARY KEY,
    tenant_id   text NOT NULL REFERENCES tenants (id),
    node_id     text NOT NULL UNIQUE,
    node_type   text NOT NULL,
    properties  jsonb NOT NULL DEFAULT '{}',
    created_at  timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at  timestamp(3) NOT NULL
);

CREATE TABLE IF NOT EXISTS knowledge_graph_edges (
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

-- No other indexes than these: each one costs every write. The index that
-- answers nearest-neighbour queries is built after the first load.
CREATE UNIQUE INDEX IF NOT EXISTS vector_embeddings_item_key
    ON vector_embeddings (tenant_id, microservice_id, content_id, chunk_index)
    WHERE content_type = 'microservice_data';
CREATE UNIQUE INDEX IF NOT EXISTS knowledge_graph_edges_related_key
    ON knowledge_graph_edges (tenant_id, source_node_id, target_node_id)
    WHERE edge_type IN ('related', 'strongly_related');

-- Unless such an index is there by another name.
DO $index$
DECLARE want record;
BEGIN
    FOR want IN SELECT * FROM (VALUES
        ('vector_embeddings', 'tenant_id, content_id',
         'idx_vector_embeddings_tenant_id_content_id'),
        ('knowledge_graph_edges', 'tenant_id, target_node_id',
         'idx_knowledge_graph_edges_tenant_id_target')) AS w (tab, cols, name)
        WHERE NOT EXISTS (SELECT FROM pg_index
            WHERE indrelid = tab::regclass AND indisvalid AND indpred IS NULL
            AND pg_get_indexdef(indexrelid)
                LIKE '% USING btree (' || cols || ')')
    LOOP
        EXECUTE format('CREATE INDEX %I ON %I (%s)',
            want.name, want.tab, want.cols);
    END LOOP;
END $index$;

DO $comments$
DECLARE say record;
BEGIN
    FOR say IN SELECT * FROM (VALUES
        ('tenants', 'Whose data it is.'),
        ('microservices',
         'The services that data comes from, one row a tenant and service.'),
        ('vector_embeddings',
         'Texts with their vectors. A synced item is one row of content_type '
         'microservice_data, or one a piece (chunk_index) of a long text.'),
        ('knowledge_graph_nodes',
         'Stored items as nodes: content:<tenant>:<service>:<content id>.'),
        ('knowledge_graph_edges',
         'How items relate; weight is their cosine similarity.'))
        AS s (tab, words)
        WHERE obj_description(tab::regclass, 'pg_class') IS NULL
    LOOP
        EXECUTE format('COMMENT ON TABLE %I IS %L', say.tab, say.words);
    END LOOP;
END $comments$;

-- Last, because from here on nobody else can even read.
ALTER TABLE vector_embeddings
    ADD COLUMN IF NOT EXISTS embed_hash bytea,
    ADD COLUMN IF NOT EXISTS row_hash bytea;
COMMENT ON COLUMN vector_embeddings.embed_hash IS
    'Of the text and the model: the same hash, the same vector.';
COMMENT ON COLUMN vector_embeddings.row_hash IS
    'Of all that is stored: the same hash, nothing to write.';
