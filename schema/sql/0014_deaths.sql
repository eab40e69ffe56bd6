-- A page that ends its owner, again and again.

ALTER TABLE batch_sync_service_runs
    ADD COLUMN IF NOT EXISTS deaths integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN batch_sync_service_runs.deaths IS
    'Owners that were lost since the last checkpoint. After three of them the '
    'page is read in smaller ones, down to the item, which becomes a dead '
    'letter when it ends three more.';
