-- What a provider of embeddings takes at once is told by its refusals alone:
-- what one run has learnt so, the next ones know.

CREATE TABLE batch_sync_limits (
    address     text NOT NULL,
    model       text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('inputs', 'tokens', 'proven')),
    settings    text NOT NULL DEFAULT '',
    value       bigint NOT NULL CHECK (value > 0),
    learnt_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (address, model, kind, settings)
);
COMMENT ON TABLE batch_sync_limits IS
    'What was learnt about providers of embeddings; rows may be deleted at any '
    'time (batchsync limits forget).';
COMMENT ON COLUMN batch_sync_limits.address IS
    'Where embeddings are asked for, without user, password and query.';
COMMENT ON COLUMN batch_sync_limits.kind IS
    'inputs: texts a request; tokens: estimated tokens a request; proven: the '
    'settings have embedded something, so a run needs no trial request.';
COMMENT ON COLUMN batch_sync_limits.settings IS
    'Of proven: dimensions, encoding, and a digest of what else decides whether '
    'a request is understood.';
COMMENT ON COLUMN batch_sync_limits.learnt_at IS
    'A day later the next size up is tried once.';
