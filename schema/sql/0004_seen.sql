-- What the sources still have: how deletes are decided. Only services whose
-- schema says delete_missing have rows here.

CREATE TABLE batch_sync_passes (
    tenant_id        text NOT NULL,
    microservice_id  text NOT NULL,
    service          text NOT NULL,
    run_id           text NOT NULL,
    number           bigint NOT NULL,
    complete         bigint NOT NULL DEFAULT 0,
    complete_at      timestamptz,
    PRIMARY KEY (tenant_id, microservice_id)
);
COMMENT ON TABLE batch_sync_passes IS
    'The runs over a service, numbered; each of them marks what it sees.';
COMMENT ON COLUMN batch_sync_passes.service IS
    'The registered name. Under another one the passes start anew: nobody has '
    'said that it has the same items.';
COMMENT ON COLUMN batch_sync_passes.run_id IS
    'Whose number it is; empty when that run cannot become a complete pass.';
COMMENT ON COLUMN batch_sync_passes.complete IS
    'The number of the last pass that read everything without an error; 0: '
    'none yet. What neither it nor the next one has seen is deleted.';
COMMENT ON COLUMN batch_sync_passes.complete_at IS
    'When that was. What has been written since is not deleted: its page may '
    'have ended before it could be marked.';

-- Each pass writes each row once: room for that on the row's own page.
CREATE TABLE batch_sync_seen (
    tenant_id        text NOT NULL,
    microservice_id  text NOT NULL,
    content_id       text NOT NULL,
    pass             bigint NOT NULL,
    PRIMARY KEY (tenant_id, microservice_id, content_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE batch_sync_seen IS
    'The last pass, complete or not, that an id was seen in.';
