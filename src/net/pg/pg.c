/*
 * One connection: the home of libpq.
 *
 * Happy path: pg_slot_open() resolves the host, then PQconnectStartParams()
 * and PQconnectPoll() as the socket allows; pg_slot_begin() queues the whole
 * transaction (the timeout's set_config first, then the statements, one Sync)
 * and flushes; every event of the socket flushes what is left and reads what
 * has come, until the Sync is answered. A script goes by the simple protocol,
 * out of pipeline mode, without the set_config: only our clock keeps its time.
 * One that copies has it as its first statement; its COPY is fed a piece at
 * each turn of the loop at which the socket has room.
 *
 * PQconnectPoll() may close its socket and open another one with the same
 * number, so the watch is closed before each call and made anew after it.
 * Idle connections stay watched for reading, so that one that dies is dropped
 * when it dies, not when it is needed.
 *
 * Failures: the transaction's first SQL error is its error, and reading goes
 * on to the Sync. A connection that breaks ends its transaction
 * (ERR_UNAVAILABLE, or the last error that the server sent). A connection that
 * does not come up in time, or a transaction that is overdue by PG_GRACE_MS on
 * this side's clock, is dropped. COPY where none is expected drops the
 * connection too. A COPY that the server refuses is fed to its end: libpq reads
 * no error before that.
 *
 * On cancel: this libpq can ask the server only with the blocking PQcancel(),
 * which a detached thread does with a copy of the key. The connection is never
 * used again, so a request that comes late cannot hit the next transaction. On
 * close: pg_slot_drop() in any state, at once. A thread that is still asking
 * uses none of our memory.
 */
#include "net/pg/pg_impl.h"

#include "base/log.h"
#include "net/pg/pg_libpq.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static void pg_set_connect_error(struct pg_slot *slot, struct err *err)
{
    char text[ERR_MSG_BYTES], state[6];
    int code = ERR_UNAVAILABLE;

    pg_connect_text(PQerrorMessage(slot->conn), text, state);
    if (pg_connect_is_config(text))
        code = ERR_CONFIG;
    else if (state[0] != '\0')
        code = pg_connect_code(state);
    else if (PQconnectionNeedsPassword(slot->conn))
        code = ERR_AUTH;
    err_set(err, code, "database connection: %s", text);
}

/* An idle connection may receive a notice that it is ending, nothing else. */
static void on_pg_notice(void *arg, const PGresult *r)
{
    struct pg_slot *slot = arg;
    const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *primary = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

    if (severity != NULL &&
        (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
        slot->doomed = true;
    log_debug(NULL, "database: %s: %s", severity == NULL ? "?" : severity,
        primary == NULL ? "?" : primary);
}

/* --- connecting --- */

int pg_parse_url(const char *url, struct pg_params *p, struct err *err)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &message);
    const char *allowed = NULL;

    PQfreemem(message); /* it may quote a part of the password */
    if (options == NULL)
        return pg_url_unreadable(err);
    for (PQconninfoOption *o = options; allowed == NULL && o->keyword != NULL;
         o++) {
        if (o->val == NULL)
            continue;
        allowed = pg_param_allowed(o->keyword, o->val);
        if (allowed != NULL)
            err_set(err, ERR_CONFIG, "DATABASE_URL: %s can be %s", o->keyword,
                allowed);
        else if (strcmp(o->keyword, "sslmode") != 0)
            pg_params_add(p, o->keyword, o->val);
        else if (o->val[0] != '\0') /* "sslmode=" says nothing */
            pg_params_add(p, "sslmode", pg_ssl_mode(o->val));
    }
    PQconninfoFree(options);
    return allowed == NULL ? 0 : ERR_CONFIG;
}

static PGconn *pg_start_connect(const struct pg_slot *slot, const char *address)
{
    struct pg_params p;
    PGconn *conn;

    pg_params_complete(&p, slot, address);
    conn = PQconnectStartParams(
        (const char *const *)p.keys, (const char *const *)p.values, 0);
    pg_params_free(&p);
    if (conn == NULL)
        abort();
    return conn;
}

void pg_slot_connect(struct pg_slot *slot, const char *address)
{
    slot->state = PG_CONNECTING;
    slot->conn = pg_start_connect(slot, address);
    PQsetErrorVerbosity(slot->conn, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(slot->conn, on_pg_notice, slot);
    if (PQstatus(slot->conn) == CONNECTION_BAD) {
        pg_set_connect_error(slot, &slot->err);
        pg_slot_fail_soon(slot);
    } else if (!pg_watch_for(slot, PQsocket(slot->conn), UV_WRITABLE)) {
        err_set(&slot->err, ERR_UNAVAILABLE, "cannot watch the socket");
        pg_slot_fail_soon(slot);
    }
}

static void pg_slot_connected(struct pg_slot *slot)
{
    uv_timer_stop(&slot->timer);
    PQsetErrorVerbosity(slot->conn, PQERRORS_DEFAULT);
    PQsetnonblocking(slot->conn, 1);
    slot->state = PG_IDLE;
    if (!pg_watch_for(slot, PQsocket(slot->conn), UV_READABLE))
        pg_slot_drop(slot, NULL);
}

static void pg_slot_poll_connect(struct pg_slot *slot)
{
    struct err err;
    PostgresPollingStatusType status;

    pg_watch_close(slot);
    status = PQconnectPoll(slot->conn);
    if (status == PGRES_POLLING_OK) {
        pg_slot_connected(slot);
        return;
    }
    if (status != PGRES_POLLING_FAILED &&
        pg_watch_for(slot, PQsocket(slot->conn),
            status == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE))
        return;
    pg_set_connect_error(slot, &err);
    pg_slot_attempt_failed(slot, &err);
}

/* --- ending --- */

void pg_slot_unplug(struct pg_slot *slot)
{
    uv_timer_stop(&slot->timer);
    pg_watch_close(slot);
    if (slot->lookup != NULL)
        pg_lookup_forget(slot->lookup);
    slot->lookup = NULL;
    PQfinish(slot->conn);
    slot->conn = NULL;
    slot->state = PG_OFF;
}

void pg_slot_drop(struct pg_slot *slot, const struct err *err)
{
    if (slot->req != NULL) {
        if (slot->err.code == 0 && err != NULL)
            slot->err = *err;
        pg_slot_end_transaction(slot);
    }
    pg_slot_unplug(slot);
}

static void *pg_run_cancel(void *arg)
{
    PGcancel *cancel = arg;
    char text[256];

    PQcancel(cancel, text, sizeof(text));
    PQfreeCancel(cancel);
    return NULL;
}

void pg_slot_cancel(struct pg_slot *slot)
{
    PGcancel *cancel = PQgetCancel(slot->conn);

    slot->doomed = true;
    if (cancel != NULL && !pg_start_thread(pg_run_cancel, cancel))
        PQfreeCancel(cancel);
    pg_slot_arm(slot, PG_CANCEL_MS);
}

/* --- transactions --- */

static bool pg_send_stmt(PGconn *conn, const struct pg_stmt *stmt)
{
    Oid types[PG_STMT_PARAMS];
    const char *values[PG_STMT_PARAMS];
    int lengths[PG_STMT_PARAMS], formats[PG_STMT_PARAMS];

    assert(stmt->nparams <= PG_STMT_PARAMS);
    for (int i = 0; i < stmt->nparams; i++) {
        types[i] = stmt->params[i].type;
        values[i] = stmt->params[i].data;
        lengths[i] = stmt->params[i].len;
        formats[i] = stmt->params[i].binary;
    }
    return PQsendQueryParams(conn, stmt->sql, stmt->nparams, types, values,
               lengths, formats, stmt->binary_result) == 1;
}

#define PG_SET_TIMEOUTS(ms)                      \
    "select set_config('statement_timeout', " ms \
    ", true), set_config('lock_timeout', '0', true)"

/* The role's own time-outs do not count: a lock is waited for as long as the
 * statement may take. */
static bool pg_send_timeout(struct pg_slot *slot, int timeout_ms)
{
    char text[16];
    struct pg_param param = {.type = PG_TEXT, .data = text};
    struct pg_stmt stmt = {
        .sql = PG_SET_TIMEOUTS("$1"), .params = &param, .nparams = 1};

    snprintf(text, sizeof(text), "%d", timeout_ms);
    return pg_send_stmt(slot->conn, &stmt);
}

static bool pg_send_pipeline(struct pg_slot *slot, int timeout_ms)
{
    const struct pg_req *req = slot->req;

    if (!PQenterPipelineMode(slot->conn))
        return false;
    slot->at = 0;
    if (timeout_ms > 0) {
        slot->at = -1;
        if (!pg_send_timeout(slot, timeout_ms))
            return false;
    }
    for (int i = 0; i < req->nstmts; i++)
        if (!pg_send_stmt(slot->conn, &req->stmts[i]))
            return false;
    return PQpipelineSync(slot->conn) == 1;
}

/* Several statements in one query are one transaction by themselves. */
static bool pg_send_script(struct pg_slot *slot, int timeout_ms)
{
    const char *script = slot->req->script;
    size_t size = strlen(script) + sizeof(PG_SET_TIMEOUTS("'-2147483648'; "));
    char *text;
    bool ok;

    if (!PQexitPipelineMode(slot->conn))
        return false;
    if (slot->req->copy_next == NULL || timeout_ms == 0)
        return PQsendQuery(slot->conn, script) == 1;
    text = malloc(size);
    if (text == NULL)
        abort();
    snprintf(text, size, PG_SET_TIMEOUTS("'%d'") "; %s", timeout_ms, script);
    slot->at = -1;
    ok = PQsendQuery(slot->conn, text) == 1;
    free(text);
    return ok;
}

static bool pg_send_transaction(struct pg_slot *slot)
{
    const struct pg_req *req = slot->req;
    bool plain = req->script != NULL && req->copy_next == NULL;
    int timeout_ms = req->timeout_ms;

    if (timeout_ms == 0 && !plain)
        timeout_ms = slot->pool->timeout_ms;
    if (timeout_ms > 0)
        pg_slot_arm(slot,
            (uint64_t)timeout_ms * (uint64_t)(req->nstmts + 1) + PG_GRACE_MS);
    slot->at = 0;
    return req->script != NULL ? pg_send_script(slot, timeout_ms)
                               : pg_send_pipeline(slot, timeout_ms);
}

/* Did the idle connection end? Whatever it said has been read. */
static bool pg_idle_is_dead(struct pg_slot *slot)
{
    bool ok = PQconsumeInput(slot->conn) == 1;

    (void)PQisBusy(slot->conn); /* reads notices */
    return !ok || slot->doomed || PQstatus(slot->conn) != CONNECTION_OK;
}

/* The next piece of a COPY; false: the connection is broken. */
static bool pg_feed_copy(struct pg_slot *slot)
{
    struct buf piece;
    enum pg_copy_step step = PG_COPY_STOP;
    bool ok = true;

    buf_init(&piece, PG_COPY_BYTES);
    if (slot->req->op.err.code == 0)
        step = slot->req->copy_next(slot->req, slot->at, &piece);
    if (piece.error != 0)
        step = PG_COPY_STOP;
    if (step != PG_COPY_STOP && piece.len > 0)
        ok = PQputCopyData(slot->conn, piece.data, (int)piece.len) == 1;
    buf_free(&piece);
    if (!ok || step == PG_COPY_MORE)
        return ok;
    slot->copying = false;
    return PQputCopyEnd(slot->conn, step == PG_COPY_STOP ? "stopped" : NULL) ==
           1;
}

/*
 * Sends what is left and watches the socket as needed; false: the connection
 * is broken.
 */
static bool pg_flush_and_watch(struct pg_slot *slot)
{
    int left = PQflush(slot->conn);

    if (left == 0 && slot->copying)
        left = pg_feed_copy(slot) ? PQflush(slot->conn) : -1;
    return left >= 0 &&
           pg_watch_for(slot, PQsocket(slot->conn),
               left > 0 || slot->copying ? UV_READABLE | UV_WRITABLE
                                         : UV_READABLE);
}

static void pg_slot_broken(struct pg_slot *slot)
{
    struct err err;

    pg_set_broken(slot, &err);
    pg_slot_drop(slot, &err);
}

bool pg_slot_begin(struct pg_slot *slot, struct pg_req *req)
{
    if (slot->used && pg_idle_is_dead(slot)) {
        pg_slot_drop(slot, NULL);
        return false;
    }
    slot->state = PG_BUSY;
    slot->used = true;
    slot->ended = slot->copying = false;
    slot->req = req;
    req->conn = slot;
    req->backend_pid = PQbackendPID(slot->conn);
    err_clear(&slot->err);
    if (!pg_send_transaction(slot) || !pg_flush_and_watch(slot))
        pg_slot_broken(slot);
    return true;
}

/* What answers the end of a COPY may have been read before it was sent: then
 * the socket says nothing more. */
static void pg_slot_read(struct pg_slot *slot)
{
    bool ok = PQconsumeInput(slot->conn) == 1;
    bool done = pg_read_transaction(slot);
    bool copying = slot->copying;

    ok = ok && PQstatus(slot->conn) == CONNECTION_OK;
    if (done && PQtransactionStatus(slot->conn) != PQTRANS_IDLE)
        slot->doomed = true;
    if (done)
        pg_slot_end_transaction(slot);
    if (!ok)
        pg_slot_broken(slot);
    else if (slot->doomed && done)
        pg_slot_drop(slot, NULL);
    else if (!pg_flush_and_watch(slot))
        pg_slot_broken(slot);
    else if (copying && !slot->copying)
        pg_slot_read(slot);
}

void pg_slot_event(struct pg_slot *slot)
{
    switch (slot->state) {
    case PG_CONNECTING:
        pg_slot_poll_connect(slot);
        break;
    case PG_BUSY:
        pg_slot_read(slot);
        break;
    case PG_IDLE:
        if (pg_idle_is_dead(slot))
            pg_slot_drop(slot, NULL);
        break;
    case PG_OFF:
    case PG_RESOLVING:
        break;
    }
}
