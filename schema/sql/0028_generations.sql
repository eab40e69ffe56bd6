-- Replicas of two versions on one database: an older one leaves alone what a
-- newer one has begun, and a newer one goes on with what an older one left.

ALTER TABLE batch_sync_runs
    ADD COLUMN IF NOT EXISTS generation integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN batch_sync_runs.generation IS
    'How many migrations the program knows that began or resumed the run; 0: '
    'it is older than this column. Only programs that know as many share a run '
    'that is running.';
