/*
 * DATABASE_URL, which may have been written for other clients, with parameters
 * that libpq does not know. One table says what becomes of each. All faults
 * are reported at once and in our own words: libpq quotes what it cannot read,
 * which may be part of the password.
 */
#include "net/pg/pg_impl.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { QUERY_BYTES = 64 * 1024, LIST_BYTES = 4096, VALUE_BYTES = 1024 };

enum { SSL_UNSET = -1, SSL_DISABLE = 0, SSL_REQUIRE = 3, SSL_VERIFY_FULL = 5 };

struct url_reading {
    struct buf query;   /* that libpq gets */
    struct buf dropped; /* names, ", " between */
    struct buf faults;  /* "; " between */
    struct buf path;    /* the search_path that is asked for */
    bool vague;         /* the faulty part may belong to the password */
    int mode;           /* sslmode= */
    int implied;        /* by ssl=; counts without sslmode= */
    int floor;          /* the least that must be checked */
};

/* --- words ------------------------------------------------------------- */

static int pg_url_hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = strchr(digits, tolower((unsigned char)c));

    return c == '\0' || at == NULL ? -1 : (int)(at - digits);
}

/* Without %XX; cut to size. */
static void url_decode(struct str s, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len && n + 1 < size; i++) {
        int hi =
            s.p[i] == '%' && i + 2 < s.len ? pg_url_hex_digit(s.p[i + 1]) : -1;
        int lo = hi >= 0 ? pg_url_hex_digit(s.p[i + 2]) : -1;

        out[n++] = lo < 0 ? s.p[i] : (char)(hi * 16 + lo);
        i += lo < 0 ? 0 : 2;
    }
    out[n] = '\0';
}

/* --- faults ------------------------------------------------------------ */

static void url_fault(struct url_reading *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void url_fault(struct url_reading *r, const char *fmt, ...)
{
    char text[LIST_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    buf_printf(&r->faults, "%s%s", r->faults.len > 0 ? "; " : "", text);
}

int pg_url_unreadable(struct err *err)
{
    return err_set(err, ERR_CONFIG,
        "DATABASE_URL is not a connection URL that can be read "
        "(postgresql://user:password@host:port/database): in user and "
        "password, write @ as %%40, : as %%3A, / as %%2F, ? as %%3F, # as "
        "%%23, [ as %%5B, ] as %%5D and %% as %%25");
}

/* --- parameters -------------------------------------------------------- */

static void pg_url_keep_param(
    struct url_reading *r, const char *key, struct str value)
{
    buf_printf(&r->query, "%c%s=%.*s", r->query.len == 0 ? '?' : '&', key,
        STR_ARG(value));
}

static void url_quote_schema(struct buf *path, struct str name)
{
    buf_puts(path, path->len > 0 ? ",\"" : "\"");
    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] == '"')
            buf_char(path, '"');
        buf_char(path, name.p[i]);
    }
    buf_char(path, '"');
}

/* None, one, or, of JDBC's currentSchema, several with commas between. */
static void pg_url_set_schema(
    struct url_reading *r, const char *key, const char *text)
{
    const char *between = strcmp(key, "currentschema") == 0 ? "," : "";

    buf_reset(&r->path);
    while (*text != '\0') {
        size_t len = strcspn(text, between);

        if (len > 0)
            url_quote_schema(&r->path, text_trim((struct str){text, len}));
        text += len + (text[len] != '\0');
    }
}

static void pg_url_ssl_mode_fault(struct url_reading *r, const char *key)
{
    url_fault(r, "%s can be " PG_SSL_MODES, key);
}

static void pg_url_read_ssl_mode(struct url_reading *r, const char *value)
{
    r->mode = pg_ssl_rank(value);
    if (r->mode == SSL_UNSET)
        pg_url_ssl_mode_fault(r, "sslmode");
}

static void pg_url_read_ssl(struct url_reading *r, const char *value)
{
    char word[32];

    pg_word(str_of(value), word, sizeof(word));
    if (pg_word_in(word, "true 1 on yes"))
        r->implied = SSL_REQUIRE;
    else if (pg_word_in(word, "false 0 off no"))
        r->implied = SSL_DISABLE;
    else
        r->implied = pg_ssl_rank(value);
    if (r->implied == SSL_UNSET)
        pg_url_ssl_mode_fault(r, "ssl can be true or false, and sslmode");
}

/* sslaccept=strict, rejectUnauthorized=true, ssl_require=true */
static void pg_url_read_strict(
    struct url_reading *r, const char *key, const char *value)
{
    char word[32];

    pg_word(str_of(value), word, sizeof(word));
    if (!pg_word_in(word, "true 1 on yes strict"))
        return;
    r->floor = strcmp(key, "sslrequire") == 0 ? SSL_REQUIRE : SSL_VERIFY_FULL;
}

static void pg_url_read_target(struct url_reading *r, const char *value)
{
    char word[32];

    pg_word(str_of(value), word, sizeof(word));
    if (pg_word_in(word, "primary master preferprimary"))
        pg_url_keep_param(r, "target_session_attrs", STR("read-write"));
    else if (strcmp(word, "any") != 0)
        url_fault(r, "targetServerType has to be primary: rows are written");
}

/* Later versions of libpq know `system`; ours gets the file it stands for. */
static void pg_url_read_root_certificate(
    struct url_reading *r, struct str value)
{
    static const char *const files[] = {"/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};

    if (!str_eq(value, STR("system"))) {
        pg_url_keep_param(r, "sslrootcert", value);
        return;
    }
    r->floor = SSL_VERIFY_FULL;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (access(files[i], R_OK) == 0) {
            pg_url_keep_param(r, "sslrootcert", str_of(files[i]));
            return;
        }
    url_fault(r, "sslrootcert=system: this system has no list of certificate "
                 "authorities; install ca-certificates or name a file");
}

static void pg_url_keep_checked(
    struct url_reading *r, const char *key, struct str value, const char *text)
{
    const char *allowed = pg_param_allowed(key, text);

    if (allowed != NULL)
        url_fault(r, "%s can be %s", key, allowed);
    else
        pg_url_keep_param(r, key, value);
}

static void pg_url_read_known(struct url_reading *r,
    const struct param_row *row, struct str key, struct str value)
{
    char text[VALUE_BYTES], word[64];

    url_decode(value, text, sizeof(text));
    pg_word(key, word, sizeof(word));
    switch (row->action) {
    case PARAM_KEEP:
        if (strcmp(row->to, "sslmode") == 0)
            pg_url_read_ssl_mode(r, text);
        else if (strcmp(row->to, "sslrootcert") == 0)
            pg_url_read_root_certificate(r, value);
        else
            pg_url_keep_checked(r, row->to, value, text);
        return;
    case PARAM_SCHEMA:
        pg_url_set_schema(r, word, text);
        return;
    case PARAM_PATH:
        buf_reset(&r->path);
        buf_puts(&r->path, text);
        return;
    case PARAM_SSL:
        pg_url_read_ssl(r, text);
        return;
    case PARAM_TARGET:
        pg_url_read_target(r, text);
        return;
    case PARAM_REFUSE:
        url_fault(r, "%.*s is not supported: %s", STR_ARG(key), row->to);
        return;
    case PARAM_STRICT:
        pg_url_read_strict(r, word, text);
        break;
    case PARAM_DROP:
        break;
    }
    buf_printf(
        &r->dropped, "%s%.*s", r->dropped.len > 0 ? ", " : "", STR_ARG(key));
}

/* One key=value of the query. */
static void pg_url_read_param(struct url_reading *r, struct str param)
{
    const char *eq = memchr(param.p, '=', param.len);
    struct str key = {param.p, eq == NULL ? param.len : (size_t)(eq - param.p)};
    struct str value = {param.p + param.len, 0};
    const struct param_row *row;
    char word[64];

    if (param.len == 0)
        return;
    if (eq != NULL)
        value = (struct str){eq + 1, param.len - key.len - 1};
    pg_word(key, word, sizeof(word));
    row = pg_param_find(word);
    if (eq == NULL || memchr(key.p, '@', key.len) != NULL)
        r->vague = true;
    else if (row != NULL)
        pg_url_read_known(r, row, key, value);
    else
        url_fault(r, "the parameter %.*s is not known", STR_ARG(key));
}

static void pg_url_read_query(struct url_reading *r, const char *query)
{
    while (*query != '\0') {
        struct str param = {query, strcspn(query, "&")};

        pg_url_read_param(r, param);
        query += param.len + (query[param.len] == '&');
    }
}

/* The mode that comes of all that was said about it. */
static void pg_url_settle_ssl(struct url_reading *r)
{
    int mode = r->mode != SSL_UNSET ? r->mode : r->implied;

    if (r->floor > mode)
        mode = r->floor;
    if (mode != SSL_UNSET)
        pg_url_keep_param(r, "sslmode", str_of(pg_ssl_mode_name(mode)));
}

/* The value of `-c search_path=...` among a connection's options. */
char *pg_options_path(const char *options)
{
    static const char key[] = "search_path=";
    const char *at = options == NULL ? NULL : strstr(options, key);
    char *path, *out;

    if (at == NULL)
        return NULL;
    path = malloc(strlen(at) + 1);
    if (path == NULL)
        abort();
    out = path;
    for (at += sizeof(key) - 1; *at != '\0' && *at != ' '; at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        *out++ = *at;
    }
    *out = '\0';
    return path;
}

static bool pg_url_setting_can_go(const char *setting)
{
    static const char *const names[] = {"search_path=", "statement_timeout=",
        "lock_timeout=", "idle_in_transaction_session_timeout="};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strncmp(setting, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* -c name=value, -cname=value, --name=value; a backslash escapes a blank. */
bool pg_options_can_go(const char *options)
{
    const char *at = options;

    if (options == NULL)
        return false;
    for (at += strspn(at, " "); *at != '\0'; at += strspn(at, " ")) {
        if (strncmp(at, "-c", 2) != 0 && strncmp(at, "--", 2) != 0)
            return false;
        at += 2;
        at += at[-1] == 'c' ? strspn(at, " ") : 0;
        if (!pg_url_setting_can_go(at))
            return false;
        for (; *at != '\0' && *at != ' '; at++)
            at += *at == '\\' && at[1] != '\0';
    }
    return true;
}

/* --- the whole --------------------------------------------------------- */

/*
 * An @ that was not escaped: the host begins behind the first one, and the rest
 * of the password is taken for the host, the database or a parameter.
 */
static bool pg_url_has_stray_at(const char *head, size_t len)
{
    size_t authority = strcspn(head, "/?");
    const char *first;

    if (authority > len)
        authority = len;
    first = memchr(head, '@', authority);
    if (first != NULL &&
        memchr(first + 1, '@', len - (size_t)(first + 1 - head)))
        return true;
    return first == NULL && memchr(head, '@', len) != NULL;
}

/* The url's first bytes, and what the buffer holds. */
static char *pg_url_take_text(const struct buf *b, const char *url, size_t head)
{
    char *text = malloc(head + b->len + 1);

    if (text == NULL)
        abort();
    memcpy(text, url, head);
    if (b->len > 0)
        memcpy(text + head, b->data, b->len);
    text[head + b->len] = '\0';
    return text;
}

static int url_finish(struct url_reading *r, const char *url, size_t head,
    struct pg_url *out, struct err *err)
{
    if (r->vague || (r->faults.len > 0 && strchr(url + head, '@') != NULL))
        return pg_url_unreadable(err);
    if (r->faults.len > 0)
        return err_set(err, ERR_CONFIG, "DATABASE_URL: %.*s",
            STR_ARG(buf_view(&r->faults)));
    out->dropped = pg_url_take_text(&r->dropped, url, 0);
    out->path = pg_url_take_text(&r->path, url, 0);
    out->clean = pg_url_take_text(&r->query, url, head);
    return 0;
}

int pg_url_read(const char *url, struct pg_url *out, struct err *err)
{
    struct url_reading r = {
        .mode = SSL_UNSET, .implied = SSL_UNSET, .floor = SSL_UNSET};
    bool is_uri = strncmp(url, "postgres://", 11) == 0 ||
                  strncmp(url, "postgresql://", 13) == 0;
    size_t head = is_uri ? strcspn(url, "?") : strlen(url);
    size_t scheme = is_uri ? (size_t)(strstr(url, "://") + 3 - url) : 0;
    int rc;

    *out = (struct pg_url){.clean = NULL};
    buf_init(&r.query, QUERY_BYTES);
    buf_init(&r.dropped, LIST_BYTES);
    buf_init(&r.faults, LIST_BYTES);
    buf_init(&r.path, LIST_BYTES);
    r.vague = is_uri && pg_url_has_stray_at(url + scheme, head - scheme);
    if (url[head] == '?')
        pg_url_read_query(&r, url + head + 1);
    pg_url_settle_ssl(&r);
    rc = url_finish(&r, url, head, out, err);
    buf_free(&r.query);
    buf_free(&r.dropped);
    buf_free(&r.faults);
    buf_free(&r.path);
    return rc;
}

void pg_url_free(struct pg_url *u)
{
    free(u->clean);
    free(u->dropped);
    free(u->path);
    *u = (struct pg_url){.clean = NULL};
}

void pg_url_warn(const char *url)
{
    struct pg_url u;
    struct err err;

    if (pg_url_read(url, &u, &err) < 0)
        return;
    assert(u.dropped != NULL);
    if (u.dropped[0] != '\0')
        log_warn(NULL,
            "DATABASE_URL: ignored, because only other clients use them: %s",
            u.dropped);
    pg_url_free(&u);
}
