/*
 * Happy path, one step after another:
 *
 *   REST -> COLLECT -> CLAIM -> SEND -> SETTLE -> CLAIM ... -> REST
 *
 * COLLECT writes what the ledger says into the outbox, CLAIM takes the oldest
 * message that is due, SETTLE notes how its delivery ended. When none is due it
 * rests until one is, or until somebody looks.
 *
 * Failures: whatever the receiver answers but 2xx, or its silence, is tried
 * again after twice the time of before, or when Retry-After says, for three
 * days; 410 ends it at once. A step that the database fails is begun again
 * later; a message that was claimed is due again when its lease has ended, so
 * it may come twice, under one id.
 *
 * Stop: cancels the step. Close: webhook_free(), when idle.
 */
#include "daemon/webhook.h"

#include "base/crypto.h"
#include "base/log.h"
#include "db/outbox/outbox.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LOOK_MS = 30 * 1000,
    SEND_TIMEOUT_MS = 15 * 1000,
    WAIT_MOST_MS = 3600 * 1000,
    GONE = 410,
    KEY_BYTES = 256,
    ANSWER_BYTES = 64 * 1024,
    SIGNED_BYTES = OUTBOX_PAYLOAD_BYTES + 256,
    NHEADERS = 4,
    FAILURE_BYTES = 80
};

struct webhook {
    struct webhook_options options;
    uint8_t key[KEY_BYTES];
    size_t key_len;
    struct timer_req rest;
    struct outbox_collect_req collect;
    struct outbox_claim_req claim;
    struct http_req send;
    struct outbox_settle_req settle;
    struct http_header headers[NHEADERS];
    char timestamp[24], signature[WEBHOOK_SIGNATURE_BYTES];
    struct err why;     /* of the last delivery */
    struct err unbegun; /* a run that could not begin, to be told; or code 0 */
    char failure[FAILURE_BYTES]; /* its name */
    bool unbegun_told;           /* until a run begins */
    bool letters;                /* the run under way has a new dead letter */
    bool again;                  /* somebody looks */
    enum webhook_until until;
    struct op *told; /* borrowed; waits until then; or NULL */
    bool started, stopped;
};

/* Signing */

void webhook_sign(struct str key, const char *id, int64_t timestamp,
    struct str payload, char out[WEBHOOK_SIGNATURE_BYTES])
{
    uint8_t mac[SHA256_BYTES];
    struct buf text, base64;

    buf_init(&text, SIGNED_BYTES);
    buf_init(&base64, WEBHOOK_SIGNATURE_BYTES);
    buf_printf(&text, "%s.%" PRId64 ".", id, timestamp);
    buf_str(&text, payload);
    if (text.error != 0)
        abort();
    hmac_sha256(key, buf_view(&text), mac);
    base64_encode(&base64, mac, sizeof(mac));
    snprintf(out, WEBHOOK_SIGNATURE_BYTES, "v1,%s", base64.data);
    buf_free(&base64);
    buf_free(&text);
}

/* Resting */

static void webhook_collect(struct webhook *w);
static void webhook_claim(struct webhook *w);

static void on_webhook_rested(struct op *op)
{
    struct webhook *w = container_of(op, struct webhook, rest.op);

    if (!w->stopped)
        webhook_collect(w);
}

static void webhook_end_waiting(struct webhook *w, const struct err *err)
{
    struct op *told = w->told;

    w->told = NULL;
    if (told != NULL)
        op_finish(told, err);
}

static void webhook_rest(struct webhook *w, uint64_t ms)
{
    if (w->stopped)
        return;
    op_init(&w->rest.op, on_webhook_rested);
    loop_timer(w->options.loop, &w->rest,
        w->again       ? 0
        : ms < LOOK_MS ? ms
                       : LOOK_MS);
}

static bool webhook_at_work(const struct webhook *w)
{
    return op_pending(&w->collect.op) || op_pending(&w->claim.op) ||
           op_pending(&w->send.op) || op_pending(&w->settle.op);
}

static void webhook_look(struct webhook *w)
{
    w->again = true;
    if (w->started && op_pending(&w->rest.op))
        op_cancel(&w->rest.op); /* its callback begins */
}

/* The database cannot be asked: the probe tells of it. */
static void webhook_later(struct webhook *w, const struct err *err)
{
    log_debug(NULL, "webhook: %s", err->msg);
    w->again = false;
    webhook_end_waiting(w, err);
    webhook_rest(w, LOOK_MS);
}

/* Settling */

static void on_webhook_settled(struct op *op)
{
    struct webhook *w = container_of(op, struct webhook, settle.op);

    outbox_claim_clear(&w->claim);
    if (op->err.code != 0)
        webhook_later(w, &op->err);
    else if (!w->stopped)
        webhook_claim(w);
}

static int64_t webhook_wait_ms(const struct webhook *w)
{
    int64_t wait = w->options.config->sync.retry_base_ms;

    if (w->send.status == GONE || w->claim.age_s > OUTBOX_PATIENCE_S)
        return -1;
    for (int i = 1; i < w->claim.tries && wait < WAIT_MOST_MS; i++)
        wait *= 2;
    if (wait < w->send.retry_after_ms)
        wait = w->send.retry_after_ms;
    return wait < WAIT_MOST_MS ? wait : WAIT_MOST_MS;
}

static void webhook_tell(const struct webhook *w, int64_t wait_ms)
{
    if (w->why.code == 0)
        return;
    if (wait_ms < 0)
        log_error(NULL, "webhook: message %s is given up after %d tries: %s",
            w->claim.id, w->claim.tries, w->why.msg);
    else
        log_warn(NULL, "webhook: not delivered: %s; trying again", w->why.msg);
}

static void webhook_settle(struct webhook *w)
{
    int64_t wait_ms = webhook_wait_ms(w);
    bool delivered = w->why.code == 0;

    webhook_tell(w, wait_ms);
    metrics_webhook(w->options.metrics, delivered     ? "delivered"
                                        : wait_ms < 0 ? "given_up"
                                                      : "failed");
    w->settle = (struct outbox_settle_req){.number = w->claim.number,
        .error = delivered ? NULL : w->why.msg,
        .wait_ms = wait_ms};
    op_init(&w->settle.op, on_webhook_settled);
    outbox_settle(w->options.pool, w->options.loop, &w->settle);
}

/* Sending */

static void on_webhook_sent(struct op *op)
{
    struct webhook *w = container_of(op, struct webhook, send.op);
    int status = w->send.status;

    w->why = op->err;
    if (op->err.code == 0 && (status < 200 || status > 299))
        err_set(&w->why, ERR_UNAVAILABLE, "the receiver answered %d", status);
    if (!w->stopped)
        webhook_settle(w);
    else
        outbox_claim_clear(&w->claim);
    http_req_clear(&w->send);
}

static void webhook_set_headers(struct webhook *w)
{
    int64_t now_s = loop_wall_ms() / 1000;

    snprintf(w->timestamp, sizeof(w->timestamp), "%" PRId64, now_s);
    webhook_sign((struct str){(const char *)w->key, w->key_len}, w->claim.id,
        now_s, buf_view(&w->claim.payload), w->signature);
    w->headers[0] = (struct http_header){"content-type", "application/json"};
    w->headers[1] = (struct http_header){"webhook-id", w->claim.id};
    w->headers[2] = (struct http_header){"webhook-timestamp", w->timestamp};
    w->headers[3] = (struct http_header){"webhook-signature", w->signature};
}

static void webhook_send(struct webhook *w)
{
    webhook_set_headers(w);
    w->send = (struct http_req){.method = "POST",
        .url = w->options.config->webhook.url,
        .headers = w->headers,
        .nheaders = NHEADERS,
        .body = buf_view(&w->claim.payload),
        .timeout_ms = SEND_TIMEOUT_MS,
        .max_answer_bytes = ANSWER_BYTES};
    op_init(&w->send.op, on_webhook_sent);
    http_send(w->options.http, &w->send);
}

/* Collecting and claiming */

static void on_webhook_claimed(struct op *op)
{
    struct webhook *w = container_of(op, struct webhook, claim.op);

    if (op->err.code == 0)
        metrics_webhooks_waiting(
            w->options.metrics, (uint64_t)w->claim.waiting);
    if (op->err.code == 0 && w->claim.number != 0 && !w->stopped) {
        webhook_send(w);
        return;
    }
    outbox_claim_clear(&w->claim);
    if (op->err.code != 0)
        webhook_later(w, &op->err);
    else {
        if (w->claim.next_ms < 0 && !w->again && w->until == WEBHOOK_TOLD)
            webhook_end_waiting(w, NULL);
        webhook_rest(
            w, w->claim.next_ms < 0 ? LOOK_MS : (uint64_t)w->claim.next_ms);
    }
}

static void webhook_claim(struct webhook *w)
{
    w->claim = (struct outbox_claim_req){.number = 0};
    op_init(&w->claim.op, on_webhook_claimed);
    outbox_claim(w->options.pool, w->options.loop, &w->claim);
}

static void on_webhook_collected(struct op *op)
{
    struct webhook *w = container_of(op, struct webhook, collect.op);

    if (op->err.code != 0) {
        webhook_later(w, &op->err);
        return;
    }
    if (w->collect.error != NULL)
        err_clear(&w->unbegun);
    if (w->until == WEBHOOK_LOOKED)
        webhook_end_waiting(w, NULL);
    if (!w->stopped)
        webhook_claim(w);
}

static void webhook_collect(struct webhook *w)
{
    bool failed = w->unbegun.code != 0;

    w->again = false;
    w->collect = (struct outbox_collect_req){
        .error = failed ? w->unbegun.msg : NULL, .name = w->failure};
    op_init(&w->collect.op, on_webhook_collected);
    outbox_collect(w->options.pool, w->options.loop, &w->collect);
}

/* What the pipeline says */

/* A fire that cannot begin its run is tried again and again: told once. */
static void webhook_run_unbegun(struct webhook *w, const struct err *err)
{
    if (err->code == ERR_ALREADY_RUNNING || err->code == ERR_CANCELED ||
        err->code == ERR_DISABLED || w->unbegun_told)
        return;
    w->unbegun_told = true;
    w->unbegun = *err;
    snprintf(w->failure, sizeof(w->failure), "not begun %" PRId64 " %ld",
        loop_wall_ms(), (long)getpid());
}

void webhook_event(struct webhook *w, const struct run_event *event)
{
    const struct counts *c = event->counts;
    bool look = event->kind == EVENT_RUN_END;

    if (w->options.config->webhook.url == NULL)
        return;
    if (event->kind == EVENT_RUN_BEGIN)
        w->letters = w->unbegun_told = false;
    if (event->kind == EVENT_RUN_END && event->err != NULL)
        webhook_run_unbegun(w, event->err);
    if (event->kind == EVENT_PAGE_DONE && c != NULL && !w->letters &&
        c->failed > c->known_failures)
        w->letters = look = true;
    if (look)
        webhook_look(w);
}

/* Life */

int webhook_init(struct webhook **out, const struct webhook_options *options,
    struct err *err)
{
    struct webhook *w = calloc(1, sizeof(*w));
    const struct config_webhook *config = &options->config->webhook;
    long len;

    if (w == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the webhook");
    *out = w;
    w->options = *options;
    op_init(&w->rest.op, on_webhook_rested);
    if (config->url == NULL)
        return 0;
    len = base64_decode(config_webhook_key(config->secret), w->key, KEY_BYTES);
    if (len < 0)
        return err_set(
            err, ERR_CONFIG, "BATCH_SYNC_WEBHOOK_SECRET is not base64");
    w->key_len = (size_t)len;
    return 0;
}

void webhook_start(struct webhook *w)
{
    if (w->options.config->webhook.url == NULL || w->started || w->stopped)
        return;
    w->started = true;
    webhook_collect(w);
}

void webhook_when_told(
    struct webhook *w, struct op *op, enum webhook_until until)
{
    op_begin(op, &w->options.loop->ready, NULL);
    if (!w->started || w->stopped) {
        op_finish(op, NULL);
        return;
    }
    w->told = op;
    w->until = until;
    if (until == WEBHOOK_TOLD)
        webhook_look(w);
}

void webhook_stop(struct webhook *w)
{
    w->stopped = true;
    webhook_end_waiting(w, NULL);
    op_cancel(&w->rest.op);
    op_cancel(&w->collect.op);
    op_cancel(&w->claim.op);
    op_cancel(&w->send.op);
    op_cancel(&w->settle.op);
}

bool webhook_is_idle(const struct webhook *w)
{
    return !webhook_at_work(w) && !op_pending(&w->rest.op);
}

void webhook_free(struct webhook *w)
{
    if (w == NULL)
        return;
    assert(webhook_is_idle(w));
    explicit_bzero(w->key, sizeof(w->key));
    free(w);
}
