#include "api/live/live.h"

#include "api/live/live_ledger.h"
#include "events/journal.h"
#include <inttypes.h>
#include <stdlib.h>

struct live {
    struct api *api; /* borrowed */
    struct journal *journal;
    struct list streams; /* of struct live_stream.link; owned */
    size_t nstreams;
    int64_t epoch;              /* of the numbers: when this process began */
    struct timer_req tick;      /* while there are streams */
    struct live_ledger *ledger; /* owned */
    unsigned ticks;
    bool draining;
};

struct live_stream {
    struct list link;
    struct live *live;
    struct http_exchange *x;
    struct journal_reader reader;
    char run_id[ID_BYTES]; /* "": everything */
};

enum { EVENT_BYTES = 256 * 1024 };

struct live *live_new(struct api *api)
{
    struct live *live = calloc(1, sizeof(*live));

    if (live == NULL)
        abort();
    live->api = api;
    live->journal = api->options.journal;
    live->ledger = live_ledger_new(api);
    live->epoch = loop_wall_ms();
    list_init(&live->streams);
    return live;
}

/* Streams */

static void live_stream_end(struct live_stream *s)
{
    struct live *live = s->live;

    journal_leave(&s->reader);
    list_remove(&s->link);
    live->nstreams--;
    s->x->on_gone = NULL;
    http_stream_end(s->x);
    free(s);
    if (live->nstreams == 0)
        op_cancel(&live->tick.op);
}

static void on_live_gone(struct http_exchange *x)
{
    live_stream_end(x->user);
}

/* False: the reader did not keep up, or has gone, and the stream has ended. */
static bool live_write(struct live_stream *s, struct str text)
{
    if (http_stream_write(s->x, text) == 0)
        return true;
    live_stream_end(s);
    return false;
}

static bool live_send(
    struct live_stream *s, const char *kind, uint64_t number, struct str data)
{
    struct buf text;
    bool ok = true;

    buf_init(&text, EVENT_BYTES);
    buf_printf(&text, "event: %s\n", kind);
    if (number != 0)
        buf_printf(
            &text, "id: %" PRId64 "-%" PRIu64 "\n", s->live->epoch, number);
    buf_puts(&text, "data: ");
    buf_str(&text, data);
    buf_puts(&text, "\n\n");
    if (text.error == 0)
        ok = live_write(s, buf_view(&text));
    buf_free(&text);
    return ok;
}

/* A run's own stream ends with its run. */
static bool live_run_ended(const struct journal_entry *e)
{
    return strcmp(e->kind, "run") == 0 &&
           strstr(e->data.p, "\"status\":\"running\"") == NULL;
}

static bool on_live_entry(void *arg, const struct journal_entry *e)
{
    struct live_stream *s = arg;

    if (s->run_id[0] != '\0' && strcmp(s->run_id, e->run_id) != 0)
        return true;
    if (!live_send(s, e->kind, e->number, e->data))
        return false;
    if (s->run_id[0] == '\0' || !live_run_ended(e))
        return true;
    live_stream_end(s);
    return false;
}

/* Where the reader stopped: the newest entry, unless it names another one of
 * this process. False: what it names is of another process. */
static bool live_after(
    const struct live *live, const struct http_exchange *x, uint64_t *after)
{
    const struct str *last = http_header(x, "last-event-id");
    int64_t epoch;
    char text[64];

    *after = journal_newest(live->journal);
    if (last == NULL || last->len == 0 || last->len >= sizeof(text))
        return last == NULL || last->len == 0;
    memcpy(text, last->p, last->len);
    text[last->len] = '\0';
    return sscanf(text, "%" SCNd64 "-%" SCNu64, &epoch, after) == 2 &&
           epoch == live->epoch;
}

static void live_tick(struct live *live);

/* The exchange's headers are gone once the stream has begun. */
static void live_begin(struct live_stream *s, struct str first, bool over)
{
    static const struct http_header_out headers[] = {
        {"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"},
        {"X-Accel-Buffering", "no"}};
    uint64_t after;
    bool known = live_after(s->live, s->x, &after);

    s->x->user = s;
    s->x->on_gone = on_live_gone;
    http_stream_begin(s->x, 200, headers, 3);
    if (!live_write(s, STR("retry: 2000\n\n")) ||
        (first.len > 0 && !live_send(s, "snapshot", 0, first)))
        return;
    if (over) {
        live_stream_end(s);
        return;
    }
    if (!known)
        after = UINT64_MAX - 1; /* nothing of it is kept */
    s->reader = (struct journal_reader){.on_entry = on_live_entry, .arg = s};
    if (!journal_join(s->live->journal, &s->reader, after))
        live_send(s, "reset", journal_newest(s->live->journal), STR("{}"));
}

void live_stream(struct live *live, struct http_exchange *x, const char *run_id,
    struct str first, bool over)
{
    struct live_stream *s;

    if (live->draining || live->nstreams >= LIVE_STREAMS) {
        http_answer_error(x, 503, NULL, 0,
            live->draining ? "the service is shutting down"
                           : "too many readers of events");
        return;
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    s->live = live;
    s->x = x;
    snprintf(s->run_id, sizeof(s->run_id), "%s", run_id);
    list_push(&live->streams, &s->link);
    live->nstreams++;
    if (!op_pending(&live->tick.op)) {
        live_ledger_forget(live->ledger);
        live_ledger_look(live->ledger);
        live_tick(live);
    }
    live_begin(s, first, over);
}

/* The clock */

static void live_beat(struct live *live)
{
    struct list *i = live->streams.next, *next;

    for (; i != &live->streams; i = next) {
        next = i->next;
        live_write(container_of(i, struct live_stream, link), STR(":\n\n"));
    }
}

static void on_live_tick(struct op *op)
{
    struct live *live = container_of(op, struct live, tick.op);

    if (live->nstreams == 0 || live->draining)
        return;
    live_ledger_look(live->ledger);
    if (++live->ticks % LIVE_BEAT_TICKS == 0)
        live_beat(live);
    if (live->nstreams > 0)
        live_tick(live);
}

static void live_tick(struct live *live)
{
    op_init(&live->tick.op, on_live_tick);
    loop_timer(live->api->options.ops->loop, &live->tick, LIVE_TICK_MS);
}

/* The end */

void live_drain(struct live *live)
{
    live->draining = true;
    while (!list_empty(&live->streams))
        live_stream_end(
            container_of(live->streams.next, struct live_stream, link));
    op_cancel(&live->tick.op);
    live_ledger_stop(live->ledger);
}

bool live_is_idle(const struct live *live)
{
    return live->nstreams == 0 && !op_pending(&live->tick.op) &&
           live_ledger_is_idle(live->ledger);
}

void live_free(struct live *live)
{
    live_ledger_free(live->ledger);
    free(live);
}
