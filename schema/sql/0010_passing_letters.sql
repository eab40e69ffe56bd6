-- Dead letters whose failure may pass: the embedder failed for the text alone,
-- as it does in an outage, while it embedded others.

ALTER TABLE batch_sync_dead_letters
    ADD COLUMN IF NOT EXISTS passing boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS failures integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS next_try timestamptz;
COMMENT ON COLUMN batch_sync_dead_letters.passing IS
    'The failure may pass: the item is tried again after next_try. Its payload '
    'is kept whole.';
COMMENT ON COLUMN batch_sync_dead_letters.failures IS
    'How often it has failed so, one after the other; each doubles the pause.';
COMMENT ON COLUMN batch_sync_dead_letters.next_try IS
    'Until then the item is left alone, unless it changes or a retry is asked '
    'for: 1 hour to 7 days after the last failure.';
