-- Dead letters of ids that come more than once: what was kept of an item must
-- not be stored over a later one.

ALTER TABLE batch_sync_dead_letters
    ADD COLUMN IF NOT EXISTS superseded boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN batch_sync_dead_letters.superseded IS
    'A later item has the same id: this one is tried when the source sends it, '
    'and not from what was kept of it.';
