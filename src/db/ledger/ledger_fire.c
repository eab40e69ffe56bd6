/*
 * Each request is one transaction of one statement. Failures: as in ledger.c;
 * all of them may be repeated.
 */
#include "db/ledger/ledger_fire.h"

#include "db/ledger/ledger_impl.h"

#define AT "to_timestamp($2::int8 / 1000.0)"

/* Has the fire $1, $2 begun a run? */
#define TAKEN                                                   \
    "EXISTS (SELECT FROM @.batch_sync_runs WHERE schedule = $1" \
    " AND fire_at = " AT ")"

/* --- the last one --- */

static void fire_send(struct call *c)
{
    const struct last_fire_req *req = ledger_work(c)->req;

    call_stmt(c,
        "SELECT (extract(epoch FROM greatest("
        "  (SELECT max(fire_at) FROM @.batch_sync_runs WHERE schedule = $1),"
        "  (SELECT max(fire_at) FROM @.batch_sync_fires WHERE schedule = $1)))"
        "  * 1000)::int8",
        false);
    call_add_text(c, req->schedule);
    call_send(c);
}

static void fire_take(struct call *c)
{
    struct last_fire_req *req = ledger_work(c)->req;

    req->fire_ms = call_int(c->pg.results[0], 0, 0);
    call_end(c, NULL);
}

void ledger_last_fire(struct ledger *l, struct last_fire_req *req)
{
    ledger_start(l, &req->op, req, fire_send, fire_take);
}

/* --- may it? --- */

static void fire_ask_send(struct call *c)
{
    const struct fire_ask_req *req = ledger_work(c)->req;

    call_stmt(c,
        "SELECT " TAKEN "::int, (SELECT reason FROM @.batch_sync_pauses)",
        false);
    call_add_text(c, req->schedule);
    call_add_int(c, req->fire_ms);
    call_send(c);
}

static void fire_ask_take(struct call *c)
{
    struct fire_ask_req *req = ledger_work(c)->req;
    const struct pg_result *r = c->pg.results[0];

    req->taken = call_int(r, 0, 0) == 1;
    req->paused = !pg_is_null(r, 0, 1);
    call_copy(r, 0, 1, req->reason, sizeof(req->reason));
    call_end(c, NULL);
}

void ledger_fire_ask(struct ledger *l, struct fire_ask_req *req)
{
    ledger_start(l, &req->op, req, fire_ask_send, fire_ask_take);
}

/* --- it will not --- */

static void fire_drop_send(struct call *c)
{
    const struct fire_drop_req *req = ledger_work(c)->req;

    call_stmt(c,
        "WITH noted AS (INSERT INTO @.batch_sync_fires"
        "  (schedule, fire_at, outcome) SELECT $1, " AT ", $3"
        "  WHERE NOT " TAKEN " ON CONFLICT DO NOTHING)"
        " SELECT " TAKEN "::int",
        false);
    call_add_text(c, req->schedule);
    call_add_int(c, req->fire_ms);
    call_add_text(c, req->outcome);
    call_send(c);
}

static void fire_drop_take(struct call *c)
{
    struct fire_drop_req *req = ledger_work(c)->req;

    req->taken = call_int(c->pg.results[0], 0, 0) == 1;
    call_end(c, NULL);
}

void ledger_fire_drop(struct ledger *l, struct fire_drop_req *req)
{
    ledger_start(l, &req->op, req, fire_drop_send, fire_drop_take);
}

/* --- pauses --- */

static void ledger_fire_pause_send(struct call *c)
{
    const struct pause_req *req = ledger_work(c)->req;

    if (req->reason == NULL) {
        call_stmt(c, "DELETE FROM @.batch_sync_pauses", false);
    } else {
        call_stmt(c,
            "INSERT INTO @.batch_sync_pauses (reason) VALUES ($1)"
            " ON CONFLICT (id) DO UPDATE SET reason = excluded.reason"
            "  WHERE batch_sync_pauses.reason <> excluded.reason",
            false);
        call_add_text(c, req->reason);
    }
    call_send(c);
}

static void ledger_fire_pause_take(struct call *c)
{
    struct pause_req *req = ledger_work(c)->req;

    req->changed = pg_affected(c->pg.results[0]) > 0;
    call_end(c, NULL);
}

void ledger_pause(struct ledger *l, struct pause_req *req)
{
    ledger_start(
        l, &req->op, req, ledger_fire_pause_send, ledger_fire_pause_take);
}
