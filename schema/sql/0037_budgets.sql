-- Budgets of tokens: what processes have reserved of a day's, or of a run's.

CREATE TABLE batch_sync_budgets (
    kind        text NOT NULL CHECK (kind IN ('day', 'run')),
    key         text NOT NULL,
    reserved    bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    granted     bigint NOT NULL DEFAULT 0,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, key)
);
COMMENT ON TABLE batch_sync_budgets IS
    'Tokens that were billed, and what processes hold for their next requests: '
    'EMBEDDING_BUDGET_DAY, EMBEDDING_BUDGET_RUN.';
COMMENT ON COLUMN batch_sync_budgets.key IS
    'Of a day: its date in UTC; of a run: its id.';
COMMENT ON COLUMN batch_sync_budgets.reserved IS
    'Tokens. What a process held when it died stays counted.';
COMMENT ON COLUMN batch_sync_budgets.granted IS
    'Of them, to the last that asked.';

-- A run that a budget has stopped: the next trigger resumes it, no replica
-- does so by itself.
ALTER TABLE batch_sync_runs
    DROP CONSTRAINT batch_sync_runs_status_check,
    ADD CONSTRAINT batch_sync_runs_status_check CHECK (status IN ('running',
        'success', 'partial', 'failed', 'canceled', 'interrupted',
        'abandoned', 'budget'));
