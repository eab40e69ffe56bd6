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

struct loop {
    struct op_queue ready;
    struct list timers; /* of struct timer_req.link, soonest first */
    uv_loop_t uv;
    uv_idle_t idle;   /* active while `ready` is not empty */
    uv_timer_t timer; /* armed for the first of `timers` */
    uv_signal_t signals[2];
    loop_signal_cb on_signal; /* NULL: not watching */
    void *signal_arg;         /* borrowed */
};

int loop_init(struct loop *l, struct err *err);

/* Runs until nothing is pending. */
void loop_run(struct loop *l);

/*
 * Closes the loop's own handles and runs what closing needs. Returns 0, or
 * < 0 with a list of the handles that somebody forgot on standard error.
 */
int loop_close(struct loop *l, struct err *err);

/* Milliseconds of the monotonic clock, as of this turn of the loop. */
uint64_t loop_now_ms(const struct loop *l);

/* Milliseconds since 1970 by the wall clock, now. */
int64_t loop_wall_ms(void);

/* Calls back after delay_ms, 0: in a later turn. Always returns 0. */
int loop_timer(struct loop *l, struct timer_req *t, uint64_t delay_ms);

/*
 * Calls cb on the loop for SIGINT and SIGTERM. The watch does not keep the
 * loop running.
 */
int loop_watch_signals(
    struct loop *l, loop_signal_cb cb, void *arg, struct err *err);

#endif
