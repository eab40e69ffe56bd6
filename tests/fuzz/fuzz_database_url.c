/*
 * Any text as DATABASE_URL, and behind a user whose password is the canary: it
 * is understood, or the fault can be shown and does not tell the password.
 */
#include "fuzz.h"

#include "config/config.h"
#include "net/pg/pg_impl.h"

enum { MOST_BYTES = 2048, OUT_BYTES = 1 << 16 };

static const char canary[] = "Qx7Zv9";

static void check_pool(const struct pg_pool *pool)
{
    require(pool->nendpoints >= 1 && pool->nendpoints <= PG_ENDPOINTS);
    require(pool->params.n <= PG_PARAMS);
    require(pool->connect_ms > 0);
    for (int i = 0; i < pool->params.n; i++)
        require(pool->params.keys[i][0] != '\0');
    pg_pool_may_be_plain(pool);
}

/* As a pool reads it; nothing is connected. */
static void read_url(struct loop *loop, const char *url, bool secret)
{
    struct pg_pool *pool;
    struct err err;

    if (pg_pool_init(&pool, loop, url, 1, 0, &err) == 0) {
        check_pool(pool);
        pg_pool_close(pool);
        loop_run(loop);
        return;
    }
    check_err(&err);
    require(err.code == ERR_CONFIG);
    require(!secret || strstr(err.msg, canary) == NULL);
}

static void check_mask(const char *url)
{
    struct buf shown;

    buf_init(&shown, OUT_BYTES);
    config_mask_url(&shown, url);
    require(shown.error == 0 && strstr(shown.data, canary) == NULL);
    buf_free(&shown);
}

static void read_with_password(struct loop *loop, const char *rest)
{
    struct buf url;

    buf_init(&url, OUT_BYTES);
    buf_printf(&url, "postgresql://user:%s@%s", canary, rest);
    read_url(loop, url.data, true);
    check_mask(url.data);
    buf_reset(&url);
    buf_printf(&url, "user=u password=%s %s", canary, rest);
    read_url(loop, url.data, true);
    check_mask(url.data);
    buf_free(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop loop;
    static bool begun;
    struct err err;
    char *text, *path;

    if (!begun)
        require(loop_init(&loop, &err) == 0);
    begun = true;
    if (size > MOST_BYTES)
        return 0;
    text = text_copy((struct str){(const char *)data, size});
    read_url(&loop, text, false);
    if (strstr(text, canary) == NULL)
        read_with_password(&loop, text);
    path = pg_options_path(text);
    require(path == NULL || strlen(path) <= size);
    free(path);
    free(text);
    return 0;
}
