/*
 * Where the server is, and what its errors mean: everything about PostgreSQL
 * that needs no libpq.
 *
 * Happy path of a look-up: uv_getaddrinfo() in libuv's thread pool, then the
 * addresses as "10.0.0.1,::1" to pg_slot_connect().
 * Failures: the resolver's, to pg_slot_fail().
 * Cancel and close: pg_lookup_forget() unties the look-up from its slot; its
 * callback still comes and frees it. The pool counts it until then.
 */
#include "net/pg/pg_impl.h"

#include "base/buf.h"
#include "base/log.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

struct pg_lookup {
    uv_getaddrinfo_t req;
    struct pg_pool *pool; /* borrowed; counts us */
    struct pg_slot *slot; /* borrowed; NULL once forgotten */
};

enum { ADDRESSES_MAX = 8 };
enum { ADDRESSES_BYTES = ADDRESSES_MAX * (INET6_ADDRSTRLEN + 1) };

static bool address_is_foreign(struct str key)
{
    return str_eq(key, STR("pgbouncer")) ||
           str_eq(key, STR("connection_limit")) ||
           str_eq(key, STR("pool_timeout"));
}

/* 1: keep, 0: drop, < 0: refuse. `param` is one key=value of the query. */
static int judge_param(struct str param, struct err *err)
{
    const char *eq = memchr(param.p, '=', param.len);
    size_t len = eq == NULL ? param.len : (size_t)(eq - param.p);
    struct str key = {param.p, len};
    struct str value = {eq == NULL ? param.p + param.len : eq + 1,
        eq == NULL ? 0 : param.len - len - 1};

    if (str_eq(key, STR("schema")) && !str_eq(value, STR("public")))
        return err_set(err, ERR_CONFIG,
            "DATABASE_URL: schema=%.*s is not supported; use ALTER ROLE ... "
            "SET search_path = %.*s instead",
            STR_ARG(value), STR_ARG(value));
    if (!address_is_foreign(key) && !str_eq(key, STR("schema")))
        return 1;
    log_warn(NULL, "DATABASE_URL: ignoring %.*s, which only other clients use",
        STR_ARG(key));
    return 0;
}

/* Appends what is to be kept of the query to out, which has room for it. */
static int clean_query(const char *query, char *out, struct err *err)
{
    char sep = '?';

    while (*query != '\0') {
        struct str param = {query, strcspn(query, "&")};
        int keep = judge_param(param, err);

        if (keep < 0)
            return keep;
        if (keep > 0 && param.len > 0) {
            *out++ = sep;
            memcpy(out, param.p, param.len);
            out += param.len;
            sep = '&';
        }
        query += param.len + (query[param.len] == '&');
    }
    *out = '\0';
    return 0;
}

int pg_clean_url(const char *url, char **out, struct err *err)
{
    bool is_uri = strncmp(url, "postgres://", 11) == 0 ||
                  strncmp(url, "postgresql://", 13) == 0;
    size_t head = is_uri ? strcspn(url, "?") : strlen(url);
    char *copy = malloc(strlen(url) + 2);

    if (copy == NULL)
        abort();
    memcpy(copy, url, head);
    copy[head] = '\0';
    if (url[head] == '?' && clean_query(url + head + 1, copy + head, err) < 0) {
        free(copy);
        return ERR_CONFIG;
    }
    *out = copy;
    return 0;
}

bool pg_param_ok(const char *key, const char *value)
{
    return strcmp(key, "port") != 0 ||
           strspn(value, "0123456789,") == strlen(value);
}

int pg_url_error(const char *message, struct err *err)
{
    if (message != NULL && strstr(message, "URI query parameter") != NULL)
        return err_set(err, ERR_CONFIG, "DATABASE_URL: %.*s",
            (int)strcspn(message, "\n"), message);
    return err_set(err, ERR_CONFIG,
        "DATABASE_URL is not a valid connection URL "
        "(postgresql://user:password@host:port/database); in the user name and "
        "password, percent-encode the characters @ : / ? # [ ] %% (@ as %%40)");
}

bool pg_detail_is_row(const char *sqlstate)
{
    return strcmp(sqlstate, "23502") == 0 || strcmp(sqlstate, "23514") == 0;
}

int pg_error_code(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        int code;
    } table[] = {
        {"08", ERR_UNAVAILABLE},  /* connection exceptions */
        {"53", ERR_UNAVAILABLE},  /* out of connections, memory, disk */
        {"57014", ERR_TIMEOUT},   /* statement_timeout */
        {"55P03", ERR_TIMEOUT},   /* lock_timeout */
        {"57P", ERR_UNAVAILABLE}, /* shutting down, starting up */
        {PG_READ_ONLY, ERR_UNAVAILABLE},
        {"40001", ERR_UNAVAILABLE}, /* serialization failure */
        {"40P01", ERR_UNAVAILABLE}, /* deadlock */
        {"28", ERR_AUTH},
        {"22", ERR_DATA},
        {"23", ERR_DATA},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strncmp(sqlstate, table[i].prefix, strlen(table[i].prefix)) == 0)
            return table[i].code;
    return ERR_DATABASE;
}

void pg_copy_line(char out[ERR_MSG_BYTES], const char *text)
{
    size_t n = 0;

    for (; *text != '\0' && n + 1 < ERR_MSG_BYTES; text++) {
        bool space = *text == '\n' || *text == '\t' || *text == ' ';

        if (!space)
            out[n++] = *text;
        else if (n > 0 && out[n - 1] != ' ')
            out[n++] = ' ';
    }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

void pg_connect_text(const char *full, char out[ERR_MSG_BYTES], char state[6])
{
    static const char *set = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char *location;

    state[0] = '\0';
    pg_copy_line(out, full);
    location = strstr(out, " LOCATION: ");
    if (location != NULL)
        *location = '\0';
    for (const char *at = full; (at = strstr(at, ":  ")) != NULL;) {
        at += 3;
        if (strspn(at, set) != 5 || strncmp(at + 5, ": ", 2) != 0)
            continue;
        memcpy(state, at, 5);
        state[5] = '\0';
    }
}

/* Does the host need a resolver: one name, no address, no path? */
static bool address_is_name(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (host[0] == '\0' || host[0] == '/' || host[0] == '@')
        return false;
    return strchr(host, ',') == NULL && strchr(host, '%') == NULL &&
           inet_pton(AF_INET, host, address) != 1 &&
           inet_pton(AF_INET6, host, address) != 1;
}

void pg_params_add(struct pg_params *p, const char *key, const char *value)
{
    if (p->n == PG_PARAMS)
        return;
    p->keys[p->n] = strdup(key);
    p->values[p->n] = strdup(value);
    if (p->keys[p->n] == NULL || p->values[p->n] == NULL)
        abort();
    p->n++;
}

void pg_params_free(struct pg_params *p)
{
    for (int i = 0; i < p->n; i++) {
        free(p->keys[i]);
        free(p->values[i]);
    }
    *p = (struct pg_params){.n = 0};
}

const char *pg_params_host(const struct pg_params *p)
{
    const char *host = NULL;

    for (int i = 0; i < p->n; i++) {
        if (strcmp(p->keys[i], "hostaddr") == 0)
            return NULL;
        if (strcmp(p->keys[i], "host") == 0)
            host = p->values[i];
    }
    return host != NULL && address_is_name(host) ? host : NULL;
}

/* libpq pairs hosts and addresses: as many names as there are addresses. */
static void add_hosts(
    struct pg_params *p, const char *host, const char *addresses)
{
    size_t len = strlen(host);
    struct buf list;

    buf_init(&list, (len + 1) * ADDRESSES_MAX + 1);
    buf_puts(&list, host);
    for (const char *c = addresses; *c != '\0'; c++)
        if (*c == ',')
            buf_printf(&list, ",%s", host);
    if (list.error != 0)
        abort();
    pg_params_add(p, "host", list.data);
    pg_params_add(p, "hostaddr", addresses);
    buf_free(&list);
}

/*
 * Our wishes first, then the url's: of a repeated key libpq takes the last.
 * The time-outs bound what the kernel waits for: a dead peer, and the thread
 * that asks to cancel.
 */
void pg_params_complete(
    struct pg_params *out, const struct pg_params *url, const char *addresses)
{
    *out = (struct pg_params){.n = 0};
    pg_params_add(out, "fallback_application_name", "batchsync");
    pg_params_add(out, "tcp_user_timeout", "15000");
    pg_params_add(out, "keepalives_idle", "10");
    pg_params_add(out, "keepalives_interval", "5");
    pg_params_add(out, "keepalives_count", "3");
    for (int i = 0; i < url->n; i++)
        pg_params_add(out, url->keys[i], url->values[i]);
    pg_params_add(out, "client_encoding", "UTF8");
    if (addresses != NULL)
        add_hosts(out, pg_params_host(url), addresses);
}

/* Comma separated, at most ADDRESSES_MAX; `size` bytes hold as many. */
static void print_addresses(const struct addrinfo *list, char *out, size_t size)
{
    size_t len = 0, n = 0;

    out[0] = '\0';
    for (const struct addrinfo *a = list; a != NULL && n < ADDRESSES_MAX;
         a = a->ai_next) {
        char one[INET6_ADDRSTRLEN];
        const void *at =
            a->ai_family == AF_INET6
                ? (const void *)&((struct sockaddr_in6 *)a->ai_addr)->sin6_addr
                : (const void *)&((struct sockaddr_in *)a->ai_addr)->sin_addr;

        if (inet_ntop(a->ai_family, at, one, sizeof(one)) == NULL)
            continue;
        len += (size_t)snprintf(
            out + len, size - len, "%s%s", len > 0 ? "," : "", one);
        n++;
    }
}

static void deliver(struct pg_slot *slot, int status, const char *addresses)
{
    struct err err;

    if (status == 0 && addresses[0] != '\0') {
        pg_slot_connect(slot, addresses);
        return;
    }
    err_set(&err, ERR_UNAVAILABLE, "resolving %s: %s",
        pg_params_host(&slot->pool->params),
        status == 0 ? "no address" : uv_strerror(status));
    pg_slot_fail(slot, &err);
}

static void on_resolved(
    uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct pg_lookup *lookup = container_of(req, struct pg_lookup, req);
    struct pg_pool *pool = lookup->pool;
    struct pg_slot *slot = lookup->slot;
    char addresses[ADDRESSES_BYTES];

    print_addresses(status == 0 ? list : NULL, addresses, sizeof(addresses));
    uv_freeaddrinfo(list);
    free(lookup);
    if (slot != NULL) {
        slot->lookup = NULL;
        deliver(slot, status, addresses);
        pg_pool_step(pool);
    }
    pg_pool_release(pool);
}

int pg_lookup_start(struct pg_slot *slot, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct pg_lookup *lookup = calloc(1, sizeof(*lookup));
    int rc;

    if (lookup == NULL)
        abort();
    lookup->pool = slot->pool;
    lookup->slot = slot;
    rc = uv_getaddrinfo(&slot->pool->loop->uv, &lookup->req, on_resolved,
        pg_params_host(&slot->pool->params), NULL, &hints);
    if (rc < 0) {
        free(lookup);
        return err_set(err, ERR_UNAVAILABLE, "resolving %s: %s",
            pg_params_host(&slot->pool->params), uv_strerror(rc));
    }
    slot->lookup = lookup;
    slot->pool->handles++;
    return 0;
}

void pg_lookup_forget(struct pg_lookup *lookup)
{
    lookup->slot = NULL;
    uv_cancel((uv_req_t *)&lookup->req);
}
