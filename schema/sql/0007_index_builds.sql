-- Whoever builds the vector index has the table say how many workers may help,
-- and notes it here. The row goes with that setting; one that is found later
-- is of a builder that died.

CREATE TABLE batch_sync_index_builds (
    index_name        text PRIMARY KEY,
    parallel_workers  integer NOT NULL,
    began_at          timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE batch_sync_index_builds IS
    'Indexes being built for which vector_embeddings has parallel_workers.';
