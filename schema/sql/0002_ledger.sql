-- The ledger: runs, their services, what could not be stored. Times carry
-- their zone, and every expiry is judged by this database's clock alone.

CREATE TABLE batch_sync_runs (
    id           text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    tenant_id    text NOT NULL,
    kind         text NOT NULL,
    trigger      text NOT NULL,
    services     text[] NOT NULL,
    source       text NOT NULL,
    since        text,
    page_limit   integer NOT NULL,
    provider     text NOT NULL,
    model        text NOT NULL,
    dimensions   integer NOT NULL,
    status       text NOT NULL DEFAULT 'running' CHECK (status IN ('running',
        'success', 'partial', 'failed', 'canceled', 'interrupted',
        'abandoned')),
    fire_at      timestamptz,
    owner        text NOT NULL,
    expires_at   timestamptz NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    resumed      integer NOT NULL DEFAULT 0,
    totals       jsonb NOT NULL DEFAULT '{}',
    error        text
);
COMMENT ON TABLE batch_sync_runs IS
    'One row a run: what it was asked to do, who does it, how it ended.';
COMMENT ON COLUMN batch_sync_runs.expires_at IS
    'While running: after this, no owner is alive and the run is interrupted.';

COMMENT ON COLUMN batch_sync_runs.fire_at IS
    'Of a scheduled run: the instant its schedule names, which is the same in '
    'every replica; the first one to come takes it.';

CREATE UNIQUE INDEX batch_sync_runs_fire_key ON batch_sync_runs (fire_at)
    WHERE fire_at IS NOT NULL;
CREATE UNIQUE INDEX batch_sync_runs_running_key ON batch_sync_runs ((true))
    WHERE status = 'running';
CREATE INDEX batch_sync_runs_started_at ON batch_sync_runs (started_at);

CREATE TABLE batch_sync_service_runs (
    run_id       text NOT NULL
        REFERENCES batch_sync_runs (id) ON DELETE CASCADE,
    position     integer NOT NULL,
    tenant_id    text NOT NULL,
    service      text NOT NULL,
    status       text NOT NULL DEFAULT 'running' CHECK (status IN ('running',
        'success', 'partial', 'failed', 'interrupted')),
    owner        text NOT NULL,
    token        text NOT NULL UNIQUE,
    expires_at   timestamptz NOT NULL,
    since        text,
    next_page    integer NOT NULL DEFAULT 1,
    page_limit   integer NOT NULL,
    pages        integer NOT NULL DEFAULT 0,
    counts       jsonb NOT NULL DEFAULT '{}',
    errors       jsonb NOT NULL DEFAULT '[]',
    started_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    PRIMARY KEY (run_id, position)
);
COMMENT ON TABLE batch_sync_service_runs IS
    'One row a service of a run: its lease, its checkpoint, its outcome.';
COMMENT ON COLUMN batch_sync_service_runs.token IS
    'The fence. Who writes the service''s rows holds this row FOR KEY SHARE by '
    'its token, so that a new token locks the former owner out.';
COMMENT ON COLUMN batch_sync_service_runs.next_page IS
    'All pages before this one have been stored completely.';
COMMENT ON COLUMN batch_sync_service_runs.started_at IS
    'Of the last success: what an incremental run asks for changes since.';

CREATE INDEX batch_sync_service_runs_success ON batch_sync_service_runs
    (tenant_id, service, started_at) WHERE status = 'success';

CREATE TABLE batch_sync_dead_letters (
    tenant_id    text NOT NULL,
    service      text NOT NULL,
    digest       bytea NOT NULL,
    content_id   text,
    reason       text NOT NULL,
    payload      text NOT NULL,
    model        text,
    first_seen   timestamptz NOT NULL DEFAULT now(),
    last_seen    timestamptz NOT NULL DEFAULT now(),
    times        integer NOT NULL DEFAULT 1,
    resolved_at  timestamptz,
    PRIMARY KEY (tenant_id, service, digest)
);
COMMENT ON TABLE batch_sync_dead_letters IS
    'Items that could not be stored, by the digest of the item.';
COMMENT ON COLUMN batch_sync_dead_letters.payload IS
    'The item as JSON; cut, and then no longer JSON, after 64 KiB.';

CREATE INDEX batch_sync_dead_letters_open ON batch_sync_dead_letters
    (tenant_id, service, content_id) WHERE resolved_at IS NULL;
