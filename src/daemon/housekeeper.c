/*
 * Happy path: one batch after another until nothing is left, then a pause.
 * While a run is under way here nothing begins; it is looked at again soon.
 * Failures: one warning; the pause, and again. Stop: cancels the timer and the
 * batch. Close: nothing is owned.
 */
#include "daemon/housekeeper.h"

#include "base/log.h"

enum { HOUSEKEEPER_BUSY_MS = 60 * 1000 };

static void housekeeper_look(struct housekeeper *h);

static void on_housekeeper_timer(struct op *op)
{
    struct housekeeper *h = container_of(op, struct housekeeper, timer.op);

    if (!h->stopped)
        housekeeper_look(h);
}

static void housekeeper_wait(struct housekeeper *h, uint64_t ms)
{
    op_init(&h->timer.op, on_housekeeper_timer);
    loop_timer(h->loop, &h->timer, ms);
}

static void housekeeper_pause(struct housekeeper *h)
{
    if (h->runs + h->letters > 0)
        log_info(NULL,
            "history older than %d days deleted: runs: %llu, resolved dead "
            "letters: %llu",
            h->days, (unsigned long long)h->runs,
            (unsigned long long)h->letters);
    h->runs = h->letters = 0;
    housekeeper_wait(h, HOUSEKEEPER_MS);
}

static void on_housekeeper_expired(struct op *op)
{
    struct housekeeper *h = container_of(op, struct housekeeper, expire.op);

    if (h->stopped)
        return;
    if (op->err.code != 0)
        log_warn(NULL, "cannot delete old history: %s", op->err.msg);
    h->runs += (uint64_t)h->expire.runs;
    h->letters += (uint64_t)h->expire.letters;
    if (op->err.code == 0 && h->expire.more)
        housekeeper_look(h);
    else
        housekeeper_pause(h);
}

static void housekeeper_look(struct housekeeper *h)
{
    if (runner_is_running(h->runner)) {
        housekeeper_wait(h, HOUSEKEEPER_BUSY_MS);
        return;
    }
    h->expire = (struct expire_req){.days = h->days};
    op_init(&h->expire.op, on_housekeeper_expired);
    ledger_expire(h->pool, h->loop, &h->expire);
}

void housekeeper_init(struct housekeeper *h, struct pg_pool *pool,
    struct loop *loop, struct runner *runner, int days)
{
    *h = (struct housekeeper){
        .pool = pool, .loop = loop, .runner = runner, .days = days};
    op_init(&h->timer.op, on_housekeeper_timer);
    op_init(&h->expire.op, on_housekeeper_expired);
}

void housekeeper_start(struct housekeeper *h)
{
    housekeeper_look(h);
}

void housekeeper_stop(struct housekeeper *h)
{
    h->stopped = true;
    op_cancel(&h->timer.op);
    op_cancel(&h->expire.op);
}

bool housekeeper_is_idle(const struct housekeeper *h)
{
    return !op_pending(&h->timer.op) && !op_pending(&h->expire.op);
}
