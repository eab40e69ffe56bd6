/*
 * Beginning a run: at most one is running on a database.
 *
 * Happy path: one transaction under an advisory lock, so that every statement
 * sees what the one before has written: runs without a live process become
 * interrupted and their services get new tokens; an interrupted run with the
 * same parameters is resumed; the others are abandoned; if no run is running
 * now, a new one is created, with a row for each of its services. Then the
 * heartbeats start. A scheduled fire that has already been started changes
 * nothing, unless its own run is the one that is resumed, by the process that
 * lost it or by another replica. Failures: ERR_ALREADY_RUNNING says which run.
 */
#include "db/ledger/ledger_impl.h"

#include <stdio.h>
#include <stdlib.h>

/* Results. */
enum { TIMEOUT, LOCK, LOST, RESUMED, ABANDONED, BEGUN, PENDING, OPEN };

void ledger_add_lost(struct call *c, const char *owner)
{
    ledger_add_lock_timeout(c);
    call_stmt(c, "SELECT pg_advisory_xact_lock(" LEDGER_BEGIN_LOCK ")", false);
    call_stmt(c,
        "WITH lost AS (UPDATE @.batch_sync_runs SET status = 'interrupted',"
        "  owner = ''"
        "  WHERE status = 'running' AND (expires_at < now() OR owner = $1)"
        "  RETURNING id)"
        " UPDATE @.batch_sync_service_runs s"
        " SET token = gen_random_uuid()::text,"
        "  deaths = s.deaths"
        "   + (s.status = 'running' AND s.owner IS DISTINCT FROM $1)::int,"
        "  status = CASE s.status WHEN 'running' THEN 'interrupted'"
        "   ELSE s.status END"
        " FROM lost WHERE s.run_id = lost.id",
        false);
    call_add_text(c, owner);
}

static struct pg_param ledger_run_services_param(
    struct call *c, const struct run_spec *spec)
{
    struct pg_array names;
    size_t bytes = 0;

    for (size_t i = 0; i < spec->nservices; i++)
        bytes += strlen(spec->services[i]);
    if (array_init(
            &names, &c->arena, PG_TEXT_ARRAY, 0, spec->nservices, bytes) < 0)
        abort();
    for (size_t i = 0; i < spec->nservices; i++)
        array_add(&names, str_of(spec->services[i]));
    return array_param(&names);
}

/* A scheduled fire is started once, by the first replica. */
#define FIRE "to_timestamp($11::int8 / 1000.0)"

static void ledger_run_add_fire(struct call *c, const struct run_spec *spec)
{
    if (spec->fire_ms != 0)
        call_add_int(c, spec->fire_ms);
    else
        call_add_text(c, NULL);
}

static void ledger_run_add_schedule(struct call *c, const struct run_spec *spec)
{
    call_add_text(c, spec->schedule != NULL ? spec->schedule : "");
}

/* $1 .. $13: the same for the statements that resume and begin. */
static void ledger_run_add_params(
    struct call *c, const struct ledger *l, const struct run_begin_req *req)
{
    call_add_text(c, l->owner);
    call_add_int(c, l->lease_s);
    call_add_text(c, req->spec.tenant);
    call_add_text(c, req->spec.kind);
    call_add(c, ledger_run_services_param(c, &req->spec));
    call_add_text(c, req->spec.since);
    call_add_int(c, req->limit);
    call_add_text(c, req->embedding.provider);
    call_add_text(c, req->embedding.model);
    call_add_int(c, req->embedding.dimensions);
    ledger_run_add_fire(c, &req->spec);
    ledger_run_add_schedule(c, &req->spec);
    call_add_int(c, l->generation);
}

/* A run that its budget has stopped has all of it again. */
static void ledger_run_add_resume(
    struct call *c, const struct ledger *l, const struct run_begin_req *req)
{
    call_stmt(c,
        "WITH fresh AS (DELETE FROM @.batch_sync_budgets b"
        "  WHERE b.updated_at < now() - interval '40 days' OR b.kind = 'run'"
        "   AND EXISTS (SELECT 1 FROM @.batch_sync_runs r WHERE r.id = b.key"
        "   AND r.status = 'budget'))"
        " UPDATE @.batch_sync_runs SET status = 'running', owner = $1,"
        "  expires_at = now() + make_interval(secs => $2),"
        "  finished_at = NULL, resumed = resumed + 1, generation = $13,"
        "  error = NULL,"
        "  fire_at = coalesce(" FIRE ", fire_at),"
        "  schedule = CASE WHEN " FIRE " IS NULL THEN schedule ELSE $12 END"
        " WHERE id = (SELECT id FROM @.batch_sync_runs"
        "  WHERE status IN ('interrupted', 'budget') AND tenant_id = $3"
        "  AND (kind = 'incremental') = ($4 = 'incremental')"
        "  AND services = $5 AND since IS NOT DISTINCT FROM $6"
        "  AND page_limit = $7 AND provider = $8 AND model = $9"
        "  AND dimensions = $10 AND generation <= $13 ORDER BY started_at DESC "
        "LIMIT 1)"
        " AND NOT EXISTS (SELECT 1 FROM @.batch_sync_runs o"
        "  WHERE o.status = 'running'"
        "  OR o.fire_at = " FIRE " AND o.schedule = $12"
        "   AND o.id <> batch_sync_runs.id)"
        " RETURNING id",
        false);
    ledger_run_add_params(c, l, req);
}

/* Only by a run that begins or was resumed; a resumed run is ours by now. */
static void ledger_run_add_abandon(
    struct call *c, const struct ledger *l, const struct run_begin_req *req)
{
    call_stmt(c,
        "UPDATE @.batch_sync_runs SET status = 'abandoned',"
        "  finished_at = coalesce(finished_at, now())"
        " WHERE status IN ('interrupted', 'budget')"
        " AND generation <= $4 AND NOT EXISTS ("
        "  SELECT 1 FROM @.batch_sync_runs"
        "  WHERE status = 'running' AND owner <> $1"
        "  OR status <> 'running'"
        "   AND fire_at = to_timestamp($2::int8 / 1000.0)"
        "   AND schedule = $3)",
        false);
    call_add_text(c, l->owner);
    ledger_run_add_fire(c, &req->spec);
    ledger_run_add_schedule(c, &req->spec);
    call_add_int(c, l->generation);
}

static void ledger_run_add_begin(
    struct call *c, const struct ledger *l, const struct run_begin_req *req)
{
    call_stmt(c,
        "INSERT INTO @.batch_sync_runs (owner, expires_at, tenant_id, kind,"
        "  services, since, page_limit, provider, model, dimensions, fire_at,"
        "  schedule, generation, trigger, source)"
        " SELECT $1, now() + make_interval(secs => $2), $3, $4, $5, $6, $7,"
        "  $8, $9, $10, " FIRE ", $12, $13, $14, $15"
        " WHERE NOT EXISTS (SELECT 1 FROM @.batch_sync_runs"
        "  WHERE status = 'running' OR fire_at = " FIRE " AND schedule = $12)"
        " RETURNING id",
        false);
    ledger_run_add_params(c, l, req);
    call_add_text(c, req->spec.trigger);
    call_add_text(c, req->spec.source != NULL ? req->spec.source : "request");
}

/* A run of an older version has rows only for services that had begun. */
static void ledger_run_add_pending(struct call *c, const struct ledger *l)
{
    call_stmt(c,
        "INSERT INTO @.batch_sync_service_runs (run_id, position, tenant_id,"
        "  service, status, owner, token, expires_at, page_limit)"
        " SELECT r.id, n.position - 1, r.tenant_id, n.service, 'pending', '',"
        "  gen_random_uuid()::text, now(), r.page_limit"
        " FROM @.batch_sync_runs r,"
        "  unnest(r.services) WITH ORDINALITY n (service, position)"
        " WHERE r.status = 'running' AND r.owner = $1"
        " ON CONFLICT (run_id, position) DO NOTHING",
        false);
    call_add_text(c, l->owner);
}

static void ledger_run_begin_send(struct call *c)
{
    const struct ledger *l = ledger_work(c)->ledger;
    const struct run_begin_req *req = ledger_work(c)->req;

    ledger_add_lost(c, l->owner);
    ledger_run_add_resume(c, l, req);
    ledger_run_add_abandon(c, l, req);
    ledger_run_add_begin(c, l, req);
    ledger_run_add_pending(c, l);
    call_stmt(c,
        "SELECT id, owner, started_at, CASE WHEN generation > $1"
        "  THEN ', which is of a newer version' WHEN generation < $1"
        "  THEN ', which is of an older version' ELSE '' END"
        " FROM @.batch_sync_runs WHERE status = 'running'"
        " UNION ALL SELECT id, NULL, NULL, NULL FROM @.batch_sync_runs"
        " WHERE status IN ('interrupted', 'budget')"
        "  AND generation > $1",
        false);
    call_add_int(c, l->generation);
    call_send(c);
}

/* Names those that only newer programs go on with; returns the row of the one
 * that is running, or -1. */
static int ledger_run_take_open(struct ledger *l, const struct pg_result *open)
{
    int running = -1;

    for (int i = 0; i < pg_rows(open); i++)
        if (pg_is_null(open, i, 1))
            ledger_leave(l, pg_value(open, i, 0));
        else
            running = i;
    return running;
}

static void ledger_run_already_running(
    struct call *c, const struct pg_result *open, int running)
{
    struct err err;

    err_set(&err, ERR_ALREADY_RUNNING,
        "this scheduled run has already been started");
    if (running >= 0)
        err_set(&err, ERR_ALREADY_RUNNING,
            "run %s has been running since %s, by %s%s",
            pg_value(open, running, 0).p, pg_value(open, running, 2).p,
            pg_value(open, running, 1).p, pg_value(open, running, 3).p);
    call_end(c, &err);
}

static void ledger_run_begin_take(struct call *c)
{
    struct ledger *l = ledger_work(c)->ledger;
    struct run_begin_req *req = ledger_work(c)->req;
    const struct pg_result *r = c->pg.results[RESUMED];
    int running = ledger_run_take_open(l, c->pg.results[OPEN]);

    if (pg_rows(r) == 0)
        r = c->pg.results[BEGUN];
    if (pg_rows(r) == 0) {
        ledger_run_already_running(c, c->pg.results[OPEN], running);
        return;
    }
    call_copy(r, 0, 0, req->run_id, sizeof(req->run_id));
    ledger_beat_run(l, req->run_id);
    call_end(c, NULL);
}

void ledger_run_begin(struct ledger *l, struct run_begin_req *req)
{
    ledger_start(
        l, &req->op, req, ledger_run_begin_send, ledger_run_begin_take);
}
