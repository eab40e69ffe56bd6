-- Runs and dead letters are listed by key: by state and owner, newest first.
-- Whatever is asked for, a list reads as many rows as it shows.

CREATE INDEX batch_sync_runs_listed ON batch_sync_runs
    (tenant_id, status, started_at DESC, id DESC);

CREATE INDEX batch_sync_dead_letters_open_listed ON batch_sync_dead_letters
    (tenant_id, service, (coalesce(registered, service)), last_seen DESC,
     digest DESC) WHERE resolved_at IS NULL;
CREATE INDEX batch_sync_dead_letters_resolved_listed ON batch_sync_dead_letters
    (tenant_id, service, (coalesce(registered, service)), last_seen DESC,
     digest DESC) WHERE resolved_at IS NOT NULL;
