/*
 * The ledger's common part: heartbeats, and locks that a lost owner holds.
 *
 * Happy path: a request is one transaction, sent by send() and read by take().
 * The heartbeat is a timer that sends a transaction of its own and restarts
 * itself, whether or not the previous transaction has come back. Failures: a
 * heartbeat that fails is not repeated early; the lease outlives five of them.
 * One that finds the run no longer running logs it once and stops: the process
 * that canceled it or took it over has changed the tokens, so the services
 * under way end with ERR_FENCED. A lock that is not free within LOCK_MS (55P03)
 * belongs to an owner that stopped in the middle of a transaction: the server
 * terminates its connection, and the transaction is sent again. On cancel: see
 * db/call.h; ledger_stop() cancels the heartbeat.
 */
#include "db/ledger/ledger_impl.h"

#include "base/log.h"
#include "db/migrate/migration.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum { UNIT, EVICT };
enum { BEAT_TIMEOUT, BEAT }; /* results of a heartbeat */
enum { LOCK_MS = 5000, LOCK_TRIES = 3, COUNTS_BYTES = 2048 };
enum { LEDGER_TIMEOUT_MS = 10 * 1000 };

#define RUN_LOCK LEDGER_FENCE_LOCK("id")
#define TOKEN_LOCK LEDGER_FENCE_LOCK("token")

static void ledger_tick_done(struct op *op);
static void ledger_start_beat(struct ledger *l);

void ledger_init(struct ledger *l, struct pg_pool *pool, struct pg_pool *beats,
    struct loop *loop, int lease_s, int overlap_s)
{
    char host[64] = "?";
    uint32_t random = 0;

    *l = (struct ledger){.pool = pool,
        .beats = beats,
        .loop = loop,
        .lease_s = lease_s,
        .overlap_s = overlap_s,
        .pending_behind = -1,
        .generation = migrate_generation()};
    gethostname(host, sizeof(host) - 1);
    if (getrandom(&random, sizeof(random), 0) < 0)
        random = (uint32_t)loop_wall_ms();
    snprintf(
        l->owner, sizeof(l->owner), "%s:%d:%08x", host, (int)getpid(), random);
    op_init(&l->tick.op, ledger_tick_done);
}

void ledger_tell_version(struct ledger *l, const char *version)
{
    size_t len = strlen(l->owner);

    snprintf(l->owner + len, sizeof(l->owner) - len, ":%s", version);
}

/* --- leases --- */

struct ledger_lease *ledger_lease_of(struct ledger *l, const char *token)
{
    for (int i = 0; i < PARALLEL_SERVICES; i++)
        if (strcmp(l->leases[i].token, token) == 0)
            return &l->leases[i];
    return NULL;
}

const struct counts *ledger_base_of(struct ledger *l, const char *token)
{
    static const struct counts none;
    const struct ledger_lease *lease = ledger_lease_of(l, token);

    return lease == NULL ? &none : &lease->base;
}

void ledger_service_release(struct ledger *l, const char *token)
{
    struct ledger_lease *lease = ledger_lease_of(l, token);

    if (lease != NULL)
        lease->token[0] = '\0';
}

static void ledger_release_all(struct ledger *l)
{
    l->pending_behind = -1;
    for (int i = 0; i < PARALLEL_SERVICES; i++)
        l->leases[i].token[0] = '\0';
}

/* --- heartbeats --- */

static void ledger_beat_done(struct op *op)
{
    struct ledger *l = container_of(op, struct ledger, beat);

    if (op->err.code != 0 && strcmp(l->beat_run, l->run_id) == 0)
        log_warn(NULL, "heartbeat: %s", op->err.msg);
}

static void ledger_beat_take(struct call *c)
{
    struct ledger *l = ledger_work(c)->ledger;

    /* By the time it comes, another run may be at hand. */
    if (call_int(c->pg.results[BEAT], 0, 0) == 0 && l->run_id[0] != '\0' &&
        strcmp(l->beat_run, l->run_id) == 0) {
        log_warn(NULL, "run %s is not running any more", l->run_id);
        ledger_beat_stop(l);
    }
    call_end(c, NULL);
}

/* Those of all services under way. ERR_NOMEM. */
static int ledger_add_tokens(struct call *c, const struct ledger *l)
{
    struct pg_array tokens;
    struct str held[PARALLEL_SERVICES];
    size_t n = 0, bytes = 0;

    for (int i = 0; i < PARALLEL_SERVICES; i++)
        if (l->leases[i].token[0] != '\0') {
            held[n] = str_of(l->leases[i].token);
            bytes += held[n++].len;
        }
    if (array_init(&tokens, &c->arena, PG_TEXT_ARRAY, 0, n, bytes) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        array_add(&tokens, held[i]);
    call_add(c, array_param(&tokens));
    return 0;
}

/* Touches no column of a key, so it waits for no chunk. */
static void ledger_beat_send(struct call *c)
{
    struct ledger *l = ledger_work(c)->ledger;

    ledger_add_lock_timeout(c);
    call_stmt(c,
        "WITH r AS (UPDATE @.batch_sync_runs"
        "  SET expires_at = now() + make_interval(secs => $3)"
        "  WHERE id = $1 AND status = 'running' RETURNING " RUN_LOCK "),"
        " s AS (UPDATE @.batch_sync_service_runs"
        "  SET expires_at = now() + make_interval(secs => $3)"
        "  WHERE token = ANY ($2) AND status = 'running' RETURNING " TOKEN_LOCK
        ")"
        " SELECT count(*) FROM r",
        false);
    memcpy(l->beat_run, l->run_id, sizeof(l->beat_run));
    call_add_text(c, l->beat_run);
    if (ledger_add_tokens(c, l) < 0) {
        ledger_fail(c, ERR_NOMEM, "keeping services alive");
        return;
    }
    call_add_int(c, l->lease_s);
    call_send(c);
}

static void ledger_arm_tick(struct ledger *l)
{
    op_init(&l->tick.op, ledger_tick_done);
    loop_timer(l->loop, &l->tick, (uint64_t)l->lease_s * 1000 / 6);
}

static void ledger_tick_done(struct op *op)
{
    struct ledger *l = container_of(op, struct ledger, tick.op);

    if (l->run_id[0] == '\0')
        return;
    if (!op_pending(&l->beat))
        ledger_start_beat(l);
    ledger_arm_tick(l);
}

void ledger_beat_start(struct ledger *l)
{
    if (!op_pending(&l->tick.op))
        ledger_arm_tick(l);
}

void ledger_beat_run(struct ledger *l, const char *run_id)
{
    memcpy(l->run_id, run_id, strlen(run_id) + 1);
    ledger_release_all(l);
    ledger_beat_start(l);
}

void ledger_beat_stop(struct ledger *l)
{
    l->run_id[0] = '\0';
    ledger_release_all(l);
    op_cancel(&l->tick.op);
}

void ledger_stop(struct ledger *l)
{
    ledger_beat_stop(l);
    op_cancel(&l->beat);
}

/* --- requests --- */

void ledger_fail(struct call *c, int code, const char *why)
{
    struct err err;

    err_set(&err, code, "%s", why);
    call_end(c, &err);
}

void ledger_add_lock_timeout(struct call *c)
{
    call_stmt(c, "SELECT set_config('lock_timeout', $1::text, true)", false);
    call_add_int(c, LOCK_MS);
}

/*
 * Finds backends to terminate: those that hold the row lock (by
 * LEDGER_FENCE_LOCK) of a lost run, of a lost service or of an unclaimed
 * service for longer than $1 ms, and those that hold the begin lock for as
 * long while they wait for their client (a live process may hold that lock
 * through waits).
 */
static const char evict_sql[] =
    "WITH held AS MATERIALIZED ("
    " SELECT hashtext(s.token)::int8 & x'ffffffff'::int8 AS name"
    "  FROM @.batch_sync_service_runs s JOIN @.batch_sync_runs r"
    "   ON r.id = s.run_id WHERE CASE WHEN s.status = 'running'"
    "   THEN s.expires_at < now() OR r.expires_at < now()"
    "    OR r.status <> 'running'"
    "   ELSE s.status IN ('pending', 'interrupted')"
    "    AND r.status = 'running' END"
    " UNION ALL SELECT hashtext(id)::int8 & x'ffffffff'::int8"
    "  FROM @.batch_sync_runs WHERE status IN ('running', 'interrupted')"
    "  AND expires_at < now())"
    " SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a"
    " WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()"
    " AND a.xact_start < now() - make_interval(secs => $1 / 1000.0)"
    " AND EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = a.pid"
    "  AND l.locktype = 'advisory' AND l.database = a.datid AND l.granted"
    "  AND CASE l.objsubid WHEN 2 THEN"
    "    l.classid::int8 = hashtext('batch_sync_fence')::int8"
    "     & x'ffffffff'::int8"
    "    AND l.objid::int8 IN (SELECT name FROM held)"
    "   ELSE (l.classid::int8 << 32 | l.objid::int8) = " LEDGER_BEGIN_LOCK
    "    AND a.wait_event_type = 'Client' END)";

static void ledger_evict(struct call *c)
{
    c->state = EVICT;
    call_stmt(c, evict_sql, false);
    call_add_int(c, LOCK_MS);
    call_send(c);
}

static void ledger_step(struct call *c)
{
    struct ledger_work *w = ledger_work(c);

    if (c->state == UNIT) {
        w->take(c);
        return;
    }
    if (pg_rows(c->pg.results[0]) > 0)
        log_warn(NULL,
            "terminated connections of former owners that held locks: %d",
            pg_rows(c->pg.results[0]));
    c->state = UNIT;
    w->send(c);
}

static bool ledger_failed(struct call *c)
{
    if (strcmp(c->pg.sqlstate, "55P03") != 0 ||
        ledger_work(c)->tries++ == LOCK_TRIES)
        return false;
    ledger_evict(c);
    return true;
}

static void ledger_start_over(struct ledger *l, struct pg_pool *pool,
    struct op *op, const struct ledger_work *work)
{
    struct call *c = call_new(pool, l->loop, op, ledger_step, sizeof(*work));

    *ledger_work(c) = *work;
    c->pg.timeout_ms = LEDGER_TIMEOUT_MS;
    c->on_error = ledger_failed;
    c->state = UNIT;
    work->send(c);
}

void ledger_start(struct ledger *l, struct op *op, void *req,
    void (*send)(struct call *call), void (*take)(struct call *call))
{
    struct ledger_work work = {l, req, send, take, 0};

    ledger_start_over(l, l->pool, op, &work);
}

static void ledger_start_beat(struct ledger *l)
{
    struct ledger_work work = {l, NULL, ledger_beat_send, ledger_beat_take, 0};

    op_init(&l->beat, ledger_beat_done);
    ledger_start_over(l, l->beats, &l->beat, &work);
}

void ledger_leave(struct ledger *l, struct str run_id)
{
    if (str_eq(run_id, str_of(l->left_run)))
        return;
    snprintf(
        l->left_run, sizeof(l->left_run), "%.*s", (int)run_id.len, run_id.p);
    log_warn(NULL,
        "run %s was begun by a newer version of batchsync: it is left to "
        "replicas of that version; upgrade this one",
        l->left_run);
}

/* --- texts --- */

const char *ledger_counts_json(
    struct arena *a, const struct counts *base, const struct counts *counts)
{
    char text[COUNTS_BYTES];
    size_t len = 0;

#define X(name, json)                                       \
    len += (size_t)snprintf(text + len, sizeof(text) - len, \
        "%s\"" #name "\":%llu", len == 0 ? "{" : ",",       \
        (unsigned long long)(base->name + counts->name));
    COUNTS_MAP(X, )
#undef X
    snprintf(text + len, sizeof(text) - len, "}");
    return arena_dup(a, str_of(text)).p;
}

void ledger_take_counts(
    struct counts *counts, const struct pg_result *r, int row, int *column)
{
#define X(name, json) counts->name = (uint64_t)call_int(r, row, (*column)++);
    COUNTS_MAP(X, )
#undef X
}

/* Drops NULs; invalid UTF-8 becomes U+FFFD. */
static struct str ledger_repair(struct arena *a, struct str text)
{
    struct buf out;
    struct str copy;
    size_t from = 0;

    buf_init(&out, text.len * 3 + 1);
    for (size_t i = 0; i <= text.len; i++)
        if (i == text.len || text.p[i] == '\0') {
            utf8_repair(&out, (struct str){text.p + from, i - from});
            from = i + 1;
        }
    copy = arena_dup(a, buf_view(&out));
    buf_free(&out);
    return copy;
}

struct str ledger_clean(struct arena *a, struct str text)
{
    if (text.len == 0 ||
        (memchr(text.p, '\0', text.len) == NULL && utf8_valid(text)))
        return text;
    return ledger_repair(a, text);
}
