/*
 * Between the files of net/pg: pg_pool.c decides which connection gets which
 * transaction, pg_slot.c opens and watches a connection, pg.c is its talk with
 * libpq, pg_address.c knows where the server is and what its errors mean.
 *
 *   transaction        the statements of one pg_req, up to one Sync
 *   slot        a place in the pool that holds a connection, or none yet
 *   watch       the uv_poll on a connection's socket
 *
 *   OFF --> RESOLVING --> CONNECTING --> IDLE <--> BUSY
 *    ^          |              |           |         |
 *    +----------+--------------+-----------+---------+   dropped
 */
#ifndef NET_PG_PG_IMPL_H
#define NET_PG_PG_IMPL_H

#include "net/pg/pg.h"

enum { PG_CONNECT_MS = 10000, PG_CANCEL_MS = 5000, PG_GRACE_MS = 5000 };
enum { PG_STMT_PARAMS = 32 }; /* most that a statement may have */

struct pg_conn;   /* libpq's */
struct pg_watch;  /* pg.c's */
struct pg_lookup; /* pg_address.c's */

enum { PG_PARAMS = 64 };

/* Keywords and values as libpq takes them, NULL at the end. */
struct pg_params {
    char *keys[PG_PARAMS + 1]; /* owned */
    char *values[PG_PARAMS + 1];
    int n;
};

enum pg_state { PG_OFF, PG_RESOLVING, PG_CONNECTING, PG_IDLE, PG_BUSY };

struct pg_slot {
    struct pg_pool *pool; /* borrowed */
    enum pg_state state;
    struct pg_conn *conn;     /* owned */
    struct pg_watch *watch;   /* owned; NULL: the socket is not watched */
    struct pg_lookup *lookup; /* owned while RESOLVING */
    uv_timer_t timer;         /* whatever may take too long right now */
    struct pg_req *req;       /* borrowed; the transaction, while BUSY */
    int at;         /* the statement whose answer comes; -1: the timeout's */
    bool ended;     /* the statement at hand has had its NULL */
    bool used;      /* the connection has had a transaction */
    bool doomed;    /* of no use after the transaction at hand */
    struct err err; /* of the transaction, or of the connect */
};

struct pg_pool {
    struct loop *loop;       /* borrowed */
    struct pg_params params; /* the url's */
    int timeout_ms;          /* of a transaction that names none; 0: no limit */
    int handles;             /* callbacks of libuv still to come */
    bool closing;
    uint64_t hold_ms;    /* until then a failed connect is not repeated */
    struct list waiting; /* of struct pg_req.link, oldest first */
    int nslots;
    struct pg_slot slots[];
};

/* --- pg_pool.c --- */

/* Hands out transactions and opens connections. The last word of every
 * callback. */
void pg_pool_step(struct pg_pool *pool);

/* One callback of libuv less; frees a closing pool after the last. */
void pg_pool_release(struct pg_pool *pool);

/* A connect failed with *err, and its slot is off again. */
void pg_pool_connect_failed(struct pg_pool *pool, const struct err *err);

/* Runs fn(arg) in a thread that nobody joins; false: it could not. */
bool pg_start_thread(void *(*fn)(void *arg), void *arg);

/* --- pg_slot.c --- */

/* OFF: begins to connect. Ends in IDLE, or in pg_slot_fail(). */
void pg_slot_open(struct pg_slot *slot);

/* The connect has failed: the slot is off, the pool told. */
void pg_slot_fail(struct pg_slot *slot, const struct err *err);

/* The same with slot->err in a later turn: a step must not meet itself. */
void pg_slot_fail_soon(struct pg_slot *slot);

/* The transaction has ended with slot->err; the slot no longer knows it. */
void pg_slot_end_transaction(struct pg_slot *slot);

/* Gives what goes on delay_ms to end, instead of any time set before. */
void pg_slot_arm(struct pg_slot *slot, uint64_t delay_ms);

/* Watches the socket; false when that is not possible. */
bool pg_watch_for(struct pg_slot *slot, int fd, int events);
void pg_watch_close(struct pg_slot *slot);

/* --- pg.c --- */

/* Adds the url's keywords; ERR_CONFIG when libpq does not understand it. */
int pg_parse_url(const char *url, struct pg_params *p, struct err *err);

/* Goes on with addresses (comma separated), or NULL: libpq knows better. */
void pg_slot_connect(struct pg_slot *slot, const char *addresses);

/*
 * IDLE: sends the transaction. False: the connection turned out to be dead
 * before anything was sent; the slot is OFF and the transaction still the
 * caller's.
 */
bool pg_slot_begin(struct pg_slot *slot, struct pg_req *req);

/* Something happened on the socket. */
void pg_slot_event(struct pg_slot *slot);

/* BUSY: asks the server to stop the transaction; the connection goes with it.
 */
void pg_slot_cancel(struct pg_slot *slot);

/* Any state: closes the connection; its transaction ends with *err. */
void pg_slot_drop(struct pg_slot *slot, const struct err *err);

/* --- pg_address.c --- */

/* The url without what only other clients know; ERR_CONFIG. *out: free(). */
int pg_clean_url(const char *url, char **out, struct err *err);

/* Can the value be meant? A wrong one may be a part of the password. */
bool pg_param_ok(const char *key, const char *value);

/* ERR_CONFIG; libpq's message (may be NULL) only where it shows no secret. */
int pg_url_error(const char *message, struct err *err);

/* The SQLSTATE of who may only read: the connection is given up for it. */
#define PG_READ_ONLY "25006"

/* What to do about a SQLSTATE. */
int pg_error_code(const char *sqlstate);

/* Does the error's detail show the row, which no log may? */
bool pg_detail_is_row(const char *sqlstate);

/* Copies libpq's text as one line. */
void pg_copy_line(char out[ERR_MSG_BYTES], const char *text);

/*
 * The verbose message of a refused connect ("FATAL:  28P01: password ...") as
 * one line; libpq tells the SQLSTATE nowhere else. *state: "" if there is none.
 */
void pg_connect_text(const char *full, char out[ERR_MSG_BYTES], char state[6]);

void pg_params_add(struct pg_params *p, const char *key, const char *value);
void pg_params_free(struct pg_params *p);

/* The host name that needs a resolver; NULL: none does. */
const char *pg_params_host(const struct pg_params *p);

/* What to connect with: the url's and ours. */
void pg_params_complete(
    struct pg_params *out, const struct pg_params *url, const char *addresses);

/*
 * Resolves the host; ends in pg_slot_connect() or pg_slot_fail(), never at
 * once. Returns < 0 and sets *err when it cannot begin.
 */
int pg_lookup_start(struct pg_slot *slot, struct err *err);

/* Its callback still comes, but not to the slot. */
void pg_lookup_forget(struct pg_lookup *lookup);

#endif
