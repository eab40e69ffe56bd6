/* One value, parsed as its row of the table requires. */
#include "config/config_table.h"

#include "base/text.h"
#include <stdlib.h>
#include <strings.h>

char *config_copy(struct str s)
{
    char *z = malloc(s.len + 1);

    if (z == NULL)
        abort();
    if (s.len > 0)
        memcpy(z, s.p, s.len);
    z[s.len] = '\0';
    return z;
}

static bool config_value_same_word(struct str s, struct str word)
{
    return s.len == word.len && strncasecmp(s.p, word.p, s.len) == 0;
}

/* The place of s in "one|other", < 0 when it is not there. */
static int config_value_choice_of(struct str s, const char *choices)
{
    for (int i = 0;; i++) {
        size_t len = strcspn(choices, "|");

        if (config_value_same_word(s, (struct str){choices, len}))
            return i;
        if (choices[len] == '\0')
            return -1;
        choices += len + 1;
    }
}

static int value_set_bool(bool *to, struct str s)
{
    /* Words that mean true are at even places. */
    int place = config_value_choice_of(s, "true|false|1|0|yes|no|on|off");

    if (place < 0)
        return ERR_INVALID;
    *to = place % 2 == 0;
    return 0;
}

static int config_value_set_choice(int *to, struct str s, const char *choices)
{
    int place = config_value_choice_of(s, choices);

    if (place < 0)
        return ERR_INVALID;
    *to = place;
    return 0;
}

static int config_value_set_int(int *to, struct str s, int least, int most)
{
    long value = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || value > most)
            return ERR_INVALID;
        value = value * 10 + (s.p[i] - '0');
    }
    if (s.len == 0 || value < least || value > most)
        return ERR_INVALID;
    *to = (int)value;
    return 0;
}

static bool config_value_begins(struct str s, const char *z)
{
    return s.len >= strlen(z) && strncasecmp(s.p, z, strlen(z)) == 0;
}

/* In a keyword=value string the first = comes before any URL. */
static bool config_value_is_database(struct str s)
{
    if (config_value_begins(s, "postgres://") ||
        config_value_begins(s, "postgresql://"))
        return true;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '=')
            return i > 0;
        if (s.p[i] == ':')
            return false;
    }
    return false;
}

/* A value must not be able to add another header. */
static bool config_value_is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return true;
}

/* A line each; there is one at least. */
static bool config_is_tokens(struct str s)
{
    struct str line;
    size_t n = 0;

    while (text_next_line(&s, &line)) {
        line = text_trim(line);
        if (!config_value_is_token(line))
            return false;
        n += line.len > 0;
    }
    return n > 0;
}

static bool config_is_name(struct str s)
{
    for (size_t i = 0; i + 3 <= s.len; i++)
        if (memcmp(s.p + i, "://", 3) == 0)
            return false;
    return !config_is_marked_secret(s);
}

bool config_fits(const struct config_key *key, struct str s)
{
    switch (key->kind) {
    case CONFIG_HTTP_URL:
        return config_is_http_url(s);
    case CONFIG_ADDRESS:
        return config_is_address(s);
    case CONFIG_API_URL:
        return config_is_api_url(s);
    case CONFIG_DATABASE:
        return config_value_is_database(s);
    case CONFIG_NAME:
        return config_is_name(s);
    case CONFIG_TOKEN:
        return config_value_is_token(s);
    case CONFIG_TOKENS:
        return config_is_tokens(s);
    default:
        return true;
    }
}

static int value_set_text(char **to, const struct config_key *key, struct str s)
{
    bool is_url = key->kind == CONFIG_HTTP_URL || key->kind == CONFIG_ADDRESS ||
                  key->kind == CONFIG_API_URL;

    if (!config_fits(key, s))
        return ERR_INVALID;
    while (is_url && s.p[s.len - 1] == '/')
        s.len--;
    if (to == NULL)
        return 0;
    free(*to);
    *to = key->kind == CONFIG_ADDRESS ? config_http_url(s) : config_copy(s);
    return 0;
}

int config_set(
    struct config_raw *raw, const struct config_key *key, struct str value)
{
    void *member = (char *)raw + key->member;

    switch (key->kind) {
    case CONFIG_BOOL:
        return value_set_bool(member, value);
    case CONFIG_INT:
        return config_value_set_int(member, value, key->least, key->most);
    case CONFIG_CHOICE:
        return config_value_set_choice(member, value, key->choices);
    default:
        return value_set_text(member, key, value);
    }
}

static void config_value_allowed_choices(struct buf *out, const char *choices)
{
    buf_puts(out, "one of ");
    for (; *choices != '\0'; choices++) {
        if (*choices == '|')
            buf_puts(out, ", ");
        else
            buf_char(out, *choices);
    }
}

void config_allowed(struct buf *out, const struct config_key *key)
{
    switch (key->kind) {
    case CONFIG_BOOL:
        buf_puts(out, "one of true, false, 1, 0, yes, no, on, off");
        break;
    case CONFIG_INT:
        buf_printf(out, "a whole number from %d to %d", key->least, key->most);
        break;
    case CONFIG_CHOICE:
        config_value_allowed_choices(out, key->choices);
        break;
    case CONFIG_HTTP_URL:
        buf_puts(out, "a URL that starts with http:// or https://");
        break;
    case CONFIG_ADDRESS:
        buf_puts(out, "a host with or without a port, or a URL that begins "
                      "with http:// or https://");
        break;
    case CONFIG_API_URL:
        buf_puts(out, "a URL that begins with http:// or https://, or "
                      "unix:/path/of/socket");
        break;
    case CONFIG_DATABASE:
        buf_puts(out, "a URL that starts with postgres:// or postgresql://, or "
                      "a keyword=value string");
        break;
    case CONFIG_TOKEN:
        buf_puts(out, "visible ASCII characters without spaces");
        break;
    case CONFIG_TOKENS:
        buf_puts(out, "visible ASCII characters without spaces; several are "
                      "on a line each");
        break;
    case CONFIG_NAME:
        buf_puts(out, "a name: no URL, and no key");
        break;
    case CONFIG_TEXT:
    case CONFIG_VERBATIM:
        buf_puts(out, "any text");
        break;
    }
}
