-- Complete and successful are two things: what the source announced, and by how
-- many items the end fell short of it. The next pass is held against that.

ALTER TABLE batch_sync_service_runs
    ADD COLUMN announced bigint,
    ADD COLUMN complete boolean,
    ADD COLUMN shortfall bigint,
    ADD COLUMN reason text;
COMMENT ON COLUMN batch_sync_service_runs.announced IS
    'The total that the source announced last, as of the checkpoint.';
COMMENT ON COLUMN batch_sync_service_runs.shortfall IS
    'Announced items that did not come; null when not all pages were read.';
