/* One HTTP call: libcurl's options, and the meaning of its results. */
#include "net/http/http_client_impl.h"

#include "base/text.h"
#include "net/http/http_uncompress.h"
#include <stdio.h>
#include <strings.h>

enum {
    BUFFER_BYTES = 64 * 1024,
    RETRY_AFTER_MAX_S = 30 * 24 * 3600,
    REDIRECTS = 5
};

/* host:port of a URL. A wrong URL is not shown: it may contain a password. */
static int http_client_call_read_place(
    const char *url, char *place, struct err *err)
{
    CURLU *u = http_must(curl_url());
    char *scheme = NULL, *host = NULL, *port = NULL;
    int rc = 0;

    curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
    curl_url_get(u, CURLUPART_HOST, &host, 0);
    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (scheme == NULL || host == NULL || port == NULL ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        rc = err_set(err, ERR_CONFIG,
            "not a URL of the form http[s]://host[:port]/path");
    else
        snprintf(place, PLACE_BYTES, "%s:%s", host, port);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return rc;
}

static struct curl_slist *client_call_add_header(
    struct curl_slist *list, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 3;
    char *line = http_must(malloc(size));

    snprintf(line, size, value[0] == '\0' ? "%s:%s" : "%s: %s", name, value);
    list = http_must(curl_slist_append(list, line));
    free(line);
    return list;
}

static int http_client_call_read_headers(
    struct http_call *call, struct err *err)
{
    const struct http_req *req = call->req;

    for (size_t i = 0; i < req->nheaders; i++) {
        const struct http_header *h = &req->headers[i];

        if (strpbrk(h->name, "\r\n") != NULL ||
            strpbrk(h->value, "\r\n") != NULL)
            return err_set(err, ERR_INVALID,
                "the header %.40s contains a line break", h->name);
        call->headers =
            client_call_add_header(call->headers, h->name, h->value);
    }
    call->headers = client_call_add_header(call->headers, "Expect", "");
    return 0;
}

int http_call_read(struct http_call *call, char *place, struct err *err)
{
    int rc = http_client_call_read_place(call->req->url, place, err);

    return rc < 0 ? rc : http_client_call_read_headers(call, err);
}

/* Reserves memory for the whole answer if its length is known and allowed. */
static void http_client_call_reserve_answer(struct http_call *call)
{
    struct buf *answer = &call->req->answer;
    curl_off_t len = -1;

    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &len);
    if (len > 0 && (uint64_t)len <= answer->cap_bytes)
        buf_reserve(answer, (size_t)len);
}

static size_t on_client_call_answer(
    char *data, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;
    struct http_req *req = call->req;

    if (req->answer.len == 0)
        http_client_call_reserve_answer(call);
    buf_add(&req->answer, data, size * n);
    return req->answer.error == 0 ? size * n : 0;
}

/* A new status line begins a new answer: the one before was a proxy's, or
 * not the last. */
static size_t on_client_call_header(
    char *data, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;
    struct buf *head = &call->req->head;
    struct str line = {data, size * n};

    while (line.len > 0 && strchr("\r\n ", line.p[line.len - 1]) != NULL)
        line.len--;
    if (line.len > 5 && memcmp(line.p, "HTTP/", 5) == 0)
        buf_reset(head);
    else if (line.len > 0)
        buf_printf(head, "%.*s\n", STR_ARG(line));
    return size * n;
}

struct str http_answer_header(const struct http_req *req, const char *name)
{
    struct str lines = buf_view(&req->head), line;
    size_t len = strlen(name);

    while (text_next_line(&lines, &line))
        if (line.len > len && line.p[len] == ':' &&
            strncasecmp(line.p, name, len) == 0)
            return text_trim(
                (struct str){line.p + len + 1, line.len - len - 1});
    return (struct str){NULL, 0};
}

static void http_client_call_set_request(CURL *easy, const struct http_req *req)
{
    bool post = strcmp(req->method, "POST") == 0;

    curl_easy_setopt(easy, CURLOPT_URL, req->url);
    if (post || req->body.len > 0) {
        curl_easy_setopt(
            easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len);
        curl_easy_setopt(
            easy, CURLOPT_POSTFIELDS, req->body.len > 0 ? req->body.p : "");
    }
    if (!post && strcmp(req->method, "GET") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, req->method);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)req->timeout_ms);
    curl_easy_setopt(
        easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)req->max_answer_bytes);
}

/*
 * The bundle alone is kept parsed between connections; with a directory of
 * certificates set as well libcurl reads it anew for each. Only a file of the
 * request's own is trusted beside the system's directory.
 */
static void http_client_call_set_trust(CURL *easy, const struct http_req *req)
{
    const char *bundle = getenv("SSL_CERT_FILE");
    char *known = NULL;

    if (bundle != NULL && bundle[0] != '\0')
        curl_easy_setopt(easy, CURLOPT_CAINFO, bundle);
    curl_easy_getinfo(easy, CURLINFO_CAINFO, &known);
    if (req->ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, req->ca_file);
    else if (known != NULL || bundle != NULL)
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

/* QUICK_EXIT: a call that ends does not wait for its name lookup. */
static void http_client_call_set_manners(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
}

void http_call_open(struct http_call *call, uint64_t now_ms)
{
    CURL *easy = http_must(curl_easy_init());

    call->easy = easy;
    call->deadline_ms = now_ms + (uint64_t)call->req->timeout_ms;
    http_client_call_set_manners(easy);
    http_client_call_set_trust(easy, call->req);
    http_client_call_set_request(easy, call->req);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->reason);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_client_call_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_client_call_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, call->req->unix_socket);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *)call);
}

/* A kept connection that was closed under the request, answer unbegun. */
static bool http_client_call_connection_was_stale(
    struct http_call *call, CURLcode result)
{
    long connects = 0, header_bytes = 0;

    if (result != CURLE_GOT_NOTHING && result != CURLE_SEND_ERROR &&
        result != CURLE_RECV_ERROR)
        return false;
    curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects);
    curl_easy_getinfo(call->easy, CURLINFO_HEADER_SIZE, &header_bytes);
    return connects == 0 && header_bytes == 0 && call->req->answer.len == 0;
}

bool http_call_again(struct http_call *call, CURLcode result, uint64_t now_ms)
{
    if (call->sent_again || now_ms >= call->deadline_ms ||
        !http_client_call_connection_was_stale(call, result))
        return false;
    call->sent_again = true;
    call->reason[0] = '\0';
    curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(
        call->easy, CURLOPT_TIMEOUT_MS, (long)(call->deadline_ms - now_ms));
    return true;
}

enum { ORIGIN_BYTES = PLACE_BYTES + 2 };

/* scheme://host:port of a URL, for comparison; "" of what is none. */
static void http_client_call_origin_of(const char *url, char out[ORIGIN_BYTES])
{
    struct err err;
    char place[PLACE_BYTES] = "";
    bool tls = strncasecmp(url, "https:", 6) == 0;

    out[0] = '\0';
    if (http_client_call_read_place(url, place, &err) == 0)
        snprintf(out, ORIGIN_BYTES, "%s%s", tls ? "s:" : "p:", place);
}

bool http_call_redirected(
    struct http_call *call, CURLcode result, uint64_t now_ms)
{
    char from[ORIGIN_BYTES], to[ORIGIN_BYTES];
    char *url = NULL;
    long status = 0;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &url);
    if (result != CURLE_OK || (status != 307 && status != 308) || url == NULL ||
        call->redirects == REDIRECTS || now_ms >= call->deadline_ms)
        return false;
    http_client_call_origin_of(call->req->url, from);
    http_client_call_origin_of(url, to);
    if (from[0] == '\0' || strcmp(from, to) != 0)
        return false;
    call->redirects++;
    buf_reset(&call->req->answer);
    curl_easy_setopt(call->easy, CURLOPT_URL, url);
    curl_easy_setopt(
        call->easy, CURLOPT_TIMEOUT_MS, (long)(call->deadline_ms - now_ms));
    return true;
}

static int http_client_call_error_code(CURLcode result)
{
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
        return ERR_CONFIG;
    case CURLE_UNSUPPORTED_PROTOCOL: /* the answer is not HTTP/1 */
    case CURLE_WEIRD_SERVER_REPLY:
        return ERR_PROTOCOL;
    case CURLE_FILESIZE_EXCEEDED:
        return ERR_TOO_LARGE;
    case CURLE_OUT_OF_MEMORY:
        return ERR_NOMEM;
    default:
        return ERR_UNAVAILABLE;
    }
}

static int http_client_call_proxy_refused(
    const struct http_call *call, struct err *err)
{
    char proxy[PLACE_BYTES];
    const char *name;

    if (!http_proxy_of(call->req->url, proxy, &name))
        return err_set(err, ERR_CONFIG,
            "%s: HTTP 407: it asks for a proxy's credentials",
            call->host->place);
    return err_set(err, ERR_CONFIG,
        "the proxy %s refused the request for %s (HTTP 407): put its user and "
        "password into %s, as http://user:password@host:port",
        proxy, call->host->place, name);
}

static void http_client_call_set_error(
    struct http_call *call, CURLcode result, struct err *err)
{
    int code = http_client_call_error_code(result);
    const char *place = call->host->place;

    if (call->req->answer.error != 0)
        code = call->req->answer.error;
    if (code == ERR_TOO_LARGE)
        err_set(err, code, "%s: the answer is longer than %zu bytes", place,
            call->req->max_answer_bytes);
    else if (result == CURLE_PEER_FAILED_VERIFICATION)
        err_set(err, code,
            "%s: %s (SSL_CERT_FILE names a file of certificates to trust)",
            place, call->reason);
    else
        err_set(err, code, "%s: %s", place,
            call->reason[0] != '\0' ? call->reason
                                    : curl_easy_strerror(result));
}

static void http_client_call_outcome_uncompress(
    struct http_call *call, struct err *err)
{
    struct http_req *req = call->req;
    int code = http_uncompress(
        &req->answer, http_answer_header(req, "content-encoding"));

    if (code == ERR_TOO_LARGE)
        err_set(err, code, "%s: the answer is longer than %zu bytes",
            call->host->place, req->max_answer_bytes);
    else if (code < 0)
        err_set(err, code, "%s: a compressed answer that is %s",
            call->host->place,
            code == ERR_NOMEM ? "too large for memory" : "broken");
}

void http_call_outcome(struct http_call *call, CURLcode result, struct err *err)
{
    struct http_req *req = call->req;
    long status = 0, connect_status = 0, sent_bytes = 0;
    curl_off_t after_s = 0;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &after_s);
    if (after_s > RETRY_AFTER_MAX_S)
        after_s = RETRY_AFTER_MAX_S;
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
    req->status = (int)status;
    req->unsent = sent_bytes == 0;
    req->retry_after_ms = after_s > 0 ? (uint32_t)after_s * 1000 : 0;
    err_clear(err);
    curl_easy_getinfo(call->easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
    if (status == 407 || connect_status == 407)
        http_client_call_proxy_refused(call, err);
    else if (result != CURLE_OK)
        http_client_call_set_error(call, result, err);
    else
        http_client_call_outcome_uncompress(call, err);
}

void http_call_free(struct http_call *call)
{
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    free(call);
}
