/*
 * PostgreSQL over non-blocking libpq: a pool of connections, and transactions
 * of statements. A transaction is sent as one pipeline up to one Sync, which
 * makes it one transaction, and a connection never has more than one
 * transaction outstanding, nothing prepared by name and no session state, so
 * that a transaction-mode pooler may stand in between. All of it runs on the
 * loop's thread.
 */
#ifndef NET_PG_PG_H
#define NET_PG_PG_H

#include "base/buf.h"
#include "base/str.h"
#include "net/loop.h"

struct pg_pool;
struct pg_result;

/* Type oids that never change. 0 lets the server infer the type. */
enum pg_oid {
    PG_BOOL = 16,
    PG_BYTEA = 17,
    PG_INT8 = 20,
    PG_INT4 = 23,
    PG_TEXT = 25,
    PG_JSONB = 3802,
    PG_TEXT_ARRAY = 1009,
    PG_BYTEA_ARRAY = 1001,
    PG_INT4_ARRAY = 1007,
    PG_JSONB_ARRAY = 3807
};

struct pg_param {
    unsigned int type; /* oid; 0: the server infers it */
    const void *data;  /* borrowed until the callback; NULL: SQL NULL */
    int len;           /* bytes; ignored for text */
    bool binary;       /* else data is NUL-terminated text */
};

struct pg_stmt {
    const char *sql; /* borrowed until the callback */
    const struct pg_param *params;
    int nparams;
    bool binary_result; /* else every column comes as text */
};

enum { PG_UNIT_STMTS = 8 };

/* A name of 63 bytes, each of them a quote, within quotes. */
enum { PG_SCHEMA_BYTES = 132 };

/* What becomes of a COPY: more is to come, that was the end, or nothing of it
 * is to stand (the server undoes the transaction and the request fails). */
enum pg_copy_step { PG_COPY_MORE, PG_COPY_END, PG_COPY_STOP };

struct pg_req {
    /*
     * err: ERR_UNAVAILABLE (no connection, or it broke: the transaction may or
     * may not have been applied), ERR_TIMEOUT, ERR_DATA (class 22 or 23),
     * ERR_AUTH, ERR_BUSY (the line is bounded), ERR_DATABASE (any other). The
     * message carries the server's primary message, detail, hint and SQLSTATE.
     */
    struct op op;

    /* In; all borrowed until the callback. */
    const struct pg_stmt *stmts; /* 1 .. PG_UNIT_STMTS */
    int nstmts;
    /*
     * Simple protocol instead: `script` may hold many statements and its own
     * BEGIN and COMMIT; result 0 is that of the last statement with rows.
     */
    const char *script;
    /*
     * Not NULL: the script is of up to PG_UNIT_STMTS statements, without BEGIN
     * and COMMIT, and some are COPY ... FROM STDIN. The server runs them as one
     * transaction; each has its result. Appends the next bytes of statement
     * `at`, some 64 KiB, to out; called when the socket has room for them, and
     * with the results of the statements before it there.
     */
    enum pg_copy_step (*copy_next)(struct pg_req *req, int at, struct buf *out);
    int timeout_ms; /* statement_timeout of the transaction; 0: the pool's */

    /* Out. */
    struct pg_result *results[PG_UNIT_STMTS]; /* owned: pg_req_clear() */
    char sqlstate[6];                         /* "" when no SQL error */
    int failed_at; /* then: of which statement; -1: of none of the request's */
    char primary[ERR_MSG_BYTES - 8]; /* then: its message, without detail */
    int backend_pid; /* from the connect; a pooler makes one up */

    struct list link;  /* the pool's */
    void *conn;        /* the pool's */
    uint64_t since_ms; /* the pool's: in line */
};

/*
 * Opens connections on demand, up to `size`; an idle connection that breaks
 * is replaced. Transactions wait in line when all are busy. A failed connect
 * fails the transactions that wait (ERR_UNAVAILABLE, ERR_AUTH, ERR_CONFIG),
 * and the next transaction tries again. Several hosts, and the addresses of a
 * name, are tried one after another, each for connect_timeout (10 s).
 *
 * *url is a URL or a keyword=value string of libpq; of a URL's parameters,
 * those of other clients are translated or left out. ERR_CONFIG, with all that
 * is wrong with it.
 */
int pg_pool_init(struct pg_pool **pool, struct loop *loop, const char *url,
    int size, int timeout_ms, struct err *err);

/* Does it reach another machine, perhaps without TLS? */
bool pg_pool_may_be_plain(const struct pg_pool *pool);

#define PG_PLAIN_WARNING                                                     \
    "DATABASE_URL reaches another machine and does not insist on TLS: what " \
    "is "                                                                    \
    "sent can be read on the way; add sslmode=verify-full, or at least "     \
    "require"

/*
 * What the pools of one database share when the server refuses further
 * connections: those of a higher rank give theirs up for those of a lower one,
 * and wait. The caller's; it outlives the pools.
 */
struct pg_share {
    struct list pools; /* of struct pg_pool.sibling */
};

void pg_share_init(struct pg_share *share);

/* rank: 0 for what cannot wait. */
void pg_pool_join(struct pg_pool *pool, struct pg_share *share, int rank);

/*
 * Bounds the line: at most `most` transactions wait in it, for at most wait_ms
 * (while there is a connection at all); the others end with ERR_BUSY, and
 * retry_after_ms says when to ask again.
 */
void pg_pool_bound(struct pg_pool *pool, int most, int wait_ms);

/* Logs, in one line, the parameters of the url that are left out. */
void pg_url_warn(const char *url);

/* The search_path that the url asks for (schema=, options=-csearch_path=);
 * borrowed from the pool; NULL: none. */
const char *pg_pool_path(const struct pg_pool *pool);

/* The schema of the pool's tables, quoted; "" until the caller has set it. The
 * pool copies it and makes nothing of it (db/table_schema.h does). */
void pg_pool_set_schema(struct pg_pool *pool, const char *quoted);
const char *pg_pool_schema(const struct pg_pool *pool);

/* May a single row have caused this SQLSTATE? Any but those about the server,
 * the connection, the transaction or a lock. */
bool pg_blames_row(const char *sqlstate);

/* Cancels what waits, closes all; frees itself on the loop. */
void pg_pool_close(struct pg_pool *pool);

void pg_send(struct pg_pool *pool, struct pg_req *req);
void pg_req_clear(struct pg_req *req);

/* Reading a result; NULL-safe: a NULL result has no rows. */
int pg_rows(const struct pg_result *r);
bool pg_is_null(const struct pg_result *r, int row, int column);
/* Borrowed until pg_req_clear(). Text values are NUL-terminated too. */
struct str pg_value(const struct pg_result *r, int row, int column);
/* Rows touched by an INSERT, UPDATE or DELETE. */
int64_t pg_affected(const struct pg_result *r);

#endif
