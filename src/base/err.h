/*
 * Errors: a code that says what to do about it, and a message that says what
 * happened where. The message is built from the inside out: the place that
 * notices calls err_set(), each caller that knows more calls err_wrap(), so it
 * ends up reading "service X: page 4: embed: HTTP 429: slow down".
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

/* X(code, name, transient): transient ones may succeed when tried again. */
#define ERR_MAP(X)                                           \
    X(ERR_CANCELED, "canceled", false)                       \
    X(ERR_NOMEM, "out of memory", false)                     \
    X(ERR_USAGE, "usage", false)                             \
    X(ERR_CONFIG, "configuration", false)                    \
    X(ERR_INVALID, "invalid input", false)                   \
    X(ERR_NOT_FOUND, "not found", false)                     \
    X(ERR_UNAVAILABLE, "unavailable", true)                  \
    X(ERR_TIMEOUT, "timeout", true)                          \
    X(ERR_BUSY, "asked to slow down", true)                  \
    X(ERR_PROTOCOL, "unexpected answer", true)               \
    X(ERR_SOURCE, "reported by the source", true)            \
    X(ERR_TOO_LARGE, "too large", false)                     \
    X(ERR_TOO_LONG, "text too long for the model", false)    \
    X(ERR_REFUSED, "input refused", false)                   \
    X(ERR_AUTH, "not authorized", false)                     \
    X(ERR_QUOTA, "quota exhausted", false)                   \
    X(ERR_LATER, "try later", false)                         \
    X(ERR_BUDGET, "budget reached", false)                   \
    X(ERR_ANSWERED_BY, "answered by another service", false) \
    X(ERR_REPEATED, "page repeated", false)                  \
    X(ERR_INCOMPLETE, "pass not complete", false)            \
    X(ERR_DATA, "data refused by the database", false)       \
    X(ERR_DATABASE, "database", false)                       \
    X(ERR_FENCED, "lease lost", false)                       \
    X(ERR_ALREADY_RUNNING, "already running", false)         \
    X(ERR_DISABLED, "disabled", false)                       \
    X(ERR_INTERNAL, "internal", false)

enum err_place {
#define X(code, name, transient) code##_PLACE,
    ERR_MAP(X)
#undef X
        ERR_COUNT
};

/* Codes are negative, 0 is success: `if (f(..) < 0)`. */
enum err_code {
    ERR_NONE = 0,
#define X(code, name, transient) code = -(int)code##_PLACE - 1,
    ERR_MAP(X)
#undef X
};

#define ERR_MSG_BYTES 512

struct err {
    int code;                /* enum err_code; 0 while all is well */
    uint32_t retry_after_ms; /* what the other side asked for; 0: nothing */
    char msg[ERR_MSG_BYTES]; /* NUL-terminated UTF-8, cut with "..." */
};

/* Clears *e to success. */
void err_clear(struct err *e);

/*
 * Overwrites *e (may be NULL) and returns code, so that a failing function
 * ends in `return err_set(e, ERR_INVALID, "...")`.
 */
int err_set(struct err *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message of *e; returns e->code. */
int err_wrap(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The name of a code, for logs and tests; "success" for 0. */
const char *err_name(int code);

/* May the same request succeed when it is simply tried again? */
bool err_is_transient(int code);

#endif
