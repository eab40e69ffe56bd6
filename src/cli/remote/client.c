#include "cli/remote/client.h"

#include "base/text.h"
#include <stdlib.h>

enum {
    CLIENT_TIMEOUT_MS = 60 * 1000,
    CLIENT_ANSWER_BYTES = 32 * 1024 * 1024,
    CLIENT_URL_BYTES = 8 * 1024
};

static const char token_hint[] =
    "put the token into a file and name it with --token-file, or with "
    "BATCHSYNC_TOKEN_FILE";

/* --- beginning and end -------------------------------------------------- */

static char *client_copy(struct str s)
{
    char *copy = strndup(s.p, s.len);

    if (copy == NULL)
        abort();
    return copy;
}

/* The first of the lines: the service's own file of tokens serves, too. */
static char *client_first_token(const char *lines)
{
    struct str text = str_of(lines), line;

    while (text_next_line(&text, &line))
        if (text_trim(line).len > 0)
            return client_copy(text_trim(line));
    return NULL;
}

static int client_read_token(
    struct client *c, const char *token_file, struct err *err)
{
    const char *set = c->app->config.client.token;
    struct file_stamp stamp;
    char *lines;

    if (token_file == NULL) {
        c->token = set == NULL ? NULL : client_first_token(set);
        return 0;
    }
    lines = config_reread("BATCHSYNC_TOKEN", token_file, &stamp, err);
    if (lines == NULL)
        return err_wrap(err, "--token-file %s", token_file);
    c->token = client_first_token(lines);
    free(lines);
    return 0;
}

int client_init(struct client *c, struct app *app, const char *url,
    const char *token_file, struct err *err)
{
    struct str base = str_of(url);

    while (base.len > 0 && base.p[base.len - 1] == '/')
        base.len--;
    *c = (struct client){.app = app, .url = client_copy(base)};
    return client_read_token(c, token_file, err);
}

void client_free(struct client *c)
{
    free(c->url);
    free(c->token);
    *c = (struct client){.app = NULL};
}

/* --- what went wrong ---------------------------------------------------- */

/* The service's own words, or NULL: what answers there is something else. */
static const char *client_said(json_t *answer)
{
    json_t *error = json_object_get(answer, "error");

    return json_integer_value(json_object_get(error, "statusCode")) == 0
               ? NULL
               : json_string_value(json_object_get(error, "message"));
}

static int client_explain_refusal(
    const struct client *c, int status, const char *said, struct err *err)
{
    if (status == 401 && c->token == NULL)
        return err_set(
            err, ERR_AUTH, "%s wants a token: %s", c->url, token_hint);
    if (status == 401)
        return err_set(err, ERR_AUTH,
            "%s did not accept the token: it must be a line of what the "
            "service has as ADMIN_TOKEN or VIEWER_TOKEN",
            c->url);
    return err_set(err, ERR_AUTH, "%s refuses this: %s", c->url, said);
}

static int client_explain(
    const struct client *c, int status, json_t *answer, struct err *err)
{
    const char *said = client_said(answer);

    if (said == NULL)
        return err_set(err, ERR_CONFIG,
            "what answers at %s is not batchsync (HTTP status %d): give the "
            "address of the service itself, with its base path if it has one",
            c->url, status);
    if (status == 401 || status == 403)
        return client_explain_refusal(c, status, said, err);
    if (status == 404)
        return err_set(err, ERR_NOT_FOUND, "%s", said);
    if (status == 409)
        return err_set(err, ERR_INVALID, "%s", said);
    if (status == 429 || status == 503)
        return err_set(
            err, ERR_UNAVAILABLE, "%s: %s; try again later", c->url, said);
    return err_set(err, status == 400 ? ERR_INVALID : ERR_INTERNAL,
        "%s answered with HTTP status %d: %s", c->url, status, said);
}

/* --- asking ------------------------------------------------------------- */

/* Refusals have "error" alone; /health says with a 503 what is down. */
static int client_read(const struct client *c, const struct client_ask *ask,
    const struct http_req *http, json_t **answer, struct err *err)
{
    struct str text = buf_view(&http->answer);
    json_t *read = json_loadb(text.p, text.len, 0, NULL);
    bool good = json_object_get(read, ask->expect) != NULL;

    if (good) {
        *answer = read;
        return 0;
    }
    client_explain(c, http->status, read, err);
    json_decref(read);
    return err->code;
}

static int client_exchange(struct client *c, const struct client_ask *ask,
    struct http_req *http, json_t **answer, struct err *err)
{
    op_init(&http->op, app_ignore);
    http_send(c->app->http, http);
    if (app_wait(c->app, &http->op) == 0)
        return client_read(c, ask, http, answer, err);
    *err = http->op.err;
    if (err->code != ERR_UNAVAILABLE && err->code != ERR_TIMEOUT)
        return err->code;
    return err_wrap(err,
        "no answer from %s: is the service running, and is this its address "
        "(--url, BATCHSYNC_URL)?",
        c->url);
}

int client_send(struct client *c, const struct client_ask *ask, json_t **answer,
    struct err *err)
{
    char url[CLIENT_URL_BYTES], bearer[CLIENT_URL_BYTES];
    struct http_header headers[] = {{"Accept", "application/json"},
        {"Prefer", "respond-async"}, {"Content-Type", "application/json"},
        {"Authorization", bearer}};
    struct http_req http = {.method = ask->method,
        .url = url,
        .headers = headers,
        .nheaders = c->token == NULL ? 3 : 4,
        .body = ask->body,
        .timeout_ms = CLIENT_TIMEOUT_MS,
        .max_answer_bytes = CLIENT_ANSWER_BYTES};

    snprintf(
        bearer, sizeof(bearer), "Bearer %s", c->token == NULL ? "" : c->token);
    if (snprintf(url, sizeof(url), "%s%s", c->url, ask->path) >=
        (int)sizeof(url))
        return err_set(err, ERR_USAGE, "the address is too long");
    client_exchange(c, ask, &http, answer, err);
    http_req_clear(&http);
    return err->code;
}
