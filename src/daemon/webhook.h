/*
 * Tells BATCH_SYNC_WEBHOOK_URL what a person should know, signed by the
 * conventions of Standard Webhooks: a run that failed, one that recovered, a
 * refused delete, an incomplete pass, the first new dead letter of a run.
 *
 * The messages are in the database (db/outbox) before the first is sent, and a
 * run waits for nothing here.
 */
#ifndef DAEMON_WEBHOOK_H
#define DAEMON_WEBHOOK_H

#include "config/config.h"
#include "metrics/metrics.h"
#include "net/http/http_client.h"

struct webhook;

/* All borrowed until webhook_free(). */
struct webhook_options {
    struct loop *loop;
    struct pg_pool *pool;
    struct http_client *http;
    const struct config *config;
    struct metrics *metrics;
};

/* Without a URL it never does anything. ERR_NOMEM, ERR_CONFIG. */
int webhook_init(
    struct webhook **w, const struct webhook_options *options, struct err *err);

/* The tables are there: looks, and from then on whenever an event says that
 * there may be something, and every 30 seconds. */
void webhook_start(struct webhook *w);

/* To be called with every event of the pipeline. */
void webhook_event(struct webhook *w, const struct run_event *event);

/*
 * Finishes `op` when the first look has ended (LOOKED), or looks once more and
 * finishes it when nothing waits to be delivered (TOLD); when the database
 * cannot be asked, too, and at once if it has not been started. What a receiver
 * does not take is tried again meanwhile; webhook_stop() ends that, and
 * finishes `op`. The rest stays in the outbox.
 */
enum webhook_until { WEBHOOK_LOOKED, WEBHOOK_TOLD };
void webhook_when_told(
    struct webhook *w, struct op *op, enum webhook_until until);

/* Gives up what is in flight; it is delivered again by whoever comes next. */
void webhook_stop(struct webhook *w);
bool webhook_is_idle(const struct webhook *w);

/* Stopped, and idle; or never started. NULL is fine. */
void webhook_free(struct webhook *w);

enum { WEBHOOK_SIGNATURE_BYTES = 64 };

/* "v1,<base64>" of HMAC-SHA256 over "<id>.<timestamp>.<payload>". */
void webhook_sign(struct str key, const char *id, int64_t timestamp,
    struct str payload, char out[WEBHOOK_SIGNATURE_BYTES]);

#endif
