/*
 * One HTTP request from its first byte to its last, over llhttp. Knows no
 * socket: bytes go in, a request or a refusal comes out.
 *
 * What can be read in two ways is refused, so that a proxy in front cannot
 * have read it differently: more than one length, a length with a transfer
 * coding, any coding but "chunked", a coding in HTTP/1.0, no or several Hosts,
 * a Host that is not one, lines that end otherwise than in CR LF or are folded.
 */
#ifndef NET_HTTP_HTTP_SERVER_PARSE_H
#define NET_HTTP_HTTP_SERVER_PARSE_H

#include "net/http/http_server.h"

struct http_parse;

struct http_limits {
    size_t url_bytes, header_bytes, headers, body_bytes; /* all > 0 */
};

enum http_parse_result {
    HTTP_PARSE_MORE, /* all bytes were taken; the request is not complete */
    HTTP_PARSE_HEAD, /* the header is complete, a body follows; once */
    HTTP_PARSE_DONE, /* complete; bytes that were not taken belong to the
                      * next one */
    HTTP_PARSE_BAD   /* to be refused: status and message say how */
};

struct http_parse_info {
    int status;          /* of HTTP_PARSE_BAD: 400, 413, ... */
    const char *message; /* static; what is wrong */
    bool http10;         /* HTTP/1.0 */
    bool head;           /* HEAD: no body in the answer */
    bool keep_alive;     /* of a complete request: the client wants more */
};

/* `limits` is borrowed. Never NULL. */
struct http_parse *http_parse_new(const struct http_limits *limits);
void http_parse_free(struct http_parse *p);

/* Takes *used bytes of `in`; to be called until the result is not MORE. */
enum http_parse_result http_parse_feed(
    struct http_parse *p, struct str in, size_t *used);

const struct http_parse_info *http_parse_info(const struct http_parse *p);

/* Allows a shorter body than the limits do; after HTTP_PARSE_HEAD. False: it
 * says that it is longer, which is HTTP_PARSE_BAD. */
bool http_parse_limit_body(struct http_parse *p, size_t bytes);

/* Is the request line complete? */
bool http_parse_has_line(const struct http_parse *p);

/* True, once, when the client waits for "100 Continue" before its body. */
bool http_parse_continue(struct http_parse *p);

/* Memory that the body takes so far. */
size_t http_parse_body_bytes(const struct http_parse *p);

/*
 * Fills in method, path, query, host, body and headers, which borrow from `p`;
 * before the header is complete the path alone, as far as it is known.
 */
void http_parse_view(const struct http_parse *p, struct http_exchange *x);

/* Is it "name", "name:port" or "[address]:port"? The empty host is one. */
bool http_is_host(struct str host);

#endif
