-- What is to be told to BATCH_SYNC_WEBHOOK_URL, until it has been told.

CREATE TABLE batch_sync_webhooks (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cause         text NOT NULL UNIQUE,
    id            text NOT NULL
        DEFAULT 'msg_' || replace(gen_random_uuid()::text, '-', ''),
    payload       text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    next_try      timestamptz NOT NULL DEFAULT now(),
    tries         integer NOT NULL DEFAULT 0,
    error         text,
    delivered_at  timestamptz,
    given_up_at   timestamptz
);
COMMENT ON TABLE batch_sync_webhooks IS
    'Messages to the webhook, the oldest first.';
COMMENT ON COLUMN batch_sync_webhooks.cause IS
    'What is told of, so that it is told once: the kind of event and its run. '
    'The row ''since'' is no message: what ended before it is not told.';
COMMENT ON COLUMN batch_sync_webhooks.id IS
    'The header webhook-id, the same in every try: receivers know a message by '
    'it that comes twice.';
COMMENT ON COLUMN batch_sync_webhooks.next_try IS
    'Not before; also while a process delivers it, so that another takes over '
    'when that one dies.';

CREATE INDEX batch_sync_webhooks_waiting ON batch_sync_webhooks (next_try)
    WHERE delivered_at IS NULL AND given_up_at IS NULL;
