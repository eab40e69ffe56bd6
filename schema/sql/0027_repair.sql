-- How a later run tells that another program has changed a row since batchsync
-- wrote it. Rows from before this have none of it, and are taken as they are.
-- The time has the type that updated_at has here: the two are compared.

DO $columns$
BEGIN
    EXECUTE format(
        'ALTER TABLE vector_embeddings'
        ' ADD COLUMN IF NOT EXISTS written_at %s,'
        ' ADD COLUMN IF NOT EXISTS vector_hash bytea,'
        ' ADD COLUMN IF NOT EXISTS repairs smallint',
        (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
          WHERE attrelid = 'vector_embeddings'::regclass
            AND attname = 'updated_at'));
END $columns$;

COMMENT ON COLUMN vector_embeddings.written_at IS
    'When batchsync wrote the row: updated_at, unless another program or a '
    'trigger has changed it.';
COMMENT ON COLUMN vector_embeddings.vector_hash IS
    'Of what batchsync wrote: 8 bytes of the SHA-256 of content_text in UTF-8, '
    'then 8 bytes of that of embedding in its binary form.';
COMMENT ON COLUMN vector_embeddings.repairs IS
    'How often in a row batchsync found the row changed and wrote it again.';

CREATE TABLE IF NOT EXISTS batch_sync_trigger_hashes (
    tenant_id    text NOT NULL,
    row_id       text NOT NULL,
    vector_hash  bytea NOT NULL,
    PRIMARY KEY (tenant_id, row_id)
);
COMMENT ON TABLE batch_sync_trigger_hashes IS
    'The vector_hash of rows of vector_embeddings as triggers have made them of '
    'what batchsync wrote.';
