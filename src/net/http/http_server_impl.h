/*
 * Between the files of the server; private to them.
 *
 *   http_server.c         the server: listening, its tick, drain, close
 *   http_server_conn.c    a connection: its states, its deadlines
 *   http_server_read.c    what it reads
 *   http_server_crowd.c   who gives way when there is no room
 *   http_server_answer.c  what goes out: answers, streams, refusals
 *   http_server_parse.c   a request's bytes
 *   http_server_text.c    pure helpers
 *
 * A connection:
 *
 *              +--------------------------------------------------+
 *              v                                                  |
 *     open -> IDLE -> READING <> BUSY ------------> ANSWERING -> sent
 *              |         |        |                  ^    ^       |
 *              |         |        +--> STREAMING ----+    |       | last
 *              |         +---- refused -------------------+       v
 *              +------------- 503 ------------------------+   LINGERING
 *                                                                 |
 *     CLOSED (from anywhere, for good) <--------------------------+
 */
#ifndef NET_HTTP_HTTP_SERVER_IMPL_H
#define NET_HTTP_HTTP_SERVER_IMPL_H

#include "net/http/http_server.h"
#include "net/http/http_server_parse.h"

enum {
    READ_BYTES = 16 * 1024,        /* one read */
    AHEAD_BYTES = 16 * 1024,       /* read ahead of the answer, at least */
    KEPT_BYTES = 4 * 1024,         /* buffers of an idle connection */
    HEAD_BYTES = 64 * 1024,        /* of an answer */
    BODY_BYTES = 32 * 1024 * 1024, /* of an answer */
    HELD_BODIES = 16,              /* of full length, in memory at once */
    REFUSED_SHARE = 4, /* one more for each so many may be told 503 and wait
                        * for its client to read that */
    LINE_MS = 1000,    /* for a newcomer's request line, in a crowd */
    KEEPALIVE_S = 60,  /* before TCP asks whether it is there */
    LINGER_MS = 2000,  /* from our last byte to the client's */
};

enum http_conn_state {
    CONN_IDLE,      /* between requests, or before the first */
    CONN_READING,   /* a request has begun; its exchange is the server's */
    CONN_BUSY,      /* the handler has the exchange */
    CONN_STREAMING, /* as BUSY; its answer has begun */
    CONN_ANSWERING, /* the answer is complete, and on its way */
    CONN_LINGERING, /* all sent; waiting for the client to close */
    CONN_CLOSED     /* waiting for the close callback */
};

/* What goes out: one write at a time, and what waits for the next. */
struct http_out {
    uv_write_t req;
    struct buf sending, queued; /* owned */
    size_t left;                /* of `sending`, at the last look */
    uint64_t deadline_ms;       /* for it to become less */
    bool busy;                  /* a write is under way */
};

/* The connections of one address. */
struct http_peer {
    struct list link;        /* in server->peers */
    struct in6_addr address; /* IPv4 mapped; of IPv6 the network alone */
    size_t open;             /* connections */
};

struct http_conn {
    struct list link;           /* in server->conns */
    struct http_server *server; /* borrowed */
    struct http_peer *peer;     /* NULL: never counted, or closed */
    uv_tcp_t tcp;
    uv_shutdown_t shutdown;
    struct http_exchange *x; /* owned while READING, else the handler's */
    struct buf ahead;        /* owned; read, not yet parsed */
    size_t ahead_at;         /* how much of it has been parsed */
    struct http_out out;
    uint64_t deadline_ms; /* of IDLE, READING, LINGERING; 0: none */
    uint64_t since_ms;    /* it has been in its state; the first request counts
                           * from the connection */
    size_t held_bytes;    /* its part of server->held_bytes */
    enum http_conn_state state;
    bool fresh;   /* no request has been complete */
    bool reading; /* the socket is being read */
    bool eof;     /* the client has closed its side */
    bool last;    /* the answer is the last one */
    bool unread;  /* as the request's body will not be read */
    bool chunked; /* the stream's framing */
    bool mute;    /* the stream answers HEAD */
    bool peer_is_loopback;
};

struct http_server {
    struct loop *loop; /* borrowed */
    struct http_server_options options;
    struct http_limits limits;
    struct http_server_stats stats;
    size_t open;       /* connections that are not closed */
    struct list peers; /* owned; the addresses of those */
    size_t held_bytes; /* bodies in memory */
    uv_tcp_t listener;
    uv_timer_t tick;              /* runs while there are connections */
    struct list conns;            /* owned */
    int handles;                  /* uv handles not yet closed */
    int port;                     /* that it listens on */
    bool draining;                /* no further requests are accepted */
    struct http_drain_req *drain; /* borrowed; NULL: none pending */
    uint64_t quiet_until_ms;      /* for the log, by loop_now_ms() */
    char read_buf[READ_BYTES];    /* of whichever connection is being read */
};

/* http_server.c */

/* One handle less; the last one frees the server. */
void http_server_unref(struct http_server *s);

/* A connection has closed and left the list. */
void http_server_left(struct http_server *s);

/* http_server_conn.c */

/* Accepts what waits at the listener. */
void http_conn_open(struct http_server *s);

/* Drops it; open exchanges get on_gone later. Harmless when closed. */
void http_conn_close(struct http_conn *c);

/* The client's address. */
void http_conn_peer_text(const struct http_conn *c, char *out, size_t size);

/* To be called regularly: checks the deadlines. */
void http_conn_tick(struct http_conn *c);

/* The server drains: closes it when it is idle. */
void http_conn_drain(struct http_conn *c);

/* Moves on; clears the deadline. */
void http_conn_set(struct http_conn *c, enum http_conn_state state);
void http_conn_due_in(struct http_conn *c, int ms);

/* Records how much memory its request's body takes. */
void http_conn_hold(struct http_conn *c, size_t bytes);

/* Its exchange has ended, or never began. Harmless without one. */
void http_conn_drop_exchange(struct http_conn *c);
void http_exchange_free(struct http_exchange *x);

/* Tells the handler, once. */
void http_exchange_gone(struct http_exchange *x);

/* All that was queued has been written. */
void http_conn_sent(struct http_conn *c);

/* It gives way to a newcomer: says so if a request has begun, and closes. */
void http_conn_give_way(struct http_conn *c);

/* http_server_crowd.c */

/* Counts a connection, until it leaves. */
void http_crowd_enter(
    struct http_conn *c, const struct sockaddr_storage *address);
void http_crowd_leave(struct http_conn *c);

/* Closes as many connections as one more needs; false: none can be closed. */
bool http_crowd_make_room(struct http_server *s);

/* Is it so full that newcomers must hurry? */
bool http_crowd_is_dense(const struct http_server *s);

/* How many connections the limit of descriptors allows. */
size_t http_crowd_most_connections(int descriptors_open);

/* http_server_read.c */

/* Goes on reading the socket, unless there is nothing more to read. */
void http_conn_read(struct http_conn *c);

/* Bytes that were read but not parsed. */
size_t http_conn_ahead(const struct http_conn *c);

/* Takes the next request from them; there must be some. */
void http_conn_resume(struct http_conn *c);

/* http_server_answer.c */

/* Answers with an error and makes it the connection's last answer. */
void http_conn_refuse(struct http_conn *c, int status, const char *message);

/* Sends "100 Continue". */
void http_conn_continue(struct http_conn *c);

/* Bytes that the system has not taken yet, of the write under way. */
size_t http_conn_unsent(const struct http_conn *c);

/* http_server_text.c */

const char *http_status_text(int status);

/* {"error":{"message","statusCode","path"}} */
void http_put_error(
    struct buf *out, int status, const char *message, struct str path);

/* "name: value" CR LF, with blanks for control characters. */
void http_put_header(struct buf *out, const char *name, const char *value);

/* "Date: Sun, 06 Nov 1994 08:49:37 GMT" CR LF, for now. */
void http_put_date(struct buf *out);

/* Empties it and keeps at most a little memory. */
void http_server_reuse(struct buf *b);

/* Small allocations that fail end the program. */
void *http_server_must(void *p);

#endif
