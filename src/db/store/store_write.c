/*
 * Storing a chunk: one statement whose parts are data-modifying CTEs, each
 * there only when it has something to do.
 *
 *   fence  holds the service's row by its token until the commit, so that a
 *          new owner waits for this chunk, and this chunk waits for no owner
 *   rows   new and changed texts with their vectors
 *   links  the items of these rows wait to be linked again
 *   meta   rows whose text did not change
 *   trims  pieces that a shorter text no longer has
 *
 * Where the table has triggers, another one follows: what they have made of
 * the rows is what later runs compare with (store_settle.c).
 *
 * Happy path: all parts read the fence's one row; the counts come back.
 * Failures: without the token the fence is empty and no part writes anything
 * (ERR_FENCED); a value that the database refuses undoes all of them.
 * On cancel: the server undoes the statement, unless it was through already.
 */
#include "db/ledger/ledger.h"
#include "db/store/copy/store_copy.h"
#include "db/store/store_part.h"
#include "db/store/store_verify.h"
#include "db/store/vector_hash.h"

#include <stdio.h>
#include <stdlib.h>

enum { SQL_BYTES = 8192 };

static int write_add_ids(struct call *c, const struct part *p)
{
    struct pg_array ids, at;

    if (array_init(&ids, &c->arena, PG_TEXT_ARRAY, 0, p->n, p->id_bytes) < 0 ||
        array_init(&at, &c->arena, PG_INT4_ARRAY, 0, p->n, p->n * 4) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < p->n; i++) {
        array_add(&ids, p->rows[i]->content_id);
        array_add_int4(&at, p->rows[i]->chunk_index);
    }
    call_add(c, array_param(&ids));
    call_add(c, array_param(&at));
    return 0;
}

static int store_write_add_meta(
    struct call *c, const struct part *p, int64_t stored_at_ms)
{
    struct pg_array meta, embed, row;
    char tail[STORED_AT_BYTES];

    part_stored_at(tail, stored_at_ms);
    if (array_init(&meta, &c->arena, PG_JSONB_ARRAY, 0, p->n,
            p->meta_bytes + p->n * (1 + sizeof(tail))) < 0 ||
        array_init(&embed, &c->arena, PG_BYTEA_ARRAY, 0, p->n,
            p->n * SHA256_BYTES) < 0 ||
        array_init(
            &row, &c->arena, PG_BYTEA_ARRAY, 0, p->n, p->n * SHA256_BYTES) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < p->n; i++) {
        const struct store_row *r = p->rows[i];

        struct part_json json = part_json(r->metadata, tail);

        part_json_put(array_grow(&meta, json.bytes), &json);
        memcpy(array_grow(&embed, SHA256_BYTES), r->embed_hash, SHA256_BYTES);
        memcpy(array_grow(&row, SHA256_BYTES), r->row_hash, SHA256_BYTES);
    }
    call_add(c, array_param(&meta));
    call_add(c, array_param(&embed));
    call_add(c, array_param(&row));
    return 0;
}

static int write_add_texts(struct call *c, const struct part *p)
{
    struct pg_array texts;

    if (array_init(&texts, &c->arena, PG_TEXT_ARRAY, 0, p->n, p->text_bytes) <
        0)
        return ERR_NOMEM;
    for (size_t i = 0; i < p->n; i++)
        array_add(&texts, p->rows[i]->content_text);
    call_add(c, array_param(&texts));
    return 0;
}

/* How often each was found changed by another program. */
static int write_add_repairs(struct call *c, const struct part *p)
{
    struct pg_array repairs;

    if (array_init(&repairs, &c->arena, PG_INT4_ARRAY, 0, p->n, p->n * 4) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < p->n; i++)
        array_add_int4(&repairs, p->rows[i]->repairs);
    call_add(c, array_param(&repairs));
    return 0;
}

/* The vectors, and the hashes of texts and vectors. */
static int write_add_vectors(
    struct call *c, const struct part *p, int dimensions)
{
    const struct store *s = store_work(c)->store;
    size_t bytes = vector_bytes(dimensions);
    struct pg_array vectors, hashes;

    if (array_init(&vectors, &c->arena, s->vector_array_oid, s->vector_oid,
            p->n, p->n * bytes) < 0 ||
        array_init(&hashes, &c->arena, PG_BYTEA_ARRAY, 0, p->n,
            p->n * VECTOR_HASH_BYTES) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < p->n; i++) {
        const struct store_row *row = p->rows[i];
        uint8_t *vector = array_grow(&vectors, bytes);
        uint8_t *hash = array_grow(&hashes, VECTOR_HASH_BYTES);

        vector_put(vector, row->vector, dimensions);
        vector_hash_half(row->content_text.p, row->content_text.len, hash);
        vector_hash_half(vector, bytes, hash + VECTOR_HASH_HALF);
    }
    call_add(c, array_param(&vectors));
    call_add(c, array_param(&hashes));
    return 0;
}

/* The same of rows that keep their vector: of their texts alone. */
static int write_add_text_hashes(struct call *c, const struct part *p)
{
    struct pg_array hashes;

    if (array_init(&hashes, &c->arena, PG_BYTEA_ARRAY, 0, p->n,
            p->n * VECTOR_HASH_HALF) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < p->n; i++)
        vector_hash_half(p->rows[i]->content_text.p,
            p->rows[i]->content_text.len,
            array_grow(&hashes, VECTOR_HASH_HALF));
    call_add(c, array_param(&hashes));
    return 0;
}

static int store_write_add_id_time(struct call *c, int64_t ms)
{
    char *text = arena_alloc(&c->arena, ID_TIME_BYTES);

    if (text == NULL)
        return ERR_NOMEM;
    part_id_time(text, ms);
    call_add_text(c, text);
    return 0;
}

static int store_write_add_trims(struct call *c, const struct store_req *req)
{
    struct pg_array ids, from;
    size_t bytes = 0;

    for (size_t i = 0; i < req->ntrims; i++)
        bytes += req->trims[i].content_id.len;
    if (array_init(&ids, &c->arena, PG_TEXT_ARRAY, 0, req->ntrims, bytes) < 0 ||
        array_init(&from, &c->arena, PG_INT4_ARRAY, 0, req->ntrims,
            req->ntrims * 4) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < req->ntrims; i++) {
        array_add(&ids, req->trims[i].content_id);
        array_add_int4(&from, req->trims[i].from);
    }
    call_add(c, array_param(&ids));
    call_add(c, array_param(&from));
    return 0;
}

/* $n stands for the part's first parameter; %d of them follow each other. */
static void store_write_sql_rows(struct buf *sql, int n)
{
    buf_printf(sql,
        ", rows AS (INSERT INTO @.vector_embeddings (id, tenant_id,"
        " microservice_id, content_type, content_id, chunk_index, metadata,"
        " embed_hash, row_hash, content_text, embedding, vector_hash, repairs,"
        " created_at, updated_at, written_at)"
        " SELECT $%d || substr(gen_random_uuid()::text, 16), $2, $3,"
        " 'microservice_data', r.*, fence.now, fence.now, fence.now"
        " FROM fence, unnest($%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d) AS r"
        " ON CONFLICT (tenant_id, microservice_id, content_id, chunk_index)"
        " WHERE content_type = 'microservice_data' DO UPDATE SET"
        " metadata = excluded.metadata, embed_hash = excluded.embed_hash,"
        " row_hash = excluded.row_hash, content_text = excluded.content_text,"
        " embedding = excluded.embedding, vector_hash = excluded.vector_hash,"
        " repairs = excluded.repairs, updated_at = excluded.updated_at,"
        " written_at = excluded.written_at"
        " RETURNING content_id, chunk_index, embed_hash)",
        n + 9, n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8);
}

/*
 * An item each, by the first piece, from the parameters of the rows. One that
 * waits already is touched all the same: its row stays locked until this
 * chunk has committed, so that no linker takes it off for the old vector.
 */
static void store_write_sql_links(struct buf *sql, int n)
{
    buf_printf(sql,
        ", links AS (INSERT INTO @.batch_sync_link_queue AS q (tenant_id,"
        " microservice_id, content_id)"
        " SELECT $2, $3, r.content_id"
        " FROM fence, unnest($%d, $%d) AS r (content_id, chunk_index)"
        " WHERE r.chunk_index = 0"
        " ON CONFLICT (tenant_id, microservice_id, content_id) DO UPDATE SET"
        " queued_at = excluded.queued_at)",
        n, n + 1);
}

/*
 * The vector stays, and so does its half of the hash; a row from before there
 * was one gets it. One that another program has changed since the look-up keeps
 * its time, by which the next run finds it.
 */
static void store_write_sql_meta(
    struct buf *sql, const char *vector_schema, int n)
{
    buf_printf(sql,
        ", meta AS (UPDATE @.vector_embeddings v SET metadata = u.metadata,"
        " embed_hash = u.embed_hash, row_hash = u.row_hash,"
        " content_text = u.content_text, repairs = u.repairs,"
        " written_at = CASE WHEN v.written_at <> v.updated_at"
        "  THEN v.written_at ELSE fence.now END, updated_at = fence.now,"
        " vector_hash = u.text_hash || coalesce(substr(v.vector_hash, %d), ",
        VECTOR_HASH_HALF + 1);
    vector_hash_write_vector_sql(sql, vector_schema, "v");
    buf_printf(sql,
        ") FROM fence, unnest($%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d) AS u"
        " (content_id, chunk_index, metadata, embed_hash, row_hash,"
        " content_text, text_hash, repairs)" STORE_EXISTING
        "= u.chunk_index OFFSET 0) e WHERE " STORE_SAME_ROW " RETURNING 1)",
        n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7);
}

static void store_write_sql_trims(struct buf *sql, int n)
{
    buf_printf(sql,
        ", trims AS (DELETE FROM @.vector_embeddings v"
        " USING fence, unnest($%d, $%d) AS u (content_id, first)" STORE_EXISTING
        ">= u.first OFFSET 0) e WHERE " STORE_SAME_ROW ")",
        n, n + 1);
}

/*
 * How many rows are there now as they were sent: a trigger may leave a row out,
 * or make another one of it, which no look-up would find again. `first`: the
 * parameter with the ids of the rows.
 */
static void write_counts(struct buf *sql, const struct part *rows,
    const struct part *meta, int first)
{
    buf_puts(sql, " SELECT (SELECT count(*) FROM fence), ");
    if (rows->n > 0)
        buf_printf(sql,
            "(SELECT count(*) FROM rows JOIN unnest($%d, $%d, $%d) AS u (id,"
            " at, hash) ON u.id = rows.content_id AND u.at = rows.chunk_index"
            " AND u.hash = rows.embed_hash)",
            first, first + 1, first + 3);
    else
        buf_puts(sql, "0");
    buf_printf(sql, ", %s, " STORE_HAS_TRIGGERS,
        meta->n > 0 ? "(SELECT count(*) FROM meta)" : "0");
}

/* Statement and parameters part by part. */
static int write_build(struct call *c, struct buf *sql)
{
    const struct store_req *req = store_work(c)->req;
    const int *n = &c->stmts[0].nparams;
    struct part rows, meta;
    int first = *n + 1; /* parameter of the rows */

    if (part_init(&rows, &c->arena, req, true) < 0 ||
        part_init(&meta, &c->arena, req, false) < 0)
        return ERR_NOMEM;
    buf_puts(sql, "WITH fence AS MATERIALIZED (SELECT " LEDGER_FENCE_LOCK(
                      "$1") ", now() AT TIME ZONE 'UTC' AS now"
                            " FROM @.batch_sync_service_runs WHERE token = $1"
                            " FOR KEY SHARE)");
    if (rows.n > 0) {
        store_write_sql_rows(sql, *n + 1);
        if (store_work(c)->store->queues_links)
            store_write_sql_links(sql, *n + 1);
        if (write_add_ids(c, &rows) < 0 ||
            store_write_add_meta(c, &rows, req->stored_at_ms) < 0 ||
            write_add_texts(c, &rows) < 0 ||
            write_add_vectors(c, &rows, req->dimensions) < 0 ||
            write_add_repairs(c, &rows) < 0 ||
            store_write_add_id_time(c, req->stored_at_ms) < 0)
            return ERR_NOMEM;
    }
    if (meta.n > 0) {
        store_write_sql_meta(sql, store_work(c)->store->vector_schema, *n + 1);
        if (write_add_ids(c, &meta) < 0 ||
            store_write_add_meta(c, &meta, req->stored_at_ms) < 0 ||
            write_add_texts(c, &meta) < 0 ||
            write_add_text_hashes(c, &meta) < 0 ||
            write_add_repairs(c, &meta) < 0)
            return ERR_NOMEM;
    }
    if (req->ntrims > 0) {
        store_write_sql_trims(sql, *n + 1);
        if (store_write_add_trims(c, req) < 0)
            return ERR_NOMEM;
    }
    write_counts(sql, &rows, &meta, first);
    return sql->error;
}

/*
 * The detail is about one row; what it is refused for is about all alike. A
 * refusal that a single row may have caused (an index of somebody's that takes
 * no value so long, a trigger that raises, row security) is the row's until
 * its neighbours are refused alike.
 */
static bool write_failed(struct call *c)
{
    struct store_req *req = store_work(c)->req;
    struct err *err = &c->pg.op.err;

    snprintf(
        req->fault, sizeof(req->fault), "%s %s", c->pg.sqlstate, c->pg.primary);
    if (pg_blames_row(c->pg.sqlstate))
        err->code = ERR_DATA;
    return false;
}

static void write_take(struct call *c);

static void write_send_upsert(struct call *c)
{
    const struct store_req *req = store_work(c)->req;
    struct buf sql;
    struct str text = {NULL, 0};

    c->on_error = write_failed;
    store_work(c)->take = write_take;
    buf_init(&sql, SQL_BYTES);
    call_stmt(c, NULL, false);
    call_add_text(c, req->scope->token);
    call_add_text(c, req->scope->tenant);
    call_add_text(c, req->scope->microservice_id);
    if (write_build(c, &sql) == 0)
        text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    if (text.p == NULL) {
        store_fail(c, ERR_NOMEM, "storing a chunk");
        return;
    }
    c->stmts[0].sql = text.p;
    if (store_work(c)->store->verifies && verify_add(c, req) < 0) {
        store_fail(c, ERR_NOMEM, "comparing a chunk with what is stored");
        return;
    }
    call_send(c);
}

static size_t store_write_count_with_vector(const struct store_req *req)
{
    size_t n = 0;

    for (size_t i = 0; i < req->nrows; i++)
        n += req->rows[i].vector != NULL;
    return n;
}

/* Fewer rows are there than were sent, and no error says why. */
static void write_judge(
    struct store_req *req, const struct verified *v, struct err *err)
{
    err_clear(err);
    if (v->refused > 0) {
        err_set(err, ERR_DATA,
            "%zu of %zu rows were left out or given another id by a trigger or "
            "a rule of vector_embeddings, or row security hides them",
            v->refused, req->nrows);
        snprintf(req->fault, sizeof(req->fault), "left out");
    } else if (v->gone > 0) {
        err_set(err, ERR_DATABASE,
            "%zu rows to be updated were deleted meanwhile, or left out by a "
            "trigger of vector_embeddings",
            v->gone);
    }
}

/* By the counts of the statement, where nothing is read back. */
static struct verified write_missing(
    const struct store_req *req, size_t rows, size_t meta)
{
    size_t sent = store_write_count_with_vector(req);

    return (struct verified){
        .refused = sent - rows, .gone = req->nrows - sent - meta};
}

static void write_take(struct call *c)
{
    struct store_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[0];
    size_t rows = (size_t)call_int(r, 0, 1), meta = (size_t)call_int(r, 0, 2);
    bool triggers = pg_value(r, 0, 3).p[0] == 't';
    struct verified missing;
    struct err err;

    req->written = rows + meta;
    if (call_int(r, 0, 0) == 0) {
        store_fail(c, ERR_FENCED, "another owner has taken over the service");
        return;
    }
    missing = c->pg.results[1] != NULL ? verify_take(c->pg.results[1], req)
                                       : write_missing(req, rows, meta);
    write_judge(req, &missing, &err);
    if (err.code == 0 && triggers && req->nrows > 0)
        store_settle(c);
    else
        call_end(c, &err);
}

static void write_send(struct call *c)
{
    if (store_copy_fits(c))
        store_copy_send(c, write_send_upsert);
    else
        write_send_upsert(c);
}

void store_write_batch(struct store *s, struct store_req *req)
{
    req->written = 0;
    req->fault[0] = '\0';
    store_start(s, &req->op, req, write_send, write_take);
}
