/*
 * The pool: transactions wait in one line, oldest first; an idle connection
 * takes the first, and while more wait than connections are on their way,
 * another one is opened, up to the pool's size.
 *
 * Happy path: pg_send() puts the transaction in line and pg_pool_step() hands
 * it to a connection; the answer ends in pg.c, which calls pg_pool_step()
 * again. Failures: a connection that breaks ends its own transaction and
 * leaves a slot that is off. A failed connect ends all that wait, unless
 * another connection is alive to serve them: then it is tried again after a
 * second. Where the server has no room for more, pg_share.c decides. A line may
 * be bounded: who finds it full, or has waited in it for too long, is told to
 * come again (ERR_BUSY). On cancel: a waiting transaction ends at once, a
 * running one when the server has stopped it, or after PG_CANCEL_MS without its
 * connection. On close: all transactions end with ERR_CANCELED, all connections
 * are closed; the memory goes with the last callback of libuv.
 */
#include "net/pg/pg_impl.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_TICK_MS = 100, LINE_AGAIN_MS = 2000 };

/* A host that says nothing costs as much. */
static int pg_pool_connect_ms(const struct pg_params *p)
{
    const char *value = pg_params_get(p, "connect_timeout");
    int s = value == NULL ? 0 : (int)strtol(value, NULL, 10);

    return (s > 0 && s < 3600 ? s : PG_CONNECT_S) * 1000;
}

static int pg_pool_read_url(
    struct pg_pool *pool, const char *url, struct err *err)
{
    struct pg_url u;

    if (pg_url_read(url, &u, err) == 0 &&
        pg_parse_url(u.clean, &pool->params, err) == 0 &&
        pg_endpoints_init(pool, err) == 0) {
        pool->connect_ms = pg_pool_connect_ms(&pool->params);
        pool->path =
            u.path[0] != '\0'
                ? strdup(u.path)
                : pg_options_path(pg_params_get(&pool->params, "options"));
    }
    pg_url_free(&u);
    return err->code;
}

static void pg_pool_free_url(struct pg_pool *pool)
{
    pg_params_free(&pool->params);
    pg_endpoints_free(pool);
    free(pool->path);
}

const char *pg_pool_path(const struct pg_pool *pool)
{
    return pool->path;
}

void pg_pool_set_schema(struct pg_pool *pool, const char *quoted)
{
    snprintf(pool->schema, sizeof(pool->schema), "%s", quoted);
}

/* A socket's path, or an address or name of this machine. */
static bool pool_is_here(const char *host)
{
    return host == NULL || host[0] == '\0' || host[0] == '/' ||
           host[0] == '@' || strcmp(host, "localhost") == 0 ||
           strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

bool pg_pool_may_be_plain(const struct pg_pool *pool)
{
    const char *mode = pg_params_get(&pool->params, "sslmode");

    if (mode != NULL &&
        (strcmp(mode, "require") == 0 || strncmp(mode, "verify-", 7) == 0))
        return false;
    for (int i = 0; i < pool->nendpoints; i++) {
        const struct pg_endpoint *e = &pool->endpoints[i];

        if (!pool_is_here(e->hostaddr != NULL ? e->hostaddr : e->host))
            return true;
    }
    return false;
}

const char *pg_pool_schema(const struct pg_pool *pool)
{
    return pool->schema;
}

int pg_pool_init(struct pg_pool **out, struct loop *loop, const char *url,
    int size, int timeout_ms, struct err *err)
{
    struct pg_pool *pool =
        calloc(1, sizeof(*pool) + (size_t)size * sizeof(struct pg_slot));

    if (pool == NULL)
        abort();
    err_clear(err);
    pool->loop = loop;
    if (pg_pool_read_url(pool, url, err) < 0) {
        pg_pool_free_url(pool);
        free(pool);
        return err->code;
    }
    pool->timeout_ms = timeout_ms;
    pool->nslots = size;
    list_init(&pool->waiting);
    uv_timer_init(&loop->uv, &pool->line);
    pool->line.data = pool;
    pool->handles++;
    for (int i = 0; i < size; i++) {
        pool->slots[i].pool = pool;
        uv_timer_init(&loop->uv, &pool->slots[i].timer);
        pool->handles++;
    }
    *out = pool;
    return 0;
}

void pg_pool_release(struct pg_pool *pool)
{
    if (--pool->handles > 0)
        return;
    assert(pool->closing);
    pg_pool_free_url(pool);
    free(pool);
}

static void on_pg_pool_line_closed(uv_handle_t *handle)
{
    pg_pool_release(handle->data);
}

static void on_pg_pool_timer_closed(uv_handle_t *handle)
{
    struct pg_slot *slot =
        container_of((uv_timer_t *)handle, struct pg_slot, timer);

    pg_pool_release(slot->pool);
}

static void pg_pool_fail_waiting(struct pg_pool *pool, const struct err *err)
{
    struct list *node;

    while ((node = list_pop(&pool->waiting)) != NULL)
        op_finish(&container_of(node, struct pg_req, link)->op, err);
}

void pg_pool_close(struct pg_pool *pool)
{
    struct err err;

    if (pool == NULL)
        return;
    pool->closing = true;
    pg_share_leave(pool);
    uv_close((uv_handle_t *)&pool->line, on_pg_pool_line_closed);
    err_set(&err, ERR_CANCELED, "the connections are being closed");
    pg_pool_fail_waiting(pool, &err);
    for (int i = 0; i < pool->nslots; i++) {
        pg_slot_drop(&pool->slots[i], &err);
        uv_close((uv_handle_t *)&pool->slots[i].timer, on_pg_pool_timer_closed);
    }
}

static int pg_pool_count_state(const struct pg_pool *pool, enum pg_state state)
{
    int n = 0;

    for (int i = 0; i < pool->nslots; i++)
        n += pool->slots[i].state == state;
    return n;
}

static struct pg_slot *pg_pool_find_state(
    struct pg_pool *pool, enum pg_state state)
{
    for (int i = 0; i < pool->nslots; i++)
        if (pool->slots[i].state == state)
            return &pool->slots[i];
    return NULL;
}

static bool pg_pool_all_off(const struct pg_pool *pool)
{
    return pg_pool_count_state(pool, PG_OFF) == pool->nslots;
}

void pg_pool_connect_failed(struct pg_pool *pool, const struct err *err)
{
    struct err why = *err;

    pool->hold_ms = loop_now_ms(pool->loop) + PG_HOLD_MS;
    pool->refused = why.code == ERR_BUSY;
    if (pool->refused) {
        why.code = ERR_UNAVAILABLE;
        if (pg_share_take(pool))
            return;
    }
    if (pg_pool_all_off(pool))
        pg_pool_fail_waiting(pool, &why);
}

/* Waiting transactions for which no connection is on its way; at most nslots.
 */
static int pg_pool_count_unserved(const struct pg_pool *pool)
{
    int n = -pg_pool_count_state(pool, PG_RESOLVING) -
            pg_pool_count_state(pool, PG_CONNECTING);

    list_for_each (node, &pool->waiting) {
        if (n == pool->nslots)
            break;
        n++;
    }
    return n;
}

static void pg_pool_open_more(struct pg_pool *pool)
{
    for (int n = pg_pool_count_unserved(pool); n > 0; n--) {
        struct pg_slot *slot = pg_pool_find_state(pool, PG_OFF);

        if (slot == NULL)
            return;
        if ((pool->refused || !pg_pool_all_off(pool)) &&
            loop_now_ms(pool->loop) < pool->hold_ms)
            return;
        pg_slot_open(slot);
    }
}

/* --- the line ---------------------------------------------------------- */

void pg_pool_bound(struct pg_pool *pool, int most, int wait_ms)
{
    pool->most = most;
    pool->wait_ms = wait_ms;
}

static void pg_pool_end_busy(struct pg_pool *pool, struct pg_req *req)
{
    struct err err;

    err_set(&err, ERR_BUSY,
        pool->refused
            ? "the database server allows no further connections for this role "
              "(max_connections, or a CONNECTION LIMIT); ask again later"
            : "too many requests read from the database at once; ask again "
              "later");
    err.retry_after_ms = LINE_AGAIN_MS;
    op_finish(&req->op, &err);
}

/* A first connect has a time limit of its own. */
static bool pg_pool_is_first_connect(const struct pg_pool *pool)
{
    return !pool->refused && pg_pool_count_state(pool, PG_IDLE) +
                                     pg_pool_count_state(pool, PG_BUSY) ==
                                 0;
}

/* Ends the transactions that have been in line for too long. */
static void pg_pool_line_expire(struct pg_pool *pool)
{
    uint64_t now_ms = loop_now_ms(pool->loop);

    while (!list_empty(&pool->waiting)) {
        struct pg_req *req =
            container_of(pool->waiting.next, struct pg_req, link);

        if (now_ms - req->since_ms < (uint64_t)pool->wait_ms)
            return;
        list_remove(&req->link);
        pg_pool_end_busy(pool, req);
    }
}

static void on_pg_pool_line(uv_timer_t *timer)
{
    struct pg_pool *pool = timer->data;

    if (pool->wait_ms > 0 && !pg_pool_is_first_connect(pool))
        pg_pool_line_expire(pool);
    pg_pool_step(pool);
}

/* Nothing else may happen before a bound is reached or a pause is over. */
static void pg_pool_line_watch(struct pg_pool *pool)
{
    bool needed =
        !list_empty(&pool->waiting) && (pool->wait_ms > 0 || pool->refused);

    if (needed && !uv_is_active((uv_handle_t *)&pool->line))
        uv_timer_start(&pool->line, on_pg_pool_line, LINE_TICK_MS, 0);
}

void pg_pool_step(struct pg_pool *pool)
{
    struct pg_slot *slot;

    if (pool->closing)
        return;
    while (!list_empty(&pool->waiting) &&
           (slot = pg_pool_find_state(pool, PG_IDLE)) != NULL) {
        struct list *node = list_take(&pool->waiting);

        pool->refused = false;
        if (!pg_slot_begin(slot, container_of(node, struct pg_req, link)))
            list_push(pool->waiting.next, node);
    }
    pg_pool_open_more(pool);
    pg_pool_line_watch(pool);
}

static bool pg_pool_line_is_full(struct pg_pool *pool)
{
    int n = 0;

    if (pool->most == 0 || pg_pool_find_state(pool, PG_IDLE) != NULL)
        return false;
    list_for_each (node, &pool->waiting)
        n++;
    return n >= pool->most;
}

static void pg_pool_req_cancel(struct op *op)
{
    struct pg_req *req = container_of(op, struct pg_req, op);

    if (req->conn != NULL) {
        pg_slot_cancel(req->conn);
        return;
    }
    list_remove(&req->link);
    op_finish(op, NULL);
}

void pg_send(struct pg_pool *pool, struct pg_req *req)
{
    assert(!pool->closing && req->nstmts <= PG_UNIT_STMTS);
    assert(req->script != NULL || req->nstmts > 0);
    memset(req->results, 0, sizeof(req->results));
    req->sqlstate[0] = req->primary[0] = '\0';
    req->failed_at = -1;
    req->conn = NULL;
    op_begin(&req->op, &pool->loop->ready, pg_pool_req_cancel);
    req->since_ms = loop_now_ms(pool->loop);
    if (pg_pool_line_is_full(pool)) {
        pg_pool_end_busy(pool, req);
        return;
    }
    list_push(&pool->waiting, &req->link);
    pg_pool_step(pool);
}

bool pg_start_thread(void *(*fn)(void *arg), void *arg)
{
    sigset_t all, before;
    pthread_t thread;
    bool ok;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = pthread_create(&thread, NULL, fn, arg) == 0;
    if (ok)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}
