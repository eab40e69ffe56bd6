-- A service's own schedule beside the one for all: a fire is known by schedule
-- and instant. What became of a fire that began no run. Pauses.

ALTER TABLE batch_sync_runs
    ADD COLUMN IF NOT EXISTS schedule text NOT NULL DEFAULT '';
COMMENT ON COLUMN batch_sync_runs.schedule IS
    'Of a scheduled run: whose schedule it was; empty: the one for all.';

CREATE UNIQUE INDEX batch_sync_runs_schedule_key
    ON batch_sync_runs (schedule, fire_at) WHERE fire_at IS NOT NULL;
-- Two schedules may fire at one instant.
DROP INDEX batch_sync_runs_fire_key;

CREATE TABLE batch_sync_fires (
    schedule    text NOT NULL,
    fire_at     timestamptz NOT NULL,
    outcome     text NOT NULL,
    dropped_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schedule, fire_at)
);
COMMENT ON TABLE batch_sync_fires IS
    'Fires that began no run, and why: skipped (one was under way), replaced '
    '(by the next one, while it waited), paused, failed. They are not missed.';

CREATE TABLE batch_sync_pauses (
    id      boolean PRIMARY KEY DEFAULT true CHECK (id),
    reason  text NOT NULL,
    since   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE batch_sync_pauses IS
    'While there is a row, no schedule begins a run.';
