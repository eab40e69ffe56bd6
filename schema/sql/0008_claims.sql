-- Every service of a run has its row from the start, so that any process can
-- claim the next one.

ALTER TABLE batch_sync_service_runs
    DROP CONSTRAINT batch_sync_service_runs_status_check,
    ADD CONSTRAINT batch_sync_service_runs_status_check CHECK (status IN (
        'pending', 'running', 'success', 'partial', 'failed', 'interrupted'));
COMMENT ON COLUMN batch_sync_service_runs.status IS
    'pending and interrupted ones are free to be claimed, and running ones '
    'once they have expired.';

-- What a process that has nothing to do asks for.
CREATE INDEX batch_sync_runs_open ON batch_sync_runs (started_at)
    WHERE status IN ('running', 'interrupted');
