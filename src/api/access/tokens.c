#include "api/access/tokens.h"

#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include <stdlib.h>
#include <strings.h>

enum { LOOK_MS = 1000 };

static void tokens_take(struct tokens *t, struct str lines)
{
    struct str line;

    t->n = 0;
    while (text_next_line(&lines, &line) && t->n < TOKENS_MOST) {
        line = text_trim(line);
        if (line.len > 0)
            sha256_of(line, t->digests[t->n++]);
    }
}

void tokens_init(
    struct tokens *t, const char *name, const char *value, const char *path)
{
    *t = (struct tokens){.name = name, .path = path};
    if (value != NULL)
        tokens_take(t, str_of(value));
}

/* The start read the file before it looked at the stamp: the first look reads
 * it again, and finds the same. */
void tokens_reload(struct tokens *t)
{
    struct tokens before = *t;
    struct err err;
    char *value;

    if (t->path == NULL)
        return;
    value = config_reread(t->name, t->path, &t->stamp, &err);
    if (value == NULL) {
        log_warn(NULL, "%s_FILE: %s; the tokens stay as they were", t->name,
            err.msg);
        return;
    }
    tokens_take(t, str_of(value));
    explicit_bzero(value, strlen(value));
    free(value);
    if (t->n != before.n ||
        memcmp(t->digests, before.digests, t->n * SHA256_BYTES) != 0)
        log_info(
            NULL, "%s_FILE has changed: %zu tokens are in use", t->name, t->n);
}

void tokens_refresh(struct tokens *t, uint64_t now_ms)
{
    struct file_stamp stamp;
    struct err err;

    if (t->path == NULL ||
        (t->looked_ms != 0 && now_ms < t->looked_ms + LOOK_MS))
        return;
    t->looked_ms = now_ms;
    if (file_stat(t->path, &stamp, &err) < 0)
        stamp = (struct file_stamp){.device = 0};
    if (file_stamp_same(&stamp, &t->stamp))
        return;
    t->stamp = stamp;
    tokens_reload(t);
}

bool tokens_have(const struct tokens *t, struct str token)
{
    uint8_t digest[SHA256_BYTES];
    bool found = false;

    sha256_of(token, digest);
    for (size_t i = 0; i < t->n; i++) {
        unsigned char differ = 0;

        for (int at = 0; at < SHA256_BYTES; at++)
            differ |= digest[at] ^ t->digests[i][at];
        found |= differ == 0;
    }
    return found;
}
