#include "events/journal_feed.h"

#include "base/buf.h"

enum { FEED_BYTES = 16 * 1024 };

void journal_feed_init(struct journal_feed *f, struct journal *journal)
{
    *f = (struct journal_feed){.journal = journal, .queued = -1};
}

/* `,"key":"text"`, or null. */
static void feed_text(struct buf *b, const char *key, const char *text)
{
    buf_printf(b, ",\"%s\":", key);
    if (text == NULL)
        buf_puts(b, "null");
    else
        buf_json_str(b, str_of(text));
}

static void feed_counts(struct buf *b, const struct counts *counts)
{
    static const struct counts none;
    const struct counts *c = counts == NULL ? &none : counts;
    const char *before = "";

    buf_puts(b, ",\"counts\":{");
#define FEED_COUNT(name, json)                                                 \
    buf_printf(b, "%s\"" json "\":%llu", before, (unsigned long long)c->name); \
    before = ",";
    COUNTS_MAP(FEED_COUNT, )
#undef FEED_COUNT
    buf_puts(b, "}");
}

static void feed_end(
    struct journal_feed *f, const char *kind, const char *run_id, struct buf *b)
{
    buf_puts(b, "}");
    if (b->error == 0)
        journal_add(f->journal, kind, run_id, buf_view(b));
    buf_free(b);
}

static void feed_run(
    struct journal_feed *f, const struct run_event *e, const char *status)
{
    struct buf b;

    buf_init(&b, FEED_BYTES);
    buf_puts(&b, "{\"id\":");
    buf_json_str(&b, str_of(e->run_id));
    feed_text(&b, "status", status);
    buf_printf(&b, ",\"services\":%zu", e->nservices);
    feed_end(f, "run", e->run_id, &b);
}

static void feed_service(struct journal_feed *f, const struct run_event *e,
    const char *kind, const char *status)
{
    struct buf b;

    buf_init(&b, FEED_BYTES);
    buf_puts(&b, "{\"run\":");
    buf_json_str(&b, str_of(e->run_id));
    feed_text(&b, "service", e->service);
    feed_text(&b, "status", status);
    buf_printf(&b, ",\"position\":%zu,\"page\":%d", e->position, e->page);
    feed_counts(&b, e->counts);
    feed_end(f, kind, e->run_id, &b);
}

static void feed_retry(struct journal_feed *f, const struct run_event *e)
{
    struct buf b;

    buf_init(&b, FEED_BYTES);
    buf_puts(&b, "{\"run\":");
    buf_json_str(&b, str_of(e->run_id));
    feed_text(&b, "service", e->service);
    feed_text(&b, "error", e->err == NULL ? NULL : e->err->msg);
    feed_end(f, "retry", e->run_id, &b);
}

static void feed_progress(
    struct journal_feed *f, const struct run_event *e, uint64_t now_ms)
{
    if (f->progress_ms != 0 && now_ms - f->progress_ms < FEED_PAUSE_MS)
        return;
    f->progress_ms = now_ms;
    feed_service(f, e, "progress", "running");
}

void journal_feed_event(
    struct journal_feed *f, const struct run_event *event, uint64_t now_ms)
{
    if (event->run_id == NULL)
        return;
    switch (event->kind) {
    case EVENT_RUN_BEGIN:
        f->joined = event->joined;
        if (!f->joined)
            feed_run(f, event, "running");
        break;
    case EVENT_RUN_END:
        /* Of another process's run our part may have ended alone: the ledger
         * tells of its end, behind that of the others' services. */
        if (!f->joined)
            feed_run(f, event, event->outcome);
        break;
    case EVENT_SERVICE_BEGIN:
        feed_service(f, event, "service", "running");
        break;
    case EVENT_SERVICE_END:
        feed_service(f, event, "service", event->outcome);
        break;
    case EVENT_RETRY:
        feed_retry(f, event);
        break;
    case EVENT_CHUNK_DONE:
    case EVENT_PAGE_DONE:
        feed_progress(f, event, now_ms);
        break;
    default:
        break;
    }
}

void journal_feed_linking(struct journal_feed *f, int64_t queued,
    const struct linker_progress *progress)
{
    struct buf b;

    if (queued == f->queued)
        return;
    f->queued = queued;
    buf_init(&b, FEED_BYTES);
    buf_printf(&b, "{\"queued\":%lld,\"method\":\"%s\",\"perSecond\":%.1f",
        (long long)queued, link_method_name(progress->method),
        progress->per_second);
    feed_end(f, "linking", NULL, &b);
}

void journal_feed_index(
    struct journal_feed *f, const struct index_progress *progress)
{
    struct buf b;

    if (!progress->building && !f->building)
        return;
    f->building = progress->building;
    buf_init(&b, FEED_BYTES);
    buf_printf(&b, "{\"building\":%s", progress->building ? "true" : "false");
    feed_text(&b, "phase", progress->phase);
    buf_printf(&b, ",\"blocksDone\":%lld,\"blocksTotal\":%lld",
        (long long)progress->blocks_done, (long long)progress->blocks_total);
    feed_end(f, "index", NULL, &b);
}
