// The database of an existing deployment, as another program made and filled
// it: its tables and indexes, no unique keys where there should be some, and
// the mess that grew from that.

const TABLES = (dimensions) => `
  CREATE TABLE tenants (
    id text PRIMARY KEY, name text NOT NULL, domain text NOT NULL UNIQUE,
    settings jsonb DEFAULT '{}', created_at timestamp(3) NOT NULL DEFAULT
    CURRENT_TIMESTAMP, updated_at timestamp(3) NOT NULL,
    deleted_at timestamp(3));
  CREATE TABLE microservices (
    id text PRIMARY KEY, tenant_id text NOT NULL REFERENCES tenants (id),
    name text NOT NULL, service_id text NOT NULL UNIQUE, display_name text,
    description text, api_endpoint text, version text,
    is_active boolean NOT NULL DEFAULT true, settings jsonb DEFAULT '{}',
    metadata jsonb DEFAULT '{}', created_at timestamp(3) NOT NULL DEFAULT
    CURRENT_TIMESTAMP, updated_at timestamp(3) NOT NULL,
    UNIQUE (tenant_id, name));
  CREATE TABLE vector_embeddings (
    id text PRIMARY KEY, tenant_id text NOT NULL REFERENCES tenants (id),
    microservice_id text REFERENCES microservices (id),
    content_id text NOT NULL, content_type text NOT NULL,
    embedding vector(${dimensions}), content_text text NOT NULL,
    chunk_index integer DEFAULT 0 CHECK (chunk_index >= 0),
    metadata jsonb DEFAULT '{}', created_at timestamp(3) NOT NULL DEFAULT
    CURRENT_TIMESTAMP, updated_at timestamp(3) NOT NULL);
  CREATE INDEX idx_ve_tenant ON vector_embeddings (tenant_id);
  CREATE INDEX idx_ve_content ON vector_embeddings (content_id);
  CREATE INDEX idx_ve_tenant_content
    ON vector_embeddings (tenant_id, content_id);
  CREATE INDEX idx_ve_service ON vector_embeddings (microservice_id);
  CREATE INDEX idx_ve_type ON vector_embeddings (content_type);
  CREATE INDEX idx_ve_tenant_service
    ON vector_embeddings (tenant_id, microservice_id);
  CREATE INDEX idx_ve_tenant_type_service
    ON vector_embeddings (tenant_id, content_type, microservice_id);
  CREATE INDEX idx_vector_embeddings_embedding_hnsw ON vector_embeddings
    USING hnsw (embedding vector_cosine_ops)
    WITH (m = 16, ef_construction = 64);
  CREATE TABLE knowledge_graph_nodes (
    id text PRIMARY KEY, tenant_id text NOT NULL REFERENCES tenants (id),
    node_id text NOT NULL UNIQUE, node_type text NOT NULL,
    properties jsonb DEFAULT '{}', created_at timestamp(3) NOT NULL DEFAULT
    CURRENT_TIMESTAMP, updated_at timestamp(3) NOT NULL);
  CREATE TABLE knowledge_graph_edges (
    id text PRIMARY KEY, tenant_id text NOT NULL REFERENCES tenants (id),
    source_node_id text NOT NULL REFERENCES knowledge_graph_nodes (node_id),
    target_node_id text NOT NULL REFERENCES knowledge_graph_nodes (node_id),
    edge_type text NOT NULL,
    weight decimal(3, 2) CHECK (weight >= 0 AND weight <= 1),
    properties jsonb DEFAULT '{}', created_at timestamp(3) NOT NULL DEFAULT
    CURRENT_TIMESTAMP, updated_at timestamp(3) NOT NULL);
  COMMENT ON TABLE tenants IS 'Their own words.';`;

/** What other writers have: rows of other types, edges of other kinds, a
 * view, a trigger that tells of what happens to their rows. */
const OTHERS = `
  CREATE TABLE audit (at timestamptz DEFAULT now(), what text);
  CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit (what) VALUES (TG_OP || ' ' || OLD.id);
    RETURN NULL; END $$;
  INSERT INTO vector_embeddings (id, tenant_id, microservice_id, content_id,
    content_type, embedding, content_text, metadata, created_at, updated_at)
  SELECT 'other-' || g || t.id, t.id,
    CASE WHEN g % 3 = 0 THEN 'ms-alpha-' || t.id END,
    'item-' || lpad((g % 900)::text, 5, '0'),
    (ARRAY['document', 'quiz', 'microservice_data_v0'])[1 + g % 3],
    CASE WHEN g % 7 > 0 THEN '[1,2,3,4,5,6,7,8]'::vector END, 'Theirs ' || g,
    '{"_source_service": "alpha"}', '2024-05-01', '2024-05-02'
  FROM generate_series(1, 2500) g, tenants t;
  INSERT INTO vector_embeddings (id, tenant_id, content_id, content_type,
    content_text, metadata, updated_at)
  SELECT 'lost-' || g, 'tenant-7', 'item-00001', 'microservice_data',
    'No one knows whose', CASE WHEN g % 2 = 0 THEN '{}'::jsonb
    ELSE '{"_source_service": 5}' END, '2024-05-02'
  FROM generate_series(1, 37) g;
  INSERT INTO knowledge_graph_nodes (id, tenant_id, node_id, node_type,
    updated_at)
  SELECT 'node-' || g, 'tenant-7', 'concept-' || g, 'concept', '2024-05-02'
  FROM generate_series(1, 300) g;
  INSERT INTO knowledge_graph_edges (id, tenant_id, source_node_id,
    target_node_id, edge_type, weight, updated_at)
  SELECT 'edge-' || e || '-' || g || '-' || k, 'tenant-7', 'concept-' || g,
    'concept-' || g % 300 + 1, e, k / 10.0,
    timestamp '2024-05-01' + k * interval '1 day'
  FROM generate_series(1, 300) g, generate_series(1, 3) k,
    unnest(ARRAY['requires', 'teaches', 'related']) e
  WHERE e <> 'related' OR g % 10 = 0;
  CREATE VIEW documents AS SELECT * FROM vector_embeddings
    WHERE content_type = 'document';
  CREATE TRIGGER audit AFTER UPDATE OR DELETE ON vector_embeddings FOR EACH ROW
    WHEN (OLD.content_type <> 'microservice_data') EXECUTE FUNCTION audit();
  CREATE TRIGGER audit AFTER UPDATE OR DELETE ON knowledge_graph_edges
    FOR EACH ROW WHEN (OLD.edge_type NOT IN ('related', 'strongly_related'))
    EXECUTE FUNCTION audit();`;

/** Rows of which no batchsync may ever change a bit. */
export const FOREIGN = {
  vector_embeddings: `content_type <> 'microservice_data'
    OR id LIKE 'lost-%'`,
  knowledge_graph_nodes: `node_id NOT LIKE 'content:%'`,
  knowledge_graph_edges: `edge_type NOT IN ('related', 'strongly_related')`,
  tenants: 'true',
  audit: 'true',
};

/** The columns of vector_embeddings that batchsync adds. */
const ADDED = `'{embed_hash, row_hash, written_at, vector_hash, repairs}'
  ::text[]`;

/** One digest of the rows: their columns and who wrote them when. */
export async function digest(db, filters = FOREIGN) {
  const digests = {};
  for (const [table, filter] of Object.entries(filters)) {
    digests[table] = await db.value(`SELECT count(*) || ' ' || md5(coalesce(
      string_agg((to_jsonb(t) - ${ADDED})::text || t.xmin,
      '|' ORDER BY to_jsonb(t)::text), '')) FROM ${table} t
      WHERE ${filter}`);
  }
  return digests;
}

/** The rows of one tenant, whoever wrote them: what a sync of another one may
 * not touch. */
export const digestOf = (db, tenant) => digest(db, Object.fromEntries(
  ['microservices', 'vector_embeddings', 'knowledge_graph_nodes',
    'knowledge_graph_edges'].map((table) =>
    [table, `tenant_id = '${tenant}'`])));

/** What readers see of a tenant's items, the newest row of each: adoption only
 * gives them their microservice. */
export const contentOf = (db, tenant) => db.value(`SELECT count(*) || ' '
  || md5(string_agg((to_jsonb(v) - 'microservice_id' - ${ADDED})::text,
    '|' ORDER BY id)) FROM vector_embeddings v
  WHERE tenant_id = '${tenant}' AND content_type = 'microservice_data'
    AND id NOT LIKE 'z-%' AND id NOT LIKE '0-%' AND id NOT LIKE 'lost-%'`);

/** Everything: the rows of all tables, and the catalog. */
export async function fullDigest(db) {
  const tables = await db.rows(`SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`);
  return {
    rows: await digest(db, Object.fromEntries(
      tables.map(({ relname }) => [relname, 'true']))),
    catalog: await db.value(`SELECT md5(string_agg(line, E'\\n'
      ORDER BY line)) FROM (
      SELECT concat_ws(' ', c.relname, c.relkind, c.relnatts, c.relacl,
        obj_description(c.oid)) AS line FROM pg_class c
        WHERE relnamespace = 'public'::regnamespace
      UNION ALL SELECT concat_ws(' ', attrelid::regclass, attname, attnotnull,
        atttypmod, atttypid) FROM pg_attribute WHERE attnum > 0
        AND attrelid IN (SELECT oid FROM pg_class
          WHERE relnamespace = 'public'::regnamespace)
      UNION ALL SELECT indexdef FROM pg_indexes
      UNION ALL SELECT concat_ws(' ', conname, pg_get_constraintdef(oid))
        FROM pg_constraint
      UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger) s`),
  };
}

/** Indexes by table, as they are defined. */
export const indexes = async (db) => (await db.rows(`SELECT indexdef
  FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`))
  .map((row) => row.indexdef);

/**
 * Fills an empty database with a deployment of the tenants tenant-7 and
 * tenant-8. `rows` are what a sync of the services alpha and beta has stored
 * elsewhere (database.vectors()); beta's microservice record is not there.
 * Of each item there is the row as it should be, the newest; of each third an
 * older one, of each ninth a row that is the same but for its id. Of each
 * fifth the microservice is not set, nor on any row of beta, and each 50th
 * has no vector. Returns { ours, doubles }, the numbers of rows.
 */
export async function deploy(db, rows, dimensions) {
  await db.script(TABLES(dimensions));
  await db.script(`INSERT INTO tenants (id, name, domain, updated_at) VALUES
    ('tenant-7', 'Seven', 'seven.example', '2024-01-01'),
    ('tenant-8', 'Eight', 'eight.example', '2024-01-01');
    INSERT INTO microservices (id, tenant_id, name, service_id, updated_at)
    SELECT 'ms-alpha-' || id, id, 'alpha', 'alpha-' || id, '2024-01-01'
    FROM tenants;`);
  const list = rows.flatMap((row, i) =>
    ['tenant-7', 'tenant-8'].flatMap((tenant) => rowsOf(row, i, tenant)));
  for (let at = 0; at < list.length; at += 1000) {
    await insert(db, list.slice(at, at + 1000));
  }
  await db.script(OTHERS);
  return { ours: list.length,
    doubles: list.filter(({ double }) => double).length };
}

function rowsOf({ contentId, text, metadata, vector }, i, tenant) {
  const service = metadata._source_service;
  const known = service === 'alpha' && i % 5 > 0;
  const row = {
    id: `${tenant}-${service}-${contentId}`, tenant, contentId, text, metadata,
    service: known ? `ms-alpha-${tenant}` : null,
    vector: i % 50 > 0 ? vector : null, updated: '2025-02-02T03:04:05.678',
  };
  const old = { ...row, id: `z-${row.id}`, text: `Old ${text}`, double: true,
    service: service === 'alpha' && i % 2 > 0 ? `ms-alpha-${tenant}` : null,
    updated: '2025-01-01T00:00:00' };
  const same = { ...row, id: `0-${row.id}`, double: true };
  return [row, ...i % 3 === 0 ? [old] : [], ...i % 9 === 0 ? [same] : []];
}

function insert(db, rows) {
  const column = (pick) => rows.map(pick);
  return db.rows(`INSERT INTO vector_embeddings (id, tenant_id,
      microservice_id, content_id, content_type, embedding, content_text,
      metadata, created_at, updated_at)
    SELECT id, tenant, service, content_id, 'microservice_data',
      embedding::vector, content_text, metadata::jsonb,
      '2024-12-31T23:59:59.999', updated::timestamp
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
      $6::text[], $7::text[], $8::text[]) AS r (id, tenant, service,
      content_id, embedding, content_text, metadata, updated)`, [
    column((r) => r.id), column((r) => r.tenant), column((r) => r.service),
    column((r) => r.contentId),
    column((r) => r.vector && `[${[...r.vector].join(',')}]`),
    column((r) => r.text), column((r) => JSON.stringify(r.metadata)),
    column((r) => r.updated)]);
}
