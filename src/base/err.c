#include "base/err.h"

#include "base/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    bool transient;
} err_table[ERR_COUNT] = {
#define X(code, name, transient) {name, transient},
    ERR_MAP(X)
#undef X
};

void err_clear(struct err *e)
{
    e->code = ERR_NONE;
    e->retry_after_ms = 0;
    e->msg[0] = '\0';
}

/* Ends a cut message in "..." without leaving half a code point behind. */
static void err_mark_cut(char *msg, int needed)
{
    size_t end = ERR_MSG_BYTES - 4;

    if (needed < ERR_MSG_BYTES)
        return;
    while (end > 0 && ((unsigned char)msg[end] & 0xC0) == 0x80)
        end--;
    memcpy(msg + end, "...", 4);
}

/* What is told of outside may hold any bytes, and a "%.80s" may cut a
 * character:
 * '?' stands for those, as messages go into JSON. */
static void err_tidy(char *msg)
{
    struct str s = str_of(msg);
    size_t at = 0;

    while (at < s.len) {
        size_t from = at;

        if (utf8_next(s, &at) < 0)
            msg[from] = '?';
    }
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
    va_list args;
    int needed;

    if (e == NULL)
        return code;
    e->code = code;
    e->retry_after_ms = 0;
    va_start(args, fmt);
    needed = vsnprintf(e->msg, sizeof(e->msg), fmt, args);
    va_end(args);
    err_mark_cut(e->msg, needed);
    err_tidy(e->msg);
    return code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char inner[ERR_MSG_BYTES];
    va_list args;
    int prefix, needed;

    memcpy(inner, e->msg, sizeof(inner));
    va_start(args, fmt);
    prefix = vsnprintf(e->msg, sizeof(e->msg), fmt, args);
    va_end(args);
    if (prefix >= ERR_MSG_BYTES) {
        err_mark_cut(e->msg, prefix);
        err_tidy(e->msg);
        return e->code;
    }
    needed = prefix + snprintf(e->msg + prefix, sizeof(e->msg) - (size_t)prefix,
                          ": %s", inner);
    err_mark_cut(e->msg, needed);
    err_tidy(e->msg);
    return e->code;
}

const char *err_name(int code)
{
    if (code == ERR_NONE)
        return "success";
    if (code > 0 || -code > ERR_COUNT)
        return "unknown";
    return err_table[-code - 1].name;
}

bool err_is_transient(int code)
{
    return code < 0 && -code <= ERR_COUNT && err_table[-code - 1].transient;
}
