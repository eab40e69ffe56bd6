-- Linking takes many transactions: it reads vectors, computes, and writes what
-- came of it. One process at a time does so for a tenant.

CREATE TABLE batch_sync_link_jobs (
    tenant_id   text PRIMARY KEY,
    token       text NOT NULL,
    expires_at  timestamptz NOT NULL
);
COMMENT ON TABLE batch_sync_link_jobs IS
    'Who links the items of a tenant, and until when unless it says more.';
COMMENT ON COLUMN batch_sync_link_jobs.token IS
    'The fence: without it nothing is written. Deleting linked items takes it '
    'away, since what has been computed knows them.';
