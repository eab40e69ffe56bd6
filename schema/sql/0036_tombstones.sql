-- Deletes that sources tell of, for services whose schema says deleted_when.

CREATE TABLE batch_sync_tombstones (
    tenant_id        text NOT NULL,
    microservice_id  text NOT NULL,
    content_id       text NOT NULL,
    told_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, microservice_id, content_id)
);
COMMENT ON TABLE batch_sync_tombstones IS
    'Stored items that are deleted at their source. They are deleted here when '
    'the run has read the source to its end; what a run leaves behind, because '
    'it failed or would delete too many, waits for the next one.';
