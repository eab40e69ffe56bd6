-- What waits to be linked. An item's row is written by the statement that
-- stores the item, and deleted by the transaction that links it.

CREATE TABLE batch_sync_link_queue (
    tenant_id        text NOT NULL,
    microservice_id  text NOT NULL,
    content_id       text NOT NULL,
    queued_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, microservice_id, content_id)
) WITH (fillfactor = 90);
COMMENT ON TABLE batch_sync_link_queue IS
    'Stored items whose graph nodes and edges are to be brought up to date.';
COMMENT ON COLUMN batch_sync_link_queue.queued_at IS
    'The last time. Storing an item that already waits writes this, which '
    'holds the row until the new vector is there to be seen.';
