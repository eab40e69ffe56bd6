#include "net/loop.h"

#include "base/log.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    READY_NS = 1000 * 1000
}; /* time for callbacks per iteration; one
    * that has begun is finished */

const uint64_t loop_bucket_us[LOOP_BUCKETS] = {
    100, 250, 500, 1000, 2000, 3000, 4000, 5000, 10000, 25000, 50000, 100000};

static uint64_t loop_thread_cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* One reading of the clock per iteration: waiting costs no processor time. */
static void on_loop_prepare(uv_prepare_t *prepare)
{
    struct loop *l = container_of(prepare, struct loop, prepare);
    struct loop_turns *turns = &l->turns;
    uint64_t now_ns = loop_thread_cpu_ns();
    uint64_t us = (now_ns - l->used_ns) / 1000;
    int at = 0;

    log_tick();
    l->used_ns = now_ns;
    while (at < LOOP_BUCKETS && us > loop_bucket_us[at])
        at++;
    turns->counts[at]++;
    turns->sum_us += us;
    if (us > turns->most_us)
        turns->most_us = us;
}

uint64_t loop_turns_quantile_us(const struct loop_turns *turns, double share)
{
    uint64_t total = 0, sum = 0, most = turns->most_us;

    for (int i = 0; i <= LOOP_BUCKETS; i++)
        total += turns->counts[i];
    for (int i = 0; i < LOOP_BUCKETS; i++) {
        sum += turns->counts[i];
        if ((double)sum >= share * (double)total)
            return loop_bucket_us[i] < most ? loop_bucket_us[i] : most;
    }
    return most;
}

/* Several answers may be ready at once, and each takes a while: between
 * them the loop handles its other events. */
static void on_loop_idle(uv_idle_t *idle)
{
    struct loop *l = container_of(idle, struct loop, idle);

    op_queue_run(&l->ready, uv_hrtime, READY_NS);
    if (list_empty(&l->ready.ready))
        uv_idle_stop(idle);
}

/* An active idle handle keeps the loop from blocking in poll. */
static void loop_wake(struct op_queue *q)
{
    struct loop *l = container_of(q, struct loop, ready);

    uv_idle_start(&l->idle, on_loop_idle);
}

static void loop_arm_timer(struct loop *l);

static void on_loop_timer(uv_timer_t *timer)
{
    struct loop *l = container_of(timer, struct loop, timer);
    uint64_t now = uv_now(&l->uv);

    while (!list_empty(&l->timers)) {
        struct timer_req *t =
            container_of(l->timers.next, struct timer_req, link);

        if (t->due_ms > now)
            break;
        list_remove(&t->link);
        op_finish(&t->op, NULL);
    }
    loop_arm_timer(l);
}

static void loop_arm_timer(struct loop *l)
{
    uint64_t now = uv_now(&l->uv);
    struct timer_req *first;

    if (list_empty(&l->timers)) {
        uv_timer_stop(&l->timer);
        return;
    }
    first = container_of(l->timers.next, struct timer_req, link);
    uv_timer_start(&l->timer, on_loop_timer,
        first->due_ms > now ? first->due_ms - now : 0, 0);
}

int loop_init(struct loop *l, struct err *err)
{
    int rc;

    *l = (struct loop){.on_signal = NULL};
    op_queue_init(&l->ready, loop_wake);
    list_init(&l->timers);
    rc = uv_loop_init(&l->uv);
    if (rc < 0)
        return err_set(err, ERR_INTERNAL, "uv_loop_init: %s", uv_strerror(rc));
    uv_idle_init(&l->uv, &l->idle);
    uv_timer_init(&l->uv, &l->timer);
    uv_prepare_init(&l->uv, &l->prepare);
    uv_prepare_start(&l->prepare, on_loop_prepare);
    uv_unref((uv_handle_t *)&l->prepare);
    l->used_ns = loop_thread_cpu_ns();
    return 0;
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

bool loop_run_until(struct loop *l, const struct op *op)
{
    while (op_pending(op))
        if (uv_run(&l->uv, UV_RUN_ONCE) == 0 && op_pending(op))
            return false;
    return true;
}

int loop_close(struct loop *l, struct err *err)
{
    int rc;

    uv_close((uv_handle_t *)&l->idle, NULL);
    uv_close((uv_handle_t *)&l->timer, NULL);
    uv_close((uv_handle_t *)&l->prepare, NULL);
    if (l->on_signal != NULL) {
        uv_close((uv_handle_t *)&l->signals[0], NULL);
        uv_close((uv_handle_t *)&l->signals[1], NULL);
    }
    if (l->on_hangup != NULL)
        uv_close((uv_handle_t *)&l->signals[2], NULL);
    uv_run(&l->uv, UV_RUN_NOWAIT);
    rc = uv_loop_close(&l->uv);
    if (rc == 0)
        return 0;
    uv_print_all_handles(&l->uv, stderr);
    return err_set(err, ERR_INTERNAL, "the loop still has open handles: %s",
        uv_strerror(rc));
}

uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}

uint64_t loop_mono_ms(void)
{
    return uv_hrtime() / 1000000;
}

int64_t loop_wall_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void loop_timer_cancel(struct op *op)
{
    struct loop *l = container_of(op->queue, struct loop, ready);
    struct timer_req *t = container_of(op, struct timer_req, op);

    list_remove(&t->link);
    /* A timer without requests would keep the loop from ending. */
    loop_arm_timer(l);
    op_finish(op, NULL);
}

void loop_timer(struct loop *l, struct timer_req *t, uint64_t delay_ms)
{
    struct list *at = &l->timers;

    op_begin(&t->op, &l->ready, loop_timer_cancel);
    if (delay_ms == 0) {
        list_init(&t->link);
        op_finish(&t->op, NULL);
        return;
    }
    t->due_ms = uv_now(&l->uv) + delay_ms;
    while (at->prev != &l->timers &&
           container_of(at->prev, struct timer_req, link)->due_ms > t->due_ms)
        at = at->prev;
    list_push(at, &t->link);
    loop_arm_timer(l);
}

/* A job in the pool; owned by itself, freed when it has ended. */
struct loop_job {
    uv_work_t uv;
    struct work_req *req; /* borrowed */
};

static void loop_run_job(uv_work_t *uv)
{
    struct work_req *req = container_of(uv, struct loop_job, uv)->req;

    req->work(req);
}

static void on_loop_job_ended(uv_work_t *uv, int status)
{
    struct loop_job *job = container_of(uv, struct loop_job, uv);

    op_finish(&job->req->op, NULL);
    free(job);
}

void loop_work(struct loop *l, struct work_req *req)
{
    struct loop_job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        abort();
    job->req = req;
    op_begin(&req->op, &l->ready, NULL);
    uv_queue_work(&l->uv, &job->uv, loop_run_job, on_loop_job_ended);
}

static void on_loop_signal(uv_signal_t *handle, int signum)
{
    struct loop *l = handle->data;

    if (signum == SIGHUP)
        l->on_hangup(l->hangup_arg, signum);
    else
        l->on_signal(l->signal_arg, signum);
}

/* Unreferenced, so that it keeps no loop running. */
static int loop_watch(
    struct loop *l, uv_signal_t *handle, int signum, struct err *err)
{
    int rc;

    uv_signal_init(&l->uv, handle);
    handle->data = l;
    rc = uv_signal_start(handle, on_loop_signal, signum);
    uv_unref((uv_handle_t *)handle);
    return rc == 0 ? 0
                   : err_set(err, ERR_INTERNAL, "watching signal %d: %s",
                         signum, uv_strerror(rc));
}

int loop_watch_signals(
    struct loop *l, loop_signal_cb cb, void *arg, struct err *err)
{
    l->on_signal = cb;
    l->signal_arg = arg;
    /* Both become handles, so that loop_close() finds both. */
    return loop_watch(l, &l->signals[0], SIGINT, err) |
                   loop_watch(l, &l->signals[1], SIGTERM, err)
               ? err->code
               : 0;
}

int loop_watch_hangup(
    struct loop *l, loop_signal_cb cb, void *arg, struct err *err)
{
    l->on_hangup = cb;
    l->hangup_arg = arg;
    return loop_watch(l, &l->signals[2], SIGHUP, err);
}
