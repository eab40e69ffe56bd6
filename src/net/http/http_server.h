/*
 * A small, strict HTTP/1.1 server on the loop, for an admin API. All of it
 * runs on the loop's thread.
 *
 *   server      listens on one address; hands complete requests to one handler
 *   connection  a client's; its requests are answered in order, the next one
 *               is looked at when the one before has been answered
 *   exchange    a request and the answer it is owed
 *
 * The server answers by itself, with the body of http_answer_error() and
 * `Connection: close`, what never becomes an exchange: 400 (malformed, or
 * framed in two ways), 408, 413, 414, 417, 431, 505, and 503 (too many
 * connections, or bodies of 16 times max_body_bytes in memory). Each answer has
 * Date, Content-Length or Transfer-Encoding, Connection where it says
 * something, and X-Content-Type-Options: nosniff.
 */
#ifndef NET_HTTP_HTTP_SERVER_H
#define NET_HTTP_HTTP_SERVER_H

#include "base/buf.h"
#include "net/loop.h"

struct http_server;
struct http_conn;
struct http_parse;

/* A header of a request. */
struct http_field {
    struct str name, value; /* name as it came; value without outer blanks */
};

/* A header of an answer; control characters in the value become blanks. */
struct http_header_out {
    const char *name, *value; /* borrowed during the call */
};

/*
 * Given to the handler once its request is complete, body included. From then
 * on the handler must end it exactly once, at once or later, whether or not
 * the client is still there:
 *
 *     http_answer() or http_answer_error()
 *     or http_stream_begin(), http_stream_write()..., http_stream_end()
 *
 * The call that ends it frees it, with all that the members point to. An end
 * after the client has gone, or after http_server_close(), sends nothing.
 */
struct http_exchange {
    /* The request; borrowed until the exchange ends. */
    const char *method; /* "GET", "HEAD", ... */
    struct str path;    /* as it came, not decoded, up to the '?'; "*" for
                           OPTIONS *; begins with '/' otherwise */
    struct str query;   /* as it came, behind the '?'; often empty */
    struct str body;    /* followed by a NUL; often empty */
    const struct http_field *headers; /* nheaders of them */
    size_t nheaders;
    struct str host;       /* the authority of an absolute target, else of Host,
                              port included; empty: there is none */
    const char *peer;      /* the client's address as text */
    bool peer_is_loopback; /* 127.0.0.0/8, ::1, or the former mapped to v6 */

    /* The handler's own. */
    void *user;
    const char *label; /* the route, for `answered`; borrowed */
    int role;          /* who asks, as the handler knows them */
    /*
     * May be set while the exchange is open, NULL: not interested. Comes at
     * most once, on the loop, never from inside a function of this header:
     * when the client has closed its side of the connection, the connection
     * has broken, the client did not read for write_ms, or the server was
     * closed. The exchange must still be ended, which may be done from here.
     * (What is sent to a client that closed only its sending side arrives.)
     */
    void (*on_gone)(struct http_exchange *x);

    uint64_t begun_ms;        /* the server's: when it was handed over */
    int status;               /* the server's: of a stream that has begun */
    struct http_conn *conn;   /* the server's; NULL once it is closed */
    struct http_parse *parse; /* the server's; owned */
    char peer_text[48];       /* the server's */
};

/* Called on the loop. The exchange may be ended inside. */
typedef void (*http_handler)(void *arg, struct http_exchange *x);

/*
 * Given a request with a body before that is read; `body` is empty. Returns
 * how long the body may be, at most max_body_bytes, or < 0 when it will not be
 * read: the exchange has been ended, or will be, and the answer is the
 * connection's last.
 */
typedef long (*http_admit)(void *arg, struct http_exchange *x);

/* 0 in a number means its default. */
struct http_server_options {
    const char *host; /* address or name; borrowed during the start */
    int port;         /* 0: any free one, see http_server_port() */
    http_handler handler;
    http_admit admit; /* NULL: every body is read */
    void *arg;        /* borrowed until the server is closed */
    /* An exchange has ended with that status (for a stream its own),
     * duration_ms after it was handed over; for metrics. NULL: not wanted. */
    void (*answered)(void *arg, const struct http_exchange *x, int status,
        uint64_t duration_ms);

    size_t max_connections;  /* 256, or what the limit of descriptors allows;
                              * when there are more, those whose clients are
                              * waited for give way, else 503 */
    size_t max_url_bytes;    /* 4 KiB, else 414 */
    size_t max_header_bytes; /* 16 KiB for all lines together, else 431 */
    size_t max_headers;      /* 64, else 431 */
    size_t max_body_bytes;   /* 1 MiB, else 413 */
    size_t max_queue_bytes;  /* 256 KiB unsent of a stream */
    int idle_ms;    /* 60 s; a kept connection without a request is closed */
    int request_ms; /* 15 s from a request's first byte (of the first one: from
                       the connection) until it is complete, else 408; when
                       the server is nearly full, the first request line must
                       be there after 1 s */
    int write_ms;   /* 30 s without the client reading anything: the
                     * connection is dropped */
};

/* Since the start; for metrics. */
struct http_server_stats {
    size_t connections; /* open now */
    uint64_t accepted;  /* connections */
    uint64_t requests;  /* handed to the handler */
    uint64_t refused;   /* requests and connections the server refused itself */
    uint64_t evicted;   /* connections that gave way to others */
};

/*
 * Listens before it returns. On failure *err names address and port:
 * ERR_UNAVAILABLE (in use, not permitted, no such address), ERR_CONFIG (a host
 * that cannot be resolved). SIGPIPE becomes ignored.
 */
int http_server_start(struct http_server **s, struct loop *loop,
    const struct http_server_options *options, struct err *err);

/* The port it listens on. */
int http_server_port(const struct http_server *s);

struct http_server_stats http_server_stats(const struct http_server *s);

struct http_drain_req {
    struct op op;               /* ends when no connection is left */
    struct http_server *server; /* the server's */
};

/*
 * Stops listening and closes idle connections; requests that have begun are
 * still read and handed over, each answer says `Connection: close` and is its
 * connection's last. Streams go on until they are ended. `req` (may be NULL)
 * tells when the last connection has gone; http_server_close() ends it as
 * canceled. May be called again; one request may be pending.
 */
void http_server_drain(struct http_server *s, struct http_drain_req *req);

/*
 * Stops listening and drops all connections in any state; on_gone comes for
 * open exchanges. The server frees itself on the loop and must not be used any
 * more.
 */
void http_server_close(struct http_server *s);

/* The value of the first header of that name (no matter the case), or NULL. */
const struct str *http_header(const struct http_exchange *x, const char *name);

/*
 * Ends the exchange. 200 <= status < 600; `body` is copied. A HEAD request gets
 * the headers alone, 204 and 304 have no body. Content-Type is up to the
 * caller. A body of more than 32 MiB becomes a 500.
 */
void http_answer(struct http_exchange *x, int status,
    const struct http_header_out *headers, size_t n, struct str body);

/*
 * Ends the exchange with Content-Type: application/json and
 * {"error":{"message","statusCode","path"}}; message is UTF-8.
 */
void http_answer_error(struct http_exchange *x, int status,
    const struct http_header_out *headers, size_t n, const char *message);

/*
 * Begins an answer of unknown length, for server-sent events. Must be followed
 * by http_stream_end().
 */
void http_stream_begin(struct http_exchange *x, int status,
    const struct http_header_out *headers, size_t n);

/*
 * Sends `part` (copied). Returns ERR_UNAVAILABLE when the client has gone, or
 * ERR_BUSY when max_queue_bytes would wait for it: none of the part was sent,
 * a later one may be.
 */
int http_stream_write(struct http_exchange *x, struct str part);

/* Ends the exchange. */
void http_stream_end(struct http_exchange *x);

/*
 * Appends `raw` with its %XX decoded. ERR_INVALID for a '%' without two hex
 * digits and for %00, with `out` undefined. The result may not be UTF-8.
 */
int http_decode(struct str raw, struct buf *out);

/*
 * Appends the decoded value ('+' is a blank) of the first parameter of that
 * name in a raw query. Returns 1 when it is there ("a" is "a="), 0 when not,
 * ERR_INVALID as above.
 */
int http_query(struct str query, const char *name, struct buf *out);

#endif
