/* How a wrong value is reported. */
#define _GNU_SOURCE /* memmem */
#include "config/config_table.h"

#include "base/text.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_BYTES = 100 };

void config_show(struct buf *out, struct str value)
{
    struct buf valid;
    size_t len;

    buf_init(&valid, value.len * 3 + 1);
    utf8_repair(&valid, value);
    value = buf_view(&valid);
    len = utf8_prefix(value, SHOWN_BYTES);
    buf_json_str(out, (struct str){value.p, len});
    if (len < value.len)
        buf_puts(out, "...");
    buf_free(&valid);
}

enum { SECRET_BYTES = 8, TOKEN_BYTES = 20 };

/* Letters and digits mixed, and many of them: no word, no number. */
static bool config_fault_is_like_a_token(struct str s)
{
    bool digits = false, letters = false;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        bool digit = c >= '0' && c <= '9';
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!digit && !letter && strchr("+/=_-", c) == NULL)
            return false;
        digits |= digit;
        letters |= letter;
    }
    return s.len >= TOKEN_BYTES && digits && letters && s.p[0] != '/';
}

static bool config_fault_begins_as_secret(struct str s)
{
    static const char *const marks[] = {
        "sk-", "eyJ", "AIza", "ghp_", "xox", "AKIA", "-----BEGIN", "Bearer "};

    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
        if (s.len > strlen(marks[i]) &&
            memcmp(s.p, marks[i], strlen(marks[i])) == 0)
            return true;
    return false;
}

bool config_is_marked_secret(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((i == 0 || !isalnum((unsigned char)s.p[i - 1])) &&
            config_fault_begins_as_secret((struct str){s.p + i, s.len - i}))
            return true;
    return false;
}

/* Does the value hold that of a variable which is a secret? */
static bool config_fault_holds_a_secret(
    const struct config_reading *r, struct str value)
{
    size_t n;
    const struct config_key *keys = config_keys(&n);

    for (size_t i = 0; i < n; i++) {
        struct str secret = text_trim(str_of(r->get(r->arg, keys[i].name)));

        if (keys[i].secret && secret.len >= SECRET_BYTES &&
            secret.len <= value.len &&
            memmem(value.p, value.len, secret.p, secret.len) != NULL)
            return true;
    }
    return false;
}

/* The user of a URL, known or not, may be a token; so may its query. */
static void config_fault_mask_parts(struct buf *out, struct str s)
{
    const char *scheme = s.len > 3 ? memmem(s.p, s.len, "://", 3) : NULL;
    const char *end = s.p + s.len, *from, *at = NULL, *query;

    if (scheme == NULL) {
        buf_str(out, s);
        return;
    }
    from = scheme + 3;
    query = memchr(from, '?', (size_t)(end - from));
    for (const char *p = from; p < (query != NULL ? query : end); p++)
        if (*p == '@')
            at = p;
    buf_add(out, s.p, (size_t)(from - s.p));
    if (at != NULL) {
        buf_puts(out, "***");
        from = at;
    }
    buf_add(out, from, (size_t)((query != NULL ? query : end) - from));
    if (query != NULL)
        buf_puts(out, "?***");
}

/*
 * A secret is not shown at all, unless it is a database URL that can be parsed,
 * nor is what looks like one in the wrong place; of other values, what a URL
 * may hide.
 */
static void config_fault_show_masked(struct buf *out,
    const struct config_reading *r, const struct config_key *key,
    struct str value)
{
    bool database = key->kind == CONFIG_DATABASE;
    struct buf masked;
    char *z = config_copy(value);

    buf_init(&masked, value.len * 2 + 64);
    if (database && (config_fits(key, value) || strstr(z, "://") == NULL))
        config_mask_url(&masked, z);
    else
        config_fault_mask_parts(&masked, value);
    if (database ? strstr(z, "://") == NULL
                 : key->secret || config_fault_is_like_a_token(value) ||
                       config_is_marked_secret(value) ||
                       config_fault_holds_a_secret(r, value))
        buf_puts(out, "***");
    else
        config_show(out, buf_view(&masked));
    buf_free(&masked);
    free(z);
}

/* Does the message quote what is not shown of the value? */
static bool config_fault_tells_hidden(
    const char *message, struct str shown, struct str value)
{
    struct str told = str_of(message);

    for (size_t i = 0; i + SECRET_BYTES <= value.len; i++) {
        const char *part = value.p + i;

        if (memmem(told.p, told.len, part, SECRET_BYTES) != NULL &&
            (shown.len == 0 ||
                memmem(shown.p, shown.len, part, SECRET_BYTES) == NULL))
            return true;
    }
    return false;
}

void config_fault(struct config_reading *r, const struct config_key *key,
    struct str value, const char *fmt, ...)
{
    char message[ERR_MSG_BYTES];
    struct str shown;
    size_t from;
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    buf_printf(r->problems, "%s=", key->name);
    from = r->problems->len;
    config_fault_show_masked(r->problems, r, key, value);
    shown = (struct str){r->problems->data + from, r->problems->len - from};
    buf_printf(r->problems, ": %s\n",
        config_fault_tells_hidden(message, shown, value)
            ? "is not allowed here; it is not shown, as it may hold a secret"
            : message);
    r->faults++;
}
