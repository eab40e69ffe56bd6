/*
 * May this request speak to the service? Everything below /admin/ needs the
 * Bearer token, whatever the rest of its path. Without a configured token only
 * clients on this machine may, and of web pages only our own.
 */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "net/http/http_server.h"

struct auth_refusal {
    int status;         /* 401 or 403 */
    const char *scheme; /* for WWW-Authenticate; NULL: no such header */
    const char *message;
};

/* NULL: it may. `token` NULL: none is configured. */
const struct auth_refusal *auth_check(
    const struct http_exchange *x, const char *token);

#endif
