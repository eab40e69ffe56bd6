/*
 * A method, a path, a query, a token and a host on a line each: the route that
 * is found matches, what it is asked is decoded within bounds, and nobody
 * without a token gets below /admin/.
 */
#include "fuzz.h"

#include "api/access/auth.h"
#include "api/routes.h"
#include "net/http/http_server_parse.h"
#include "ops/asked.h"
#include <strings.h>

enum { VALUE_BYTES = 256 };

static const char token[] = "the-token-of-the-administrator";

static void check_route(const char *method, struct str path)
{
    struct route_match match;

    router_find(api_routes, NROUTES, method, path, &match);
    require(strlen(match.allow) < sizeof(match.allow) - 1);
    if (match.route == NULL)
        return;
    require(match.allow[0] != '\0');
    require(memchr(match.id.p == NULL ? "" : match.id.p, '/', match.id.len) ==
            NULL);
    require((strstr(match.route->path, "{id}") != NULL) == (match.id.len > 0));
}

static void check_words(const char *text)
{
    enum history_letters letters = LETTERS_OPEN;
    struct err err = {.code = 0};
    int limit = 1;

    if (asked_limit(text, &limit, &err) < 0)
        check_err(&err);
    require(limit >= 1 && limit <= HISTORY_MOST);
    if (asked_run_status(text, &err) < 0)
        check_err(&err);
    if (asked_fire_outcome(text, &err) < 0)
        check_err(&err);
    if (asked_letters(text, &letters, &err) < 0)
        check_err(&err);
}

static void check_query(struct str query)
{
    static const char *const names[] = {"limit", "status", "before", "service"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct buf value;
        int rc;

        buf_init(&value, VALUE_BYTES);
        rc = http_query(query, names[i], &value);
        require(rc <= 1);
        if (rc == 1 && value.error == 0 && value.len > 0) {
            require(strlen(value.data) == value.len);
            check_words(value.data);
        }
        buf_free(&value);
    }
}

static void check_access(struct http_exchange *x, struct str sent)
{
    struct http_field field = {STR("Authorization"), sent};
    struct auth_refusal refusal;
    struct tokens admin, viewer;
    enum auth_role role;

    tokens_init(&admin, "ADMIN_TOKEN", token, NULL);
    tokens_init(&viewer, "VIEWER_TOKEN", NULL, NULL);
    x->headers = &field;
    x->nheaders = 1;
    x->peer_is_loopback = true;
    role = auth_check(x, &admin, &viewer, &refusal);
    require((role == AUTH_ADMIN) ==
            (sent.len == strlen("bearer ") + strlen(token) &&
                memcmp(sent.p + 7, token, strlen(token)) == 0 &&
                strncasecmp(sent.p, "bearer ", 7) == 0));
    require(role == AUTH_ADMIN || refusal.status >= 400);
    admin.n = 0;
    if (auth_check(x, &admin, &viewer, &refusal) == AUTH_ADMIN)
        require(http_is_host(x->host) && x->host.len <= 21);
    else
        require(utf8_valid(str_of(refusal.message)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    char *method = text_copy(take_until(&rest, '\n'));
    struct http_exchange x = {.method = method};
    struct str sent;

    x.path = take_until(&rest, '\n');
    x.query = take_until(&rest, '\n');
    sent = take_until(&rest, '\n');
    x.host = take_until(&rest, '\n');
    check_route(method, x.path);
    if (x.query.len == 0 || memchr(x.query.p, '\0', x.query.len) == NULL)
        check_query(x.query); /* the server lets no NUL through */
    if (http_is_host(x.host) && x.host.len > 0)
        check_access(&x, sent);
    free(method);
    return 0;
}
