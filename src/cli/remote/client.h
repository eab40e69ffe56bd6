/*
 * A running batchsync, asked over its HTTP API by a command.
 *
 * Failures say what to do: nobody listens, no token or a wrong one, a token
 * that may only look, something else that answers there.
 */
#ifndef CLI_REMOTE_CLIENT_H
#define CLI_REMOTE_CLIENT_H

#include "app/app.h"
#include "base/json.h"

struct client {
    struct app *app; /* borrowed; APP_HTTP started */
    char *url;       /* owned; without a slash at its end */
    char *token;     /* owned; NULL: none */
};

struct client_ask {
    const char *method;
    const char *path;   /* from "/" on, with its query */
    const char *expect; /* a member that every answer but a refusal has */
    struct str body;    /* JSON; empty: none */
};

/*
 * `token_file` NULL: BATCHSYNC_TOKEN, if that is set. The first line of the
 * file is the token. ERR_CONFIG: the file cannot be used.
 */
int client_init(struct client *c, struct app *app, const char *url,
    const char *token_file, struct err *err);
void client_free(struct client *c);

/*
 * Asks and waits. *answer is a new reference. ERR_UNAVAILABLE, ERR_TIMEOUT:
 * nobody answers, or not now; ERR_AUTH: the token; ERR_CONFIG: it is no
 * batchsync; ERR_NOT_FOUND, ERR_INVALID: what the service says.
 */
int client_send(struct client *c, const struct client_ask *ask, json_t **answer,
    struct err *err);

#endif
