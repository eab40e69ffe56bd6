#include "api/access/access.h"

#include "base/list.h"
#include "base/log.h"
#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>

enum {
    ADDRESSES = 256,       /* that are remembered; the oldest one goes */
    NETWORK_BYTES = 8,     /* of an IPv6 address */
    MINUTE_MS = 60 * 1000, /* a failure is forgotten, and the log is written */
    GOOD_MS = 10 * 60 * 1000, /* a right token speaks for its address */
    FREE_FAILURES = 10,       /* that are answered at once */
    STEP_MS = 100,            /* more for each further one */
    MOST_STEPS = 10,
    WAITING_AN_ADDRESS = 4,
    WAITING = 64, /* of all addresses; more are answered at once */
};

struct access_address {
    struct in6_addr address;     /* IPv4 mapped; of IPv6 the network alone */
    uint64_t failed_ms, good_ms; /* the last time; 0: never */
    unsigned failures;           /* in a row, none a minute after another */
    unsigned waiting;
};

struct access {
    struct loop *loop;       /* borrowed */
    struct metrics *metrics; /* borrowed */
    struct tokens admin, viewer;
    struct list waits; /* of struct access_wait.link */
    unsigned nwaits;
    struct timer_req minute;
    uint64_t refused; /* since the last line of the log */
    char last[64];    /* whose was the last one */
    bool draining, closed;
    struct access_address addresses[ADDRESSES];
};

/* An answer that comes later. */
struct access_wait {
    struct list link;
    struct access *access;
    struct access_address *address;
    struct http_exchange *x;
    struct timer_req timer;
    struct auth_refusal refusal;
};

/* Addresses */

static struct in6_addr access_network(const char *peer)
{
    struct in6_addr a = IN6ADDR_ANY_INIT;

    if (inet_pton(AF_INET, peer, a.s6_addr + 12) == 1) {
        a.s6_addr[10] = a.s6_addr[11] = 0xff;
        return a;
    }
    if (inet_pton(AF_INET6, peer, &a) == 1 && !IN6_IS_ADDR_V4MAPPED(&a))
        memset(a.s6_addr + NETWORK_BYTES, 0, 16 - NETWORK_BYTES);
    return a;
}

static uint64_t access_last_ms(const struct access_address *e)
{
    return e->failed_ms > e->good_ms ? e->failed_ms : e->good_ms;
}

/* The entry of the address; a new one takes the place of the oldest that
 * nobody waits for. */
static struct access_address *access_find(struct access *a, const char *peer)
{
    struct in6_addr address = access_network(peer);
    struct access_address *oldest = NULL;

    for (size_t i = 0; i < ADDRESSES; i++) {
        struct access_address *e = &a->addresses[i];

        if (access_last_ms(e) != 0 &&
            memcmp(&e->address, &address, sizeof(address)) == 0)
            return e;
        if (e->waiting == 0 &&
            (oldest == NULL || access_last_ms(e) < access_last_ms(oldest)))
            oldest = e;
    }
    assert(oldest != NULL); /* fewer wait than there are places */
    *oldest = (struct access_address){.address = address};
    return oldest;
}

/* Life's end */

static void access_end(struct access *a)
{
    if (a->closed && a->nwaits == 0 && !op_pending(&a->minute.op))
        free(a);
}

/* The log */

static void on_access_minute(struct op *op)
{
    struct access *a = container_of(op, struct access, minute.op);
    bool more = a->refused > 0;

    if (more)
        log_warn(NULL,
            "HTTP: %llu more requests without the rights they need; the last "
            "one came from %s",
            (unsigned long long)a->refused, a->last);
    a->refused = 0;
    if (more && !a->draining) {
        op_init(&a->minute.op, on_access_minute);
        loop_timer(a->loop, &a->minute, MINUTE_MS);
    }
    access_end(a);
}

/* The first one is told at once, the others of its minute together. */
static void access_note(struct access *a, const struct http_exchange *x)
{
    metrics_http_refused(a->metrics);
    snprintf(a->last, sizeof(a->last), "%s", x->peer);
    if (op_pending(&a->minute.op) || a->draining) {
        a->refused++;
        return;
    }
    log_warn(
        NULL, "HTTP: a request from %s lacks the rights it needs", x->peer);
    op_init(&a->minute.op, on_access_minute);
    loop_timer(a->loop, &a->minute, MINUTE_MS);
}

/* Answers */

void access_answer(struct http_exchange *x, const struct auth_refusal *refusal)
{
    struct http_header_out header = {"WWW-Authenticate", refusal->scheme};

    http_answer_error(
        x, refusal->status, &header, refusal->scheme != NULL, refusal->message);
}

static void access_answer_busy(struct http_exchange *x)
{
    struct http_header_out later = {"Retry-After", "1"};

    http_answer_error(x, 429, &later, 1,
        "too many requests with a wrong token came from this address");
}

static void on_access_wait(struct op *op)
{
    struct access_wait *w = container_of(op, struct access_wait, timer.op);
    struct access *a = w->access;

    list_remove(&w->link);
    a->nwaits--;
    w->address->waiting--;
    access_answer(w->x, &w->refusal);
    free(w);
    access_end(a);
}

static void access_answer_later(struct access *a, struct access_address *e,
    struct http_exchange *x, const struct auth_refusal *refusal)
{
    unsigned steps = e->failures - FREE_FAILURES;
    struct access_wait *w = calloc(1, sizeof(*w));

    if (w == NULL)
        abort();
    *w = (struct access_wait){
        .access = a, .address = e, .x = x, .refusal = *refusal};
    list_push(&a->waits, &w->link);
    a->nwaits++;
    e->waiting++;
    op_init(&w->timer.op, on_access_wait);
    loop_timer(a->loop, &w->timer,
        STEP_MS * (uint64_t)(steps < MOST_STEPS ? steps : MOST_STEPS));
}

static void access_refuse(struct access *a, struct access_address *e,
    struct http_exchange *x, const struct auth_refusal *refusal)
{
    uint64_t now_ms = loop_now_ms(a->loop);

    access_note(a, x);
    if (refusal->guessed) {
        e->failures = now_ms > e->failed_ms + MINUTE_MS ? 1 : e->failures + 1;
        e->failed_ms = now_ms;
    }
    if (refusal->guessed && e->failures > FREE_FAILURES && !a->draining &&
        a->nwaits < WAITING && e->waiting < WAITING_AN_ADDRESS)
        access_answer_later(a, e, x, refusal);
    else
        access_answer(x, refusal);
}

/* Too much at once for its tokens to be looked at? */
static bool access_is_pressed(
    const struct access *a, const struct access_address *e)
{
    bool good = e->good_ms != 0 && loop_now_ms(a->loop) < e->good_ms + GOOD_MS;

    return e->waiting >= WAITING_AN_ADDRESS && !good;
}

enum auth_role access_check(struct access *a, struct http_exchange *x)
{
    struct access_address *e;
    struct auth_refusal refusal;
    enum auth_role role;

    x->role = AUTH_NOBODY;
    if (!auth_is_guarded(x))
        return AUTH_NOBODY;
    e = access_find(a, x->peer);
    if (access_is_pressed(a, e) && http_header(x, "authorization") != NULL) {
        access_note(a, x);
        access_answer_busy(x);
        return AUTH_NOBODY;
    }
    tokens_refresh(&a->admin, loop_now_ms(a->loop));
    tokens_refresh(&a->viewer, loop_now_ms(a->loop));
    role = auth_check(x, &a->admin, &a->viewer, &refusal);
    if (role == AUTH_NOBODY) {
        access_refuse(a, e, x, &refusal);
        return role;
    }
    if (http_header(x, "authorization") != NULL) {
        e->failures = 0;
        e->good_ms = loop_now_ms(a->loop);
    }
    x->role = (int)role;
    return role;
}

/* Life */

struct access *access_new(struct loop *loop, const struct config_http *config,
    struct metrics *metrics)
{
    struct access *a = calloc(1, sizeof(*a));

    if (a == NULL)
        abort();
    a->loop = loop;
    a->metrics = metrics;
    list_init(&a->waits);
    op_init(&a->minute.op, on_access_minute);
    tokens_init(&a->admin, "ADMIN_TOKEN", config->admin_token,
        config->admin_token_file);
    tokens_init(&a->viewer, "VIEWER_TOKEN", config->viewer_token,
        config->viewer_token_file);
    return a;
}

void access_reload(struct access *a)
{
    tokens_reload(&a->admin);
    tokens_reload(&a->viewer);
}

void access_drain(struct access *a)
{
    a->draining = true;
    op_cancel(&a->minute.op);
    list_for_each (node, &a->waits)
        op_cancel(&container_of(node, struct access_wait, link)->timer.op);
}

void access_close(struct access *a)
{
    a->closed = true;
    access_drain(a);
    access_end(a);
}
