/*
 * Between http_client.c (queues, sockets, the life of calls) and
 * http_client_call.c (one call and its easy handle); private to them.
 */
#ifndef NET_HTTP_HTTP_CLIENT_IMPL_H
#define NET_HTTP_HTTP_CLIENT_IMPL_H

#include "net/http/http_client.h"
#include <curl/curl.h>
#include <stdlib.h>

enum { PLACE_BYTES = 300 }; /* host:port */

/* A server with at least one call. */
struct http_host {
    struct list link;    /* in the client's hosts */
    struct list waiting; /* of struct http_call.line, oldest first */
    int running;
    char place[PLACE_BYTES]; /* host:port */
};

/* A request from http_send() to op_finish(). */
struct http_call {
    struct list link;             /* in the client's calls */
    struct list line;             /* in host->waiting until it is started */
    struct http_client *client;   /* borrowed */
    struct http_host *host;       /* borrowed */
    struct http_req *req;         /* borrowed */
    CURL *easy;                   /* owned; NULL until it is started */
    struct curl_slist *headers;   /* owned */
    uint64_t deadline_ms;         /* by loop_now_ms() */
    bool sent_again;              /* its connection was stale once */
    int redirects;                /* that were followed */
    char reason[CURL_ERROR_SIZE]; /* libcurl's words for a failure */
};

/* Checks the request: its headers, and place[PLACE_BYTES] from its URL. */
int http_call_read(struct http_call *call, char *place, struct err *err);

/* Makes the easy handle; the clock runs from now_ms. */
void http_call_open(struct http_call *call, uint64_t now_ms);

/*
 * True when the transfer failed on a kept connection before its answer began
 * and there is time left: the easy handle is set up to be added once more.
 */
bool http_call_again(struct http_call *call, CURLcode result, uint64_t now_ms);

/* True when the answer is a redirect to the same origin: as above. */
bool http_call_redirected(
    struct http_call *call, CURLcode result, uint64_t now_ms);

/* The proxy that the environment names for a URL, without credentials, and
 * the variable that does; false: none. */
bool http_proxy_of(const char *url, char proxy[PLACE_BYTES], const char **name);

/* Fills the request's answer and *err (success, too) from the transfer. */
void http_call_outcome(
    struct http_call *call, CURLcode result, struct err *err);

/* Frees what is left after the transfer, the call itself included. */
void http_call_free(struct http_call *call);

/* Small allocations that fail end the program. */
static inline void *http_must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

#endif
