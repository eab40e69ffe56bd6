/*
 * The one libuv loop: its ready queue, its timers, its signals. The loop ends
 * by itself when nothing is left to wait for.
 *
 * Happy path: loop_init(), submit requests, loop_run(), loop_close().
 * Timers are requests (net/op.h) kept in one list behind one uv_timer.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "net/op.h"
#include <uv.h>

typedef void (*loop_signal_cb)(void *arg, int signum);

/*
 * What iterations of the loop have cost: the processor time of this thread from
 * one wait for events to the next, which no callback in between can exceed.
 */
enum { LOOP_BUCKETS = 12 };

/* Upper bounds of the buckets, ascending. */
extern const uint64_t loop_bucket_us[LOOP_BUCKETS];

struct loop_turns {
    uint64_t counts[LOOP_BUCKETS + 1]; /* each bucket alone; the last one is
                                        * for longer iterations */
    uint64_t sum_us;
    uint64_t most_us;
};

struct loop {
    struct op_queue ready;
    struct list timers; /* of struct timer_req.link, soonest first */
    uv_loop_t uv;
    uv_idle_t idle;   /* active while `ready` is not empty */
    uv_timer_t timer; /* armed for the first of `timers` */
    uv_prepare_t
        prepare;      /* once per iteration, before it waits; unreferenced */
    uint64_t used_ns; /* the thread's processor time at that moment */
    struct loop_turns turns;
    uv_signal_t signals[3];   /* SIGINT, SIGTERM; SIGHUP */
    loop_signal_cb on_signal; /* NULL: not watching */
    loop_signal_cb on_hangup; /* the same */
    void *signal_arg;         /* borrowed */
    void *hangup_arg;         /* borrowed */
};

int loop_init(struct loop *l, struct err *err);

/* Runs until nothing is pending. */
void loop_run(struct loop *l);

/* Runs until the request has ended; false: nothing is left that could end it.
 */
bool loop_run_until(struct loop *l, const struct op *op);

/*
 * Closes the loop's own handles and runs what closing needs. Returns 0, or < 0
 * with a list of the handles that were not closed on standard error.
 */
int loop_close(struct loop *l, struct err *err);

/* The quantile `share` (0.99) of the iterations: the bound of a bucket, or
 * most_us when that is less. 0: there were no iterations. */
uint64_t loop_turns_quantile_us(const struct loop_turns *turns, double share);

/* Milliseconds of the monotonic clock, as of this iteration of the loop. */
uint64_t loop_now_ms(const struct loop *l);

/* The same clock, asked now. */
uint64_t loop_mono_ms(void);

/* Milliseconds since 1970 by the wall clock, now. */
int64_t loop_wall_ms(void);

/* Calls back after delay_ms, 0: in a later iteration. */
void loop_timer(struct loop *l, struct timer_req *t, uint64_t delay_ms);

/* Runs req->work() in libuv's pool of threads. */
void loop_work(struct loop *l, struct work_req *req);

/*
 * Calls cb on the loop for SIGINT and SIGTERM. The watch does not keep the
 * loop running.
 */
int loop_watch_signals(
    struct loop *l, loop_signal_cb cb, void *arg, struct err *err);

/* The same for SIGHUP, which without it ends the process. */
int loop_watch_hangup(
    struct loop *l, loop_signal_cb cb, void *arg, struct err *err);

#endif
