-- History is kept for a time; what is too old is found by its age.

CREATE INDEX IF NOT EXISTS batch_sync_dead_letters_resolved_at
    ON batch_sync_dead_letters (resolved_at) WHERE resolved_at IS NOT NULL;
