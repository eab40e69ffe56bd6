-- Rows of the demo, joined by twos, until there are :rows: each has the words
-- of both and a vector between theirs.
SET maintenance_work_mem = '1GB';
SELECT format('DROP INDEX %I', c.relname) FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  WHERE i.indrelid = 'vector_embeddings'::regclass
    AND (c.relname LIKE 'idx_vector_embeddings_text_%'
      OR c.relname LIKE '%_hnsw') \gexec
CREATE TEMP TABLE demo AS
  SELECT *, row_number() OVER (ORDER BY id) - 1 AS n FROM vector_embeddings;
CREATE INDEX ON demo (n);
ANALYZE demo;
INSERT INTO vector_embeddings (id, tenant_id, microservice_id, content_id,
    content_type, embedding, content_text, metadata, updated_at)
  SELECT 'generated-' || g, a.tenant_id, a.microservice_id, 'generated-' || g,
    a.content_type, a.embedding + b.embedding, a.content_text || E'\n\n'
    || b.content_text, a.metadata, a.updated_at
  FROM (SELECT count(*) AS n FROM demo) d
  CROSS JOIN LATERAL generate_series(d.n + 1, :rows) g
  JOIN demo a ON a.n = g % d.n JOIN demo b ON b.n = g * 7919 % d.n;
CREATE INDEX idx_vector_embeddings_embedding_hnsw ON vector_embeddings
  USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64);
VACUUM ANALYZE vector_embeddings;
