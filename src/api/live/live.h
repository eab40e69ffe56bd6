/*
 * Server-sent events for everyone who watches. Streams read the journal of this
 * process; every second, while anyone watches, the ledger is asked for the
 * newest run, so that what other replicas do is seen, too (live_ledger.h).
 *
 * Happy path: a stream begins with what its reader missed (Last-Event-ID), goes
 * on with what happens, and gets a line now and then so that proxies keep it
 * open. Failures: a reader that does not keep up is dropped; a ledger that does
 * not answer is asked again. Close: live_drain() ends all streams.
 */
#ifndef API_LIVE_LIVE_H
#define API_LIVE_LIVE_H

#include "api/api_impl.h"

enum {
    LIVE_STREAMS = 64,   /* at most at once; further ones are answered 503 */
    LIVE_TICK_MS = 1000, /* between looks into the ledger */
    LIVE_BEAT_TICKS = 15 /* ticks between two lines without an event */
};

struct live *live_new(struct api *api);

/* Ends all streams and what is pending. */
void live_drain(struct live *live);
bool live_is_idle(const struct live *live);

/* Only when idle. */
void live_free(struct live *live);

/* Begins a stream over all that happens, or over one run (run_id not ""), with
 * `first` (JSON, "": none) as its first event; with `over` as its only one.
 * Takes the exchange over. */
void live_stream(struct live *live, struct http_exchange *x, const char *run_id,
    struct str first, bool over);

#endif
