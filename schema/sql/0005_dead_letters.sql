-- What is known of a dead letter, so that it is not tried again in vain, and
-- what to run when somebody asks to try again.

ALTER TABLE batch_sync_dead_letters
    ADD COLUMN IF NOT EXISTS registered text,
    ADD COLUMN IF NOT EXISTS refused boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS recipe bytea,
    ADD COLUMN IF NOT EXISTS known_since timestamptz;
COMMENT ON COLUMN batch_sync_dead_letters.registered IS
    'The name that the coordinator knows the service by.';
COMMENT ON COLUMN batch_sync_dead_letters.refused IS
    'By the embedder or the database, for what it is. Another failure, an '
    'answer that is garbage, may be a passing one and is tried every time.';
COMMENT ON COLUMN batch_sync_dead_letters.recipe IS
    'The digest of the schema''s rendering, provider, model and dimensions by '
    'which it failed. What was refused is not tried again by the same ones. '
    'NULL: unknown, or a retry was asked for.';
COMMENT ON COLUMN batch_sync_dead_letters.known_since IS
    'When it failed by this recipe for the first time: new to the run of then, '
    'known to later ones.';
