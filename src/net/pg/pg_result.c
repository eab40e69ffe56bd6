/*
 * What comes back of a transaction: its results, where the caller looks for
 * them, and its first error. pg.c calls, and has the failures.
 */
#include "net/pg/pg_impl.h"
#include "net/pg/pg_libpq.h"

#include <stdio.h>
#include <stdlib.h>

/* --- errors --- */

int pg_set_broken(struct pg_slot *slot, struct err *err)
{
    char text[ERR_MSG_BYTES];

    pg_copy_line(text, PQerrorMessage(slot->conn));
    return err_set(err, ERR_UNAVAILABLE, "database connection: %s",
        text[0] == '\0' ? "lost" : text);
}

/* Sets the slot's error to what the server answered, unless it has one. */
static void pg_set_sql_error(struct pg_slot *slot, const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(r, PG_DIAG_MESSAGE_HINT);

    if (slot->err.code != 0)
        return;
    if (state == NULL) {
        pg_set_broken(slot, &slot->err);
        return;
    }
    if (detail != NULL && pg_detail_is_row(state, detail))
        detail = NULL;
    if (strcmp(state, PG_READ_ONLY) == 0) {
        slot->doomed = true;
        pg_endpoint_avoid(slot);
        hint = PG_READ_ONLY_HINT;
    }
    if (primary == NULL)
        primary = "error";
    slot->req->failed_at = slot->at;
    memcpy(slot->req->sqlstate, state, strnlen(state, 5) + 1);
    snprintf(slot->req->primary, sizeof(slot->req->primary), "%s", primary);
    err_set(&slot->err, pg_error_code(state), "%s%s%s%s%s [SQLSTATE %s]",
        primary, detail == NULL ? "" : ": ", detail == NULL ? "" : detail,
        hint == NULL ? "" : "; hint: ", hint == NULL ? "" : hint, state);
}

/* --- a transaction --- */

/*
 * Keeps a good result where the caller will look for it. Of a script that
 * copies, each statement has one.
 */
static void pg_keep_result(struct pg_slot *slot, PGresult *r)
{
    struct pg_req *req = slot->req;
    int at = slot->at, most = req->nstmts;

    if (req->copy_next != NULL) {
        most = PG_UNIT_STMTS;
        slot->at++;
    } else if (req->script != NULL) {
        most = PQresultStatus(r) == PGRES_TUPLES_OK;
    }
    if (at < 0 || at >= most) {
        PQclear(r);
        return;
    }
    PQclear(req->results[at]);
    req->results[at] = r;
}

/* Takes one result; true when it was the transaction's last. */
static bool pg_take_result(struct pg_slot *slot, PGresult *r)
{
    switch (PQresultStatus(r)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        pg_keep_result(slot, r);
        return false;
    case PGRES_PIPELINE_SYNC:
        PQclear(r);
        return true;
    case PGRES_PIPELINE_ABORTED:
        break;
    case PGRES_COPY_IN:
        slot->copying = slot->req->copy_next != NULL;
        if (slot->copying) {
            PQclear(r);
            return false;
        }
        /* fall through */
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        slot->doomed = true;
        if (slot->err.code == 0)
            err_set(&slot->err, ERR_DATABASE, "COPY is not expected here");
        PQclear(r);
        return true;
    default:
        pg_set_sql_error(slot, r);
    }
    PQclear(r);
    return false;
}

/* Nothing more is to come, and no Sync was answered. */
static bool pg_lost_count(struct pg_slot *slot)
{
    slot->doomed = true;
    if (slot->err.code == 0)
        err_set(&slot->err, ERR_UNAVAILABLE,
            "the database did not answer every statement");
    return true;
}

bool pg_read_transaction(struct pg_slot *slot)
{
    while (!slot->copying && !PQisBusy(slot->conn)) {
        PGresult *r = PQgetResult(slot->conn);

        if (r != NULL) {
            slot->ended = false;
            if (pg_take_result(slot, r))
                return true;
            continue;
        }
        if (slot->req->script != NULL)
            return true;
        if (slot->ended)
            return pg_lost_count(slot);
        slot->ended = true;
        slot->at++;
    }
    return false;
}

/* --- for the caller --- */

void pg_req_clear(struct pg_req *req)
{
    for (int i = 0; i < PG_UNIT_STMTS; i++) {
        PQclear(req->results[i]);
        req->results[i] = NULL;
    }
}

int pg_rows(const struct pg_result *r)
{
    return r == NULL ? 0 : PQntuples(r);
}

bool pg_is_null(const struct pg_result *r, int row, int column)
{
    return PQgetisnull(r, row, column) == 1;
}

struct str pg_value(const struct pg_result *r, int row, int column)
{
    return (struct str){
        PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column)};
}

int64_t pg_affected(const struct pg_result *r)
{
    return r == NULL ? 0 : strtoll(PQcmdTuples((PGresult *)r), NULL, 10);
}
