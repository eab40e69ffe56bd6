/*
 * Between the files of net/pg: pg_pool.c decides which connection gets which
 * transaction, pg_share.c which pool goes without one, pg_slot.c opens and
 * watches a connection, pg.c speaks to libpq, pg_result.c reads its answers,
 * pg_url.c reads DATABASE_URL, pg_params.c knows its parameters, pg_address.c
 * where the servers are, pg_sqlstate.c what their errors mean.
 *
 *   transaction        the statements of one pg_req, up to one Sync
 *   slot        a place in the pool that holds a connection, or none yet
 *   endpoint    a host of the url with its port; a name has several addresses
 *   attempt     one connect, to one address of one endpoint
 *   watch       the uv_poll on a connection's socket
 *
 *   OFF --> RESOLVING --> CONNECTING --> IDLE <--> BUSY
 *    ^          ^ next host    |           |         |
 *    |          +--------------+           |         |
 *    |          |              |           |         |
 *    +----------+--------------+-----------+---------+   dropped
 */
#ifndef NET_PG_PG_IMPL_H
#define NET_PG_PG_IMPL_H

#include "net/pg/pg.h"

enum { PG_CONNECT_S = 10, PG_CANCEL_MS = 5000, PG_GRACE_MS = 5000 };
enum { PG_AVOID_MS = 60 * 1000 };  /* that a host which failed us is last */
enum { PG_HOLD_MS = 1000 };        /* between two connects that fail */
enum { PG_AGAIN_MS = 100 };        /* when another pool gave a connection up */
enum { PG_STMT_PARAMS = 32 };      /* most that a statement may have */
enum { PG_COPY_BYTES = 64 << 20 }; /* most that a piece of a COPY may have */

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

/* What is asked for by DATABASE_URL. */
struct pg_url {
    char *clean;   /* owned; as libpq understands it */
    char *dropped; /* owned; the parameters left out, ", " between */
    char *path;    /* owned; the search_path asked for, "" if none is */
};

enum { PG_ENDPOINTS = 16, PG_ADDRESSES = 8 };
enum { PG_ADDRESSES_BYTES = PG_ADDRESSES * 47 };

/* NULL: libpq's default, from the environment or the service file. */
struct pg_endpoint {
    char *host, *hostaddr, *port; /* owned */
    uint64_t avoid_ms;            /* until then the others come first */
};

/* Where a connect is. */
struct pg_attempt {
    int endpoint;
    bool bare;                          /* without the url's `options` */
    uint32_t tried;                     /* endpoints, a bit each */
    char addresses[PG_ADDRESSES_BYTES]; /* of the endpoint, comma separated */
    const char *next;                   /* of them; borrowed from there */
    struct err failed;                  /* of those before; their messages */
};

enum pg_state { PG_OFF, PG_RESOLVING, PG_CONNECTING, PG_IDLE, PG_BUSY };

struct pg_slot {
    struct pg_pool *pool; /* borrowed */
    enum pg_state state;
    struct pg_conn *conn;      /* owned */
    struct pg_watch *watch;    /* owned; NULL: the socket is not watched */
    struct pg_lookup *lookup;  /* owned while RESOLVING */
    uv_timer_t timer;          /* the deadline of the current state */
    struct pg_attempt attempt; /* the connection's, or the next one's */
    struct pg_req *req;        /* borrowed; the transaction, while BUSY */
    int at;           /* the statement whose answer comes; -1: the timeout's */
    bool ended;       /* the current statement has had its NULL */
    bool copying;     /* the current statement is a COPY that takes more */
    bool used;        /* the connection has had a transaction */
    bool doomed;      /* to be dropped after the current transaction */
    uint64_t idle_ms; /* since then, while IDLE */
    struct err err;   /* of the transaction, or of the connect */
};

struct pg_pool {
    struct loop *loop;       /* borrowed */
    struct pg_params params; /* the url's */
    char *path;              /* owned; the search_path it asks for, or NULL */
    bool bare; /* a pooler takes no `options`, and they can be spared */
    char schema[PG_SCHEMA_BYTES]; /* pg_pool_set_schema() */
    struct pg_endpoint endpoints[PG_ENDPOINTS];
    int nendpoints; /* at least 1 */
    int connect_ms; /* that an attempt may take */
    int timeout_ms; /* of a transaction that names none; 0: no limit */
    int handles;    /* callbacks of libuv still to come */
    bool closing;
    uint64_t hold_ms;       /* until then a failed connect is not repeated */
    bool refused;           /* the last connect was, for want of room */
    struct list waiting;    /* of struct pg_req.link, oldest first */
    int most, wait_ms;      /* bounds of the line; 0: none */
    uv_timer_t line;        /* looks at the line again */
    struct pg_share *share; /* borrowed, with its rank and our place there */
    int rank;
    struct list sibling;
    int nslots;
    struct pg_slot slots[];
};

/* --- pg_pool.c --- */

/* Hands out transactions and opens connections. Every callback ends with it. */
void pg_pool_step(struct pg_pool *pool);

/* One libuv callback has come; frees a closing pool after the last. */
void pg_pool_release(struct pg_pool *pool);

/* A connect failed with *err, and its slot is off again. */
void pg_pool_connect_failed(struct pg_pool *pool, const struct err *err);

/* Runs fn(arg) in a detached thread; false: it could not be started. */
bool pg_start_thread(void *(*fn)(void *arg), void *arg);

/* --- pg_share.c --- */

/* The pool was refused a connection: takes another pool's. False: what waits
 * is to fail. */
bool pg_share_take(struct pg_pool *taker);
void pg_share_leave(struct pg_pool *pool);

/* --- pg_slot.c --- */

/* OFF: begins to connect. Ends in IDLE, or in pg_slot_fail(). */
void pg_slot_open(struct pg_slot *slot);

/* An attempt has failed with *err: the next one begins, or the slot is off and
 * the pool told. */
void pg_slot_attempt_failed(struct pg_slot *slot, const struct err *err);

/*
 * The same with slot->err in a later iteration, so that a step cannot reenter
 * itself.
 */
void pg_slot_fail_soon(struct pg_slot *slot);

/* The host's addresses are known: comma separated, "" for libpq's own. */
void pg_slot_resolved(struct pg_slot *slot, const char *addresses);

/* The transaction has ended with slot->err; the slot no longer knows it. */
void pg_slot_end_transaction(struct pg_slot *slot);

/* Sets the deadline of what is going on, replacing any earlier one. */
void pg_slot_arm(struct pg_slot *slot, uint64_t delay_ms);

/* Watches the socket; false when that is not possible. */
bool pg_watch_for(struct pg_slot *slot, int fd, int events);
void pg_watch_close(struct pg_slot *slot);

/* --- pg.c --- */

/* Adds the url's keywords; ERR_CONFIG when libpq does not understand it. */
int pg_parse_url(const char *url, struct pg_params *p, struct err *err);

/* Continues with an address of the endpoint; NULL: libpq resolves. */
void pg_slot_connect(struct pg_slot *slot, const char *address);

/* Any state: without connection, watch and look-up, and off. */
void pg_slot_unplug(struct pg_slot *slot);

/*
 * IDLE: sends the transaction. False: the connection turned out to be dead
 * before anything was sent; the slot is OFF and the caller keeps the
 * transaction.
 */
bool pg_slot_begin(struct pg_slot *slot, struct pg_req *req);

/* Something happened on the socket. */
void pg_slot_event(struct pg_slot *slot);

/* BUSY: asks the server to stop the transaction; the connection goes with it.
 */
void pg_slot_cancel(struct pg_slot *slot);

/* Any state: closes the connection; its transaction ends with *err. */
void pg_slot_drop(struct pg_slot *slot, const struct err *err);

/* --- pg_result.c --- */

/* What libpq says of a connection that is lost. */
int pg_set_broken(struct pg_slot *slot, struct err *err);

/*
 * Reads what has come of the transaction; true when it has ended. NULL ends a
 * statement; a second one in a row means that nothing more is to come.
 */
bool pg_read_transaction(struct pg_slot *slot);

/* --- pg_url.c, pg_params.c --- */

/* Parses DATABASE_URL; ERR_CONFIG, with all faults. Either way the caller
 * frees. */
int pg_url_read(const char *url, struct pg_url *out, struct err *err);
void pg_url_free(struct pg_url *u);

/* ERR_CONFIG, with what has to be escaped. */
int pg_url_unreadable(struct err *err);

/* The path in a connection's `options`: free(); NULL: none. */
char *pg_options_path(const char *options);

/*
 * Can a connection do without them? The search_path can be spared, for tables
 * are named with their schema, and time-outs, for transactions set their own.
 */
bool pg_options_can_go(const char *options);

enum param_action {
    PARAM_KEEP,   /* goes to libpq by the name `to` */
    PARAM_DROP,   /* only other clients know it, and nothing is lost */
    PARAM_REFUSE, /* it cannot be followed; `to` says what to do instead */
    PARAM_SCHEMA, /* a schema by its name */
    PARAM_PATH,   /* a search_path */
    PARAM_SSL,    /* on, off, or a mode */
    PARAM_STRICT, /* if true, the server's certificate must be checked */
    PARAM_TARGET  /* JDBC's targetServerType */
};

struct param_row {
    const char *names; /* as pg_word() has them, one blank between */
    const char *to;
    enum param_action action;
};

/* NULL: an unknown parameter. */
const struct param_row *pg_param_find(const char *word);

/* In lower case, without _ and -; cut to size, then it equals nothing. */
void pg_word(struct str s, char *out, size_t size);
/* Is the word one of those in the list, with one blank between? */
bool pg_word_in(const char *word, const char *list);

/* libpq's spelling of an sslmode in any spelling; NULL: not an sslmode. */
const char *pg_ssl_mode(const char *value);
/* From 0, disable, upwards; -1: not an sslmode. */
int pg_ssl_rank(const char *value);
const char *pg_ssl_mode_name(int rank);

#define PG_SSL_MODES                                                     \
    "disable, allow, prefer, require, verify-ca or verify-full "         \
    "(no-verify of node-postgres is require here: encrypted, without a " \
    "check of the certificate)"

/* NULL: libpq accepts the value; otherwise what is allowed. */
const char *pg_param_allowed(const char *key, const char *value);

void pg_params_add(struct pg_params *p, const char *key, const char *value);
const char *pg_params_get(const struct pg_params *p, const char *key);
void pg_params_free(struct pg_params *p);

/* --- pg_sqlstate.c --- */

/* The SQLSTATE of a read-only server: its connection is given up. */
#define PG_READ_ONLY "25006"
#define PG_READ_ONLY_HINT                                                      \
    "the server is a standby, or default_transaction_read_only is on for the " \
    "role or the database: name the primary in DATABASE_URL, list all hosts "  \
    "with target_session_attrs=read-write, or turn that setting off"

/* What to do about a SQLSTATE, of a statement or of a connect. */
int pg_error_code(const char *sqlstate);
int pg_connect_code(const char *sqlstate);
bool pg_connect_is_config(const char *text);
/* Is it a pooler that takes no `options`: PgBouncer and what is made of it, or
 * the proxy of RDS? */
bool pg_connect_refuses_options(const char *text);

/* Does the error's detail show the row? Then it must not be logged. */
bool pg_detail_is_row(const char *sqlstate, const char *detail);

/* Copies libpq's text as one line. */
void pg_copy_line(char out[ERR_MSG_BYTES], const char *text);

/*
 * The verbose message of a refused connect ("FATAL:  28P01: password ...") as
 * one line; libpq tells the SQLSTATE nowhere else. *state: "" if there is none.
 */
void pg_connect_text(const char *full, char out[ERR_MSG_BYTES], char state[6]);

/* --- pg_address.c --- */

/* The url's hosts and ports, paired; ERR_CONFIG when they cannot be. */
int pg_endpoints_init(struct pg_pool *pool, struct err *err);
void pg_endpoints_free(struct pg_pool *pool);

/* The first that was not tried and is not avoided, else one that is; -1. */
int pg_endpoint_pick(const struct pg_pool *pool, uint32_t tried);

/* It kept us waiting, or cannot be written to: the others come first now. */
void pg_endpoint_avoid(struct pg_slot *slot);

/* The name that needs a resolver; NULL: the host is an address, or a path. */
const char *pg_endpoint_name(const struct pg_endpoint *e);

/* What to connect with: the url's and ours, one host and one address. */
void pg_params_complete(
    struct pg_params *out, const struct pg_slot *slot, const char *address);

/*
 * Resolves the attempt's host; ends in pg_slot_resolved() or
 * pg_slot_attempt_failed(), never at once. Returns < 0 and sets *err when it
 * cannot begin.
 */
int pg_lookup_start(struct pg_slot *slot, struct err *err);

/* Its callback still comes, but not to the slot. */
void pg_lookup_forget(struct pg_lookup *lookup);

#endif
