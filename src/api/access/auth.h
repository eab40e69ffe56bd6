/*
 * Who asks? Everything below /admin/ needs a Bearer token, whatever the rest
 * of its path. Without a configured ADMIN_TOKEN direct clients on this machine
 * may, too: no proxy in between, and no page of another site in a browser.
 */
#ifndef API_ACCESS_AUTH_H
#define API_ACCESS_AUTH_H

#include "api/access/tokens.h"
#include "net/http/http_server.h"

/* Each may what the ones before it may. */
enum auth_role {
    AUTH_NOBODY, /* what is not below /admin/ */
    AUTH_VIEWER, /* look and search, without payloads */
    AUTH_ADMIN
};

struct auth_refusal {
    int status;         /* 400, 401 or 403 */
    const char *scheme; /* for WWW-Authenticate; NULL: no such header */
    bool guessed;       /* a token was sent, and it is none of ours */
    char message[400];
};

/* Does the path need more than AUTH_NOBODY? */
bool auth_is_guarded(const struct http_exchange *x);

/* Of a guarded path; AUTH_NOBODY: *refusal says why. */
enum auth_role auth_check(const struct http_exchange *x,
    const struct tokens *admin, const struct tokens *viewer,
    struct auth_refusal *refusal);

/* auth_local.c: why the client is not a direct one on this machine; false: it
 * is. */
bool auth_not_local(const struct http_exchange *x, char *why, size_t size);

#endif
