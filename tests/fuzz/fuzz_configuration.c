#define _GNU_SOURCE /* memmem */
/*
 * Lines of NAME=VALUE as an environment: it is read, or each fault is a line
 * that can be shown; and the canary, where a secret of its own holds it, is in
 * none of them. Lines that would have a file read are left out, and the time
 * zone, as a wrong one has all names of zones looked through.
 */
#include "fuzz.h"

#include "config/config.h"
#include <stdio.h>

enum { MOST_NAMES = 16, OUT_BYTES = 1 << 20 };

static const char canary[] = "Qx7Zv9";

struct environment {
    char *lines[MOST_NAMES + 1]; /* owned */
    size_t n;
};

static bool ends_in(struct str s, const char *end)
{
    size_t len = strlen(end);

    return s.len >= len && memcmp(s.p + s.len - len, end, len) == 0;
}

static bool is_secret(struct str name)
{
    size_t n;
    const struct config_key *keys = config_keys(&n);

    for (size_t i = 0; i < n; i++)
        if (str_eq(str_of(keys[i].name), name))
            return keys[i].secret && keys[i].kind != CONFIG_DATABASE;
    return false;
}

/* Only what is a secret as a whole may hold the canary. */
static bool is_usable(struct str line)
{
    struct str value = line, name = take_until(&value, '=');

    if (name.len == line.len || memchr(line.p, '\0', line.len) != NULL)
        return false;
    if (str_eq(name, STR("BATCH_SYNC_TIMEZONE")))
        return false;
    if (ends_in(name, "_FILE") || ends_in(name, "_KEY") ||
        ends_in(name, "_CERT"))
        if (value.len > 0 && (value.p[0] == '/' || value.p[0] == '.'))
            return false;
    return is_secret(name) ||
           memmem(line.p, line.len, canary, sizeof(canary) - 1) == NULL;
}

static void read_lines(struct environment *e, struct str rest)
{
    e->n = 0;
    while (rest.len > 0 && e->n < MOST_NAMES) {
        struct str line = take_until(&rest, '\x1e');

        if (is_usable(line))
            e->lines[e->n++] = text_copy(line);
    }
    e->lines[e->n] = NULL;
}

static const char *look_up(void *arg, const char *name)
{
    const struct environment *e = arg;
    size_t len = strlen(name);

    for (size_t i = 0; i < e->n; i++)
        if (strncmp(e->lines[i], name, len) == 0 && e->lines[i][len] == '=')
            return e->lines[i] + len + 1;
    return NULL;
}

static void check_lines(const struct buf *b)
{
    struct str text = buf_view(b);

    require(b->error == 0);
    require(text.len == 0 || text.p[text.len - 1] == '\n');
    require(utf8_valid(text));
    require(text.len == 0 ||
            memmem(text.p, text.len, canary, sizeof(canary) - 1) == NULL);
}

static void check_config(const struct config *c)
{
    require(c->sync.limit > 0 && c->sync.workers > 0 && c->sync.tries > 0);
    require(c->embedding.dimensions > 0 && c->http.port >= 0);
    require(c->embedding.api_url != NULL && c->http.host != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct environment e;
    struct config c;
    struct buf problems, warnings;
    int rc;

    if (size == 0)
        return 0;
    read_lines(&e, (struct str){(const char *)data + 1, size - 1});
    buf_init(&problems, OUT_BYTES);
    buf_init(&warnings, OUT_BYTES);
    rc = config_read(
        &c, data[0] % 8, look_up, &e, e.lines, &problems, &warnings);
    require((rc == 0) == (problems.len == 0));
    check_lines(&problems);
    check_lines(&warnings);
    if (rc == 0)
        check_config(&c);
    config_free(&c);
    buf_free(&problems);
    buf_free(&warnings);
    for (size_t i = 0; i < e.n; i++)
        free(e.lines[i]);
    return 0;
}
