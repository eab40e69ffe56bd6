-- Which model a service was embedded with before is asked at each beginning;
-- the history may be long by then.

CREATE INDEX batch_sync_service_runs_service ON batch_sync_service_runs
    (tenant_id, service, started_at);
