/*
 * HTTP requests over libcurl's multi interface, driven by the loop. All of it
 * runs on the loop's thread.
 */
#ifndef NET_HTTP_HTTP_CLIENT_H
#define NET_HTTP_HTTP_CLIENT_H

#include "base/buf.h"
#include "net/loop.h"

struct http_client;

struct http_header {
    const char *name, *value; /* borrowed until the callback */
};

struct http_req {
    /*
     * err: transport only, an HTTP status is an answer. ERR_UNAVAILABLE (not
     * found, refused, broken), ERR_TIMEOUT, ERR_TOO_LARGE, ERR_PROTOCOL (not
     * HTTP, or not what its compression says), ERR_CONFIG (bad URL,
     * certificate not trusted, a proxy that wants credentials), ERR_INVALID (a
     * line break in a header). The message names the host, never a password
     * or a header.
     */
    struct op op;

    /* In; all borrowed until the callback. */
    const char *method;                /* "GET", "POST" */
    const char *url;                   /* http:// or https:// */
    const struct http_header *headers; /* nheaders of them */
    size_t nheaders;
    const char *unix_socket; /* connect there; NULL: to the URL's host */
    const char *ca_file;     /* trusted besides the system's; NULL: none */
    struct str body;         /* for POST */
    int timeout_ms;          /* for the whole exchange, from the moment it
                              * gets a connection; > 0 */
    size_t max_answer_bytes; /* > 0; a longer answer is ERR_TOO_LARGE */

    /* Out. */
    int status;              /* 200, 404, ...; 0: none came */
    bool unsent;             /* nothing of it has left: no connection */
    struct buf answer;       /* owned by the request: http_req_clear() */
    struct buf head;         /* the same; lines "name: value" of the answer */
    uint32_t retry_after_ms; /* from Retry-After (either form), at most a
                                month; 0: none */

    struct http_call *call; /* the client's */
};

/* The value of a header of the answer; len 0 without one. Names match in any
 * case. */
struct str http_answer_header(const struct http_req *req, const char *name);

/*
 * Redirects (307, 308) within the same origin are followed. A compressed
 * answer (gzip, deflate) is decompressed, though none is asked for; what it is
 * its bytes say, not its header.
 *
 * Connections are kept alive and reused; at most max_connections a host are
 * busy, further requests wait in line. SIGPIPE becomes ignored: libcurl needs
 * that of its program.
 */
int http_client_init(struct http_client **c, struct loop *loop,
    int max_connections, struct err *err);

/* Cancels what is pending, closes its handles; frees itself on the loop. */
void http_client_close(struct http_client *c);

/* ERR_CANCELED once the client is closed. */
void http_send(struct http_client *c, struct http_req *req);

/* Frees the answer; needed after every callback, harmless before the first. */
void http_req_clear(struct http_req *req);

#endif
