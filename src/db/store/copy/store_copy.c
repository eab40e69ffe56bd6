/*
 * Rows whose items the look-up did not find: one simple query of a fence, a
 * COPY of the rows and a COPY of their items' places in the link queue, which
 * the server runs as one transaction. No text of an item is ever part of SQL.
 *
 *   fence  holds the service's row by its token until the commit, and tells the
 *          transaction's time, which the rows get, and whether the table still
 *          takes a COPY. The rows are not begun with before it is there.
 *   rows   made as they are sent, some 64 KiB at a time
 *   links  the same
 *
 * Happy path: the server takes all rows; as many as were sent are there.
 * Failures: a fence without a row is told by itself, and no row is sent
 * (ERR_FENCED). Whatever a COPY is refused for (an id that has come to be there
 * since the look-up, a value, a missing right), the transaction is undone and
 * the rows go by the upsert, which says what is wrong with them. What is not
 * about rows is not tried again for the service. Neither is COPY for ten
 * minutes once it has cost two connections in a row: some poolers know none.
 * On cancel: as db/call.h has it; the COPY is ended as a failed one.
 */
#include "db/store/copy/store_copy.h"

#include "base/log.h"
#include "db/ledger/ledger.h"
#include "db/store/store_part.h"
#include "db/store/vector_hash.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { FENCE, ROWS, LINKS }; /* statements, and their results */
enum { SQL_BYTES = 8192, PIECE_BYTES = 64 * 1024, HEAD_BYTES = 19 };
enum { LOST_MOST = 2, BARRED_MS = 10 * 60 * 1000 }; /* connections in a row */
enum { UUID_BYTES = 36, UUID_TIME = 15, UUID_RANDOM = 10, RANDOM_IDS = 25 };
enum { ROW_FIELDS = 16, LINK_FIELDS = 3 };

/* In the call's arena. */
struct store_copy {
    void (*instead)(struct call *call);
    struct part rows;
    size_t next;    /* of the rows, in the statement at hand */
    int64_t now_us; /* the transaction's, since 2000 */
    bool fenced, unfit;
    uint8_t random[RANDOM_IDS][UUID_RANDOM];
    int random_left;
    char id_time[ID_TIME_BYTES], stored_at[STORED_AT_BYTES];
};

/* --- binary forms ------------------------------------------------------ */

static uint8_t *copy_int16(uint8_t *at, uint16_t value)
{
    value = htons(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}

static uint8_t *copy_int32(uint8_t *at, uint32_t value)
{
    value = htonl(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}

static uint8_t *copy_bytes(uint8_t *at, const void *p, size_t len)
{
    at = copy_int32(at, (uint32_t)len);
    if (len > 0)
        memcpy(at, p, len);
    return at + len;
}

static uint8_t *copy_text(uint8_t *at, const char *z)
{
    return copy_bytes(at, z, strlen(z));
}

static uint8_t *copy_time(uint8_t *at, int64_t us)
{
    at = copy_int32(at, 8);
    at = copy_int32(at, (uint32_t)((uint64_t)us >> 32));
    return copy_int32(at, (uint32_t)us);
}

/* For one id; read for several at once. */
static const uint8_t *copy_random(struct store_copy *k)
{
    if (k->random_left == 0) {
        if (getrandom(k->random, sizeof(k->random), 0) != sizeof(k->random))
            abort();
        k->random_left = RANDOM_IDS;
    }
    return k->random[--k->random_left];
}

/* The time and the version are there; the rest is random, as in
 * gen_random_uuid(). */
static uint8_t *copy_uuid(uint8_t *at, struct store_copy *k)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *random = copy_random(k);
    char text[UUID_BYTES];
    int n = 0;

    memcpy(text, k->id_time, UUID_TIME);
    for (int i = UUID_TIME; i < UUID_BYTES; i++) {
        int digit = random[n / 2] >> 4 * (n % 2) & 15;

        if (i == 18 || i == 23) {
            text[i] = '-';
            continue;
        }
        text[i] = digits[i == 19 ? 8 + (digit & 3) : digit];
        n++;
    }
    return copy_bytes(at, text, UUID_BYTES);
}

static uint8_t *copy_vector(
    uint8_t *at, const struct store_row *row, int dimensions)
{
    size_t bytes = vector_bytes(dimensions);
    uint8_t hash[VECTOR_HASH_BYTES];

    at = copy_int32(at, (uint32_t)bytes);
    vector_put(at, row->vector, dimensions);
    vector_hash_half(row->content_text.p, row->content_text.len, hash);
    vector_hash_half(at, bytes, hash + VECTOR_HASH_HALF);
    return copy_bytes(at + bytes, hash, sizeof(hash));
}

static void copy_row(struct store_copy *k, const struct store_req *req,
    const struct store_row *row, struct buf *out)
{
    static const char type[] = "microservice_data";
    const struct scope *scope = req->scope;
    struct part_json json = part_json(row->metadata, k->stored_at);
    uint8_t *at = buf_grow(
        out, 2 + 4 * ROW_FIELDS + UUID_BYTES + strlen(scope->tenant) +
                 strlen(scope->microservice_id) + strlen(type) +
                 row->content_id.len + 4 + json.bytes + 2 * SHA256_BYTES +
                 row->content_text.len + vector_bytes(req->dimensions) +
                 VECTOR_HASH_BYTES + 2 + 3 * 8);

    if (at == NULL)
        return;
    at = copy_int16(at, ROW_FIELDS);
    at = copy_uuid(at, k);
    at = copy_text(at, scope->tenant);
    at = copy_text(at, scope->microservice_id);
    at = copy_text(at, type);
    at = copy_bytes(at, row->content_id.p, row->content_id.len);
    at = copy_int32(copy_int32(at, 4), (uint32_t)row->chunk_index);
    at = copy_int32(at, (uint32_t)json.bytes);
    part_json_put(at, &json);
    at = copy_bytes(at + json.bytes, row->embed_hash, SHA256_BYTES);
    at = copy_bytes(at, row->row_hash, SHA256_BYTES);
    at = copy_bytes(at, row->content_text.p, row->content_text.len);
    at = copy_vector(at, row, req->dimensions);
    at = copy_int16(copy_int32(at, 2), (uint16_t)row->repairs);
    for (int i = 0; i < 3; i++)
        at = copy_time(at, k->now_us);
}

/* An item each, by its first piece. */
static void copy_link(struct store_copy *k, const struct store_req *req,
    const struct store_row *row, struct buf *out)
{
    const struct scope *scope = req->scope;
    uint8_t *at;

    (void)k;
    if (row->chunk_index > 0)
        return;
    at =
        buf_grow(out, 2 + 4 * LINK_FIELDS + strlen(scope->tenant) +
                          strlen(scope->microservice_id) + row->content_id.len);
    if (at == NULL)
        return;
    at = copy_int16(at, LINK_FIELDS);
    at = copy_text(at, scope->tenant);
    at = copy_text(at, scope->microservice_id);
    copy_bytes(at, row->content_id.p, row->content_id.len);
}

/* --- feeding ----------------------------------------------------------- */

static bool copy_take_fence(struct store_copy *k, const struct pg_result *r)
{
    k->fenced = pg_rows(r) == 0;
    if (k->fenced)
        return false;
    k->now_us = call_int(r, 0, 1);
    k->unfit = pg_value(r, 0, 2).p[0] != 't';
    return !k->unfit;
}

static enum pg_copy_step on_copy_next(
    struct pg_req *pg, int at, struct buf *out)
{
    static const char head[HEAD_BYTES] = "PGCOPY\n\377\r\n";
    struct call *c = container_of(pg, struct call, pg);
    struct store_copy *k = store_work(c)->copy;
    const struct store_req *req = store_work(c)->req;

    buf_reserve(out, PIECE_BYTES + PIECE_BYTES / 4);
    if (k->next == 0) {
        if (!copy_take_fence(k, pg->results[FENCE]))
            return PG_COPY_STOP;
        buf_add(out, head, sizeof(head));
    }
    while (k->next < k->rows.n && out->len < PIECE_BYTES && out->error == 0)
        (at == ROWS ? copy_row : copy_link)(
            k, req, k->rows.rows[k->next++], out);
    if (k->next < k->rows.n)
        return PG_COPY_MORE;
    k->next = 0;
    buf_add(out, "\377\377", 2);
    return PG_COPY_END;
}

/* --- the query --------------------------------------------------------- */

/* Of the database's making, and so fit to stand in a query. */
static bool copy_token_is_plain(const char *token)
{
    for (const char *c = token; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && *c != '-')
            return false;
    return token[0] != '\0';
}

bool store_copy_is_barred(const struct store *s)
{
    return s->copies_lost >= LOST_MOST &&
           loop_now_ms(s->loop) - s->lost_ms < BARRED_MS;
}

bool store_copy_fits(const struct call *c)
{
    const struct store *s = store_work((struct call *)c)->store;
    const struct store_req *req = store_work((struct call *)c)->req;

    if (!s->copies || req->nrows == 0 || req->ntrims > 0 ||
        !copy_token_is_plain(req->scope->token))
        return false;
    for (size_t i = 0; i < req->nrows; i++)
        if (!req->rows[i].fresh || req->rows[i].vector == NULL)
            return false;
    return true;
}

#define EPOCH_2000_US "946684800000000"

static struct str copy_sql(struct call *c)
{
    const struct store_req *req = store_work(c)->req;
    const char *token = req->scope->token;
    struct buf sql;
    struct str text;

    buf_init(&sql, SQL_BYTES);
    buf_printf(&sql,
        "SELECT " LEDGER_FENCE_LOCK(
            "'%s'") ","
                    " (extract(epoch FROM now())"
                    "  * 1000000)::bigint - " EPOCH_2000_US ","
                    " NOT (" VERIFY_NEEDED ") FROM @.batch_sync_service_runs"
                    " WHERE token = '%s' FOR KEY SHARE;"
                    " COPY @.vector_embeddings (id, tenant_id, microservice_id,"
                    "  content_type, content_id, chunk_index, metadata,"
                    "  embed_hash, row_hash, content_text, embedding,"
                    "  vector_hash, repairs, created_at, updated_at,"
                    "  written_at) FROM STDIN (FORMAT binary)",
        token, token);
    if (store_work(c)->store->queues_links)
        buf_puts(&sql,
            "; COPY @.batch_sync_link_queue (tenant_id, microservice_id,"
            " content_id) FROM STDIN (FORMAT binary)");
    text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    return text;
}

/* Is the fault one of rows? Then other rows are copied all the same. */
static bool copy_blames_rows(const char *sqlstate)
{
    return strncmp(sqlstate, "22", 2) == 0 || strncmp(sqlstate, "23", 2) == 0;
}

/* Is the next one worth a try? */
static void copy_note_failure(struct store *s, struct call *c)
{
    const struct err *err = &c->pg.op.err;

    if (store_work(c)->copy->unfit) {
        s->copies = false;
        s->verifies = true;
    } else if (err->code == ERR_UNAVAILABLE && c->pg.sqlstate[0] == '\0') {
        s->copies_lost++;
        s->lost_ms = loop_now_ms(s->loop);
        s->copies = s->copies_lost < LOST_MOST;
    } else if (c->pg.failed_at >= ROWS && !err_is_transient(err->code)) {
        s->copies = copy_blames_rows(c->pg.sqlstate);
    }
    if (!s->copies)
        log_info(NULL, "new rows are stored without COPY: %s",
            store_work(c)->copy->unfit
                ? "vector_embeddings has a trigger or row security by now"
                : err->msg);
}

static bool copy_failed(struct call *c)
{
    struct store_copy *k = store_work(c)->copy;
    struct err *err = &c->pg.op.err;

    if (k->fenced) {
        err_set(err, ERR_FENCED, "another owner has taken over the service");
        return false;
    }
    copy_note_failure(store_work(c)->store, c);
    if (!k->unfit && (c->pg.failed_at < ROWS || err_is_transient(err->code)))
        return false;
    k->instead(c);
    return true;
}

static void copy_take(struct call *c)
{
    struct store_req *req = store_work(c)->req;

    req->written = (uint64_t)pg_affected(c->pg.results[ROWS]);
    store_work(c)->store->copies_lost = 0;
    call_end(c, NULL);
}

void store_copy_send(struct call *c, void (*instead)(struct call *call))
{
    const struct store_req *req = store_work(c)->req;
    struct store_copy *k = arena_calloc(&c->arena, 1, sizeof(*k));
    struct str sql;

    if (k == NULL || part_init(&k->rows, &c->arena, req, true) < 0) {
        store_fail(c, ERR_NOMEM, "storing a chunk");
        return;
    }
    k->instead = instead;
    part_id_time(k->id_time, req->stored_at_ms);
    part_stored_at(k->stored_at, req->stored_at_ms);
    store_work(c)->copy = k;
    store_work(c)->take = copy_take;
    c->on_error = copy_failed;
    sql = copy_sql(c);
    if (sql.p == NULL)
        store_fail(c, ERR_NOMEM, "storing a chunk");
    else
        call_send_copy(c, sql.p, on_copy_next);
}
