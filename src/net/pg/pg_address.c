/*
 * Where the servers are: the hosts of the url, and the addresses of a name.
 *
 * Happy path of a look-up: uv_getaddrinfo() in libuv's thread pool, then the
 * addresses as "10.0.0.1,::1" to pg_slot_resolved().
 * Failures: the resolver's, to pg_slot_attempt_failed().
 * Cancel and close: pg_lookup_forget() unties the look-up from its slot; its
 * callback still comes and frees it. The pool counts it until then.
 */
#include "net/pg/pg_impl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

struct pg_lookup {
    uv_getaddrinfo_t req;
    struct pg_pool *pool; /* borrowed; counts us */
    struct pg_slot *slot; /* borrowed; NULL once forgotten */
};

_Static_assert(PG_ADDRESSES_BYTES >= PG_ADDRESSES * (INET6_ADDRSTRLEN + 1), "");

/* Does the host need a resolver: one name, no address, no path? */
static bool address_is_name(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (host[0] == '\0' || host[0] == '/' || host[0] == '@')
        return false;
    return strchr(host, '%') == NULL &&
           inet_pton(AF_INET, host, address) != 1 &&
           inet_pton(AF_INET6, host, address) != 1;
}

/* --- endpoints --------------------------------------------------------- */

static int pg_address_list_count(const char *list)
{
    int n = 1;

    if (list == NULL || list[0] == '\0')
        return 0;
    for (; *list != '\0'; list++)
        n += *list == ',';
    return n;
}

/* The at-th of a comma separated list, or its only one; NULL: empty. */
static char *pg_address_list_copy(const char *list, int at)
{
    char *copy;

    if (pg_address_list_count(list) == 0)
        return NULL;
    for (int i = 0; i < at && pg_address_list_count(list) > 1; i++)
        list += strcspn(list, ",") + 1;
    if (strcspn(list, ",") == 0)
        return NULL;
    copy = strndup(list, strcspn(list, ","));
    if (copy == NULL)
        abort();
    return copy;
}

static bool pg_address_counts_match(int n, int hosts, int addresses, int ports)
{
    return n <= PG_ENDPOINTS && (hosts == 0 || hosts == n) &&
           (addresses == 0 || addresses == n) && (ports <= 1 || ports == n);
}

int pg_endpoints_init(struct pg_pool *pool, struct err *err)
{
    const char *host = pg_params_get(&pool->params, "host");
    const char *hostaddr = pg_params_get(&pool->params, "hostaddr");
    const char *port = pg_params_get(&pool->params, "port");
    int hosts = pg_address_list_count(host),
        addresses = pg_address_list_count(hostaddr);
    int n = addresses > 0 ? addresses : hosts;

    if (n == 0)
        n = 1;
    if (!pg_address_counts_match(
            n, hosts, addresses, pg_address_list_count(port)))
        return err_set(err, ERR_CONFIG,
            "DATABASE_URL: %d hosts, %d addresses and %d ports do not belong "
            "together: as many of each, or one port, and at most %d",
            hosts, addresses, pg_address_list_count(port), PG_ENDPOINTS);
    pool->nendpoints = n;
    for (int i = 0; i < n; i++)
        pool->endpoints[i] = (struct pg_endpoint){pg_address_list_copy(host, i),
            pg_address_list_copy(hostaddr, i), pg_address_list_copy(port, i),
            0};
    return 0;
}

void pg_endpoints_free(struct pg_pool *pool)
{
    for (int i = 0; i < pool->nendpoints; i++) {
        free(pool->endpoints[i].host);
        free(pool->endpoints[i].hostaddr);
        free(pool->endpoints[i].port);
    }
}

int pg_endpoint_pick(const struct pg_pool *pool, uint32_t tried)
{
    uint64_t now_ms = loop_now_ms(pool->loop);
    int last = -1;

    for (int i = 0; i < pool->nendpoints; i++) {
        if ((tried & 1u << i) != 0)
            continue;
        if (pool->endpoints[i].avoid_ms <= now_ms)
            return i;
        if (last < 0)
            last = i;
    }
    return last;
}

void pg_endpoint_avoid(struct pg_slot *slot)
{
    slot->pool->endpoints[slot->attempt.endpoint].avoid_ms =
        loop_now_ms(slot->pool->loop) + PG_AVOID_MS;
}

const char *pg_endpoint_name(const struct pg_endpoint *e)
{
    return e->hostaddr == NULL && e->host != NULL && address_is_name(e->host)
               ? e->host
               : NULL;
}

static void pg_address_add_if(
    struct pg_params *p, const char *key, const char *value)
{
    if (value != NULL)
        pg_params_add(p, key, value);
}

static bool pg_address_is_of_endpoint(const char *key)
{
    return strcmp(key, "host") == 0 || strcmp(key, "hostaddr") == 0 ||
           strcmp(key, "port") == 0;
}

/*
 * Our defaults first, then the url's values: of a repeated key libpq takes the
 * last. The time-outs bound what the kernel waits for: a dead peer, and the
 * thread that asks to cancel.
 */
void pg_params_complete(
    struct pg_params *out, const struct pg_slot *slot, const char *address)
{
    const struct pg_params *url = &slot->pool->params;
    const struct pg_endpoint *e =
        &slot->pool->endpoints[slot->attempt.endpoint];

    *out = (struct pg_params){.n = 0};
    pg_params_add(out, "fallback_application_name", "batchsync");
    pg_params_add(out, "tcp_user_timeout", "15000");
    pg_params_add(out, "keepalives_idle", "10");
    pg_params_add(out, "keepalives_interval", "5");
    pg_params_add(out, "keepalives_count", "3");
    for (int i = 0; i < url->n; i++)
        if (!pg_address_is_of_endpoint(url->keys[i]) &&
            (!slot->attempt.bare || strcmp(url->keys[i], "options") != 0))
            pg_params_add(out, url->keys[i], url->values[i]);
    pg_params_add(out, "client_encoding", "UTF8");
    pg_address_add_if(out, "host", e->host);
    pg_address_add_if(out, "hostaddr", address != NULL ? address : e->hostaddr);
    pg_address_add_if(out, "port", e->port);
}

/* --- look-ups ---------------------------------------------------------- */

/* Comma separated, at most PG_ADDRESSES; `size` bytes hold as many. */
static void pg_address_print_addresses(
    const struct addrinfo *list, char *out, size_t size)
{
    size_t len = 0, n = 0;

    out[0] = '\0';
    for (const struct addrinfo *a = list; a != NULL && n < PG_ADDRESSES;
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

static const char *pg_address_lookup_host(const struct pg_slot *slot)
{
    return slot->pool->endpoints[slot->attempt.endpoint].host;
}

static void pg_address_deliver(
    struct pg_slot *slot, int status, const char *addresses)
{
    struct err err;

    if (status == 0 && addresses[0] != '\0') {
        pg_slot_resolved(slot, addresses);
        return;
    }
    err_set(&err, ERR_UNAVAILABLE, "resolving %s: %s",
        pg_address_lookup_host(slot),
        status == 0 ? "no address" : uv_strerror(status));
    pg_slot_attempt_failed(slot, &err);
}

static void on_pg_address_resolved(
    uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct pg_lookup *lookup = container_of(req, struct pg_lookup, req);
    struct pg_pool *pool = lookup->pool;
    struct pg_slot *slot = lookup->slot;
    char addresses[PG_ADDRESSES_BYTES];

    pg_address_print_addresses(
        status == 0 ? list : NULL, addresses, sizeof(addresses));
    uv_freeaddrinfo(list);
    free(lookup);
    if (slot != NULL) {
        slot->lookup = NULL;
        pg_address_deliver(slot, status, addresses);
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
    rc = uv_getaddrinfo(&slot->pool->loop->uv, &lookup->req,
        on_pg_address_resolved, pg_address_lookup_host(slot), NULL, &hints);
    if (rc < 0) {
        free(lookup);
        return err_set(err, ERR_UNAVAILABLE, "resolving %s: %s",
            pg_address_lookup_host(slot), uv_strerror(rc));
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
