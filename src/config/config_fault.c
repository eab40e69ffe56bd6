/* How a wrong value is reported. */
#include "config/config_table.h"

#include "base/text.h"
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

/*
 * A URL may contain a password even where none is expected. A secret is not
 * shown at all, unless it is a database URL that can be parsed.
 */
static void show_masked(
    struct buf *out, const struct config_key *key, struct str value)
{
    struct buf masked;
    char *z = config_copy(value);

    buf_init(&masked, value.len * 2 + 64);
    config_mask_url(&masked, z);
    if (key->secret &&
        (key->kind != CONFIG_DATABASE || strstr(z, "://") == NULL))
        buf_puts(out, "***");
    else
        config_show(out, buf_view(&masked));
    buf_free(&masked);
    free(z);
}

void config_fault(struct config_reading *r, const struct config_key *key,
    struct str value, const char *fmt, ...)
{
    char message[ERR_MSG_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    buf_printf(r->problems, "%s=", key->name);
    show_masked(r->problems, key, value);
    buf_printf(r->problems, ": %s\n", message);
    r->faults++;
}
