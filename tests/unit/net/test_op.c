#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/op.h"

struct world {
    struct op_queue queue;
    int wakes;
};

struct job {
    struct op op;
    struct world *world;
    int called, cancels;
    int place; /* the how-manieth callback this was */
    int *places;
    bool again; /* the callback begins and finishes another round */
};

static void on_wake(struct op_queue *q)
{
    container_of(q, struct world, queue)->wakes++;
}

static void on_done(struct op *op)
{
    struct job *job = container_of(op, struct job, op);

    assert_false(op_pending(op));
    job->called++;
    if (job->places != NULL)
        job->place = ++*job->places;
    if (!job->again)
        return;
    job->again = false;
    op_init(op, on_done);
    op_begin(op, &job->world->queue, NULL);
    op_finish(op, NULL);
}

static void on_cancel(struct op *op)
{
    container_of(op, struct job, op)->cancels++;
}

static void on_cancel_finish(struct op *op)
{
    container_of(op, struct job, op)->cancels++;
    op_finish(op, NULL);
}

static void world_init(struct world *w)
{
    *w = (struct world){.wakes = 0};
    op_queue_init(&w->queue, on_wake);
}

static void job_begin(
    struct job *job, struct world *w, void (*cancel)(struct op *op))
{
    *job = (struct job){.world = w};
    op_init(&job->op, on_done);
    op_begin(&job->op, &w->queue, cancel);
}

static void calls_back_once_and_later(void **state)
{
    struct world w;
    struct job job;

    world_init(&w);
    job_begin(&job, &w, NULL);
    assert_true(op_pending(&job.op));
    op_finish(&job.op, NULL);
    assert_int_equal(job.called, 0);
    assert_true(op_pending(&job.op));
    assert_int_equal(op_queue_run(&w.queue, NULL, 0), 1);
    assert_int_equal(op_queue_run(&w.queue, NULL, 0), 0);
    assert_int_equal(job.called, 1);
    assert_int_equal(job.op.err.code, 0);
}

static void wakes_when_it_stops_being_empty(void **state)
{
    struct world w;
    struct job a, b;

    world_init(&w);
    job_begin(&a, &w, NULL);
    job_begin(&b, &w, NULL);
    op_finish(&a.op, NULL);
    op_finish(&b.op, NULL);
    assert_int_equal(w.wakes, 1);
    assert_int_equal(op_queue_run(&w.queue, NULL, 0), 2);
    job_begin(&a, &w, NULL);
    op_finish(&a.op, NULL);
    assert_int_equal(w.wakes, 2);
    op_queue_run(&w.queue, NULL, 0);
}

static uint64_t ticks;

static uint64_t tick(void)
{
    return ticks++;
}

/* Each callback takes a tick here. */
static void stops_when_its_time_is_over(void **state)
{
    struct world w;
    struct job jobs[4];
    int places = 0;

    world_init(&w);
    for (int i = 0; i < 4; i++) {
        job_begin(&jobs[i], &w, NULL);
        jobs[i].places = &places;
        jobs[i].again = i == 0;
        op_finish(&jobs[i].op, NULL);
    }
    assert_int_equal(op_queue_run(&w.queue, tick, 2), 2);
    assert_int_equal(jobs[2].called, 0);
    assert_int_equal(op_queue_run(&w.queue, tick, 100), 3);
    assert_int_equal(jobs[2].place, 3); /* before what came meanwhile */
    assert_int_equal(jobs[3].place, 4);
    assert_int_equal(jobs[0].place, 5);
    assert_int_equal(op_queue_run(&w.queue, tick, 100), 0);
}

static void calls_back_oldest_first(void **state)
{
    struct world w;
    struct job jobs[3];
    int places = 0;

    world_init(&w);
    for (int i = 0; i < 3; i++) {
        job_begin(&jobs[i], &w, NULL);
        jobs[i].places = &places;
    }
    op_finish(&jobs[2].op, NULL);
    op_finish(&jobs[0].op, NULL);
    op_finish(&jobs[1].op, NULL);
    assert_true(op_queue_run_one(&w.queue));
    assert_int_equal(places, 1);
    assert_int_equal(op_queue_run(&w.queue, NULL, 0), 2);
    assert_false(op_queue_run_one(&w.queue));
    assert_int_equal(jobs[2].place, 1);
    assert_int_equal(jobs[0].place, 2);
    assert_int_equal(jobs[1].place, 3);
}

static void what_becomes_ready_meanwhile_waits(void **state)
{
    struct world w;
    struct job job;

    world_init(&w);
    job_begin(&job, &w, NULL);
    job.again = true;
    op_finish(&job.op, NULL);
    assert_int_equal(op_queue_run(&w.queue, NULL, 0), 1);
    assert_int_equal(job.called, 1);
    assert_int_equal(w.wakes, 2);
    assert_int_equal(op_queue_run(&w.queue, NULL, 0), 1);
    assert_int_equal(job.called, 2);
}

static void cancel_is_idempotent(void **state)
{
    struct world w;
    struct job job;

    world_init(&w);
    job_begin(&job, &w, on_cancel);
    op_cancel(&job.op);
    op_cancel(&job.op);
    assert_int_equal(job.cancels, 1);
    assert_int_equal(job.called, 0);
    op_finish(&job.op, NULL);
    op_queue_run(&w.queue, NULL, 0);
    assert_int_equal(job.called, 1);
    assert_int_equal(job.op.err.code, ERR_CANCELED);
}

static void cancel_may_finish_at_once(void **state)
{
    struct world w;
    struct job job;

    world_init(&w);
    job_begin(&job, &w, on_cancel_finish);
    op_cancel(&job.op);
    assert_int_equal(job.called, 0);
    op_cancel(&job.op);
    op_queue_run(&w.queue, NULL, 0);
    assert_int_equal(job.cancels, 1);
    assert_int_equal(job.called, 1);
    assert_int_equal(job.op.err.code, ERR_CANCELED);
}

static void cancel_without_a_function_still_marks(void **state)
{
    struct world w;
    struct job job;

    world_init(&w);
    job_begin(&job, &w, NULL);
    op_cancel(&job.op);
    op_finish(&job.op, NULL);
    op_queue_run(&w.queue, NULL, 0);
    assert_int_equal(job.op.err.code, ERR_CANCELED);
}

static void cancel_of_an_idle_or_finished_one_does_nothing(void **state)
{
    struct world w;
    struct job job = {.called = 0};

    world_init(&w);
    op_init(&job.op, on_done);
    op_cancel(&job.op);
    assert_int_equal(job.op.err.code, 0);
    job_begin(&job, &w, on_cancel);
    op_finish(&job.op, NULL);
    op_cancel(&job.op);
    op_queue_run(&w.queue, NULL, 0);
    assert_int_equal(job.cancels, 0);
    assert_int_equal(job.op.err.code, 0);
    op_cancel(&job.op);
    assert_int_equal(job.op.err.code, 0);
}

static void the_first_error_stays(void **state)
{
    struct world w;
    struct job job;
    struct err err;

    world_init(&w);
    job_begin(&job, &w, on_cancel);
    op_cancel(&job.op);
    err_set(&err, ERR_TIMEOUT, "late");
    op_finish(&job.op, &err);
    op_queue_run(&w.queue, NULL, 0);
    assert_int_equal(job.op.err.code, ERR_CANCELED);

    job_begin(&job, &w, NULL);
    op_finish(&job.op, &err);
    op_queue_run(&w.queue, NULL, 0);
    assert_int_equal(job.op.err.code, ERR_TIMEOUT);
    assert_string_equal(job.op.err.msg, "late");
}

static void what_cannot_start_calls_back_later(void **state)
{
    struct world w;
    struct job job;
    struct err err;

    world_init(&w);
    job = (struct job){.world = &w};
    op_init(&job.op, on_done);
    err_set(&err, ERR_INVALID, "no");
    op_fail(&job.op, &w.queue, &err);
    assert_true(op_pending(&job.op));
    assert_int_equal(job.called, 0);
    op_cancel(&job.op);
    op_queue_run(&w.queue, NULL, 0);
    assert_int_equal(job.called, 1);
    assert_int_equal(job.op.err.code, ERR_INVALID);
}

static void free_it(struct op *op)
{
    free(container_of(op, struct job, op));
}

static void the_callback_may_free_the_request(void **state)
{
    struct world w;

    world_init(&w);
    for (int i = 0; i < 3; i++) {
        struct job *job = calloc(1, sizeof(*job));

        assert_non_null(job);
        op_init(&job->op, free_it);
        op_begin(&job->op, &w.queue, NULL);
        op_finish(&job->op, NULL);
    }
    assert_int_equal(op_queue_run(&w.queue, NULL, 0), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_back_once_and_later),
        cmocka_unit_test(wakes_when_it_stops_being_empty),
        cmocka_unit_test(stops_when_its_time_is_over),
        cmocka_unit_test(calls_back_oldest_first),
        cmocka_unit_test(what_becomes_ready_meanwhile_waits),
        cmocka_unit_test(cancel_is_idempotent),
        cmocka_unit_test(cancel_may_finish_at_once),
        cmocka_unit_test(cancel_without_a_function_still_marks),
        cmocka_unit_test(cancel_of_an_idle_or_finished_one_does_nothing),
        cmocka_unit_test(the_first_error_stays),
        cmocka_unit_test(what_cannot_start_calls_back_later),
        cmocka_unit_test(the_callback_may_free_the_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
