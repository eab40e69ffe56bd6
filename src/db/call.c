#include "db/call.h"

#include "db/table_schema.h"
#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { CALL_SQL_BYTES = 2 * 1024 * 1024 };

static void on_call_transaction(struct op *op);

static void on_call_cancel(struct op *op)
{
    struct call *c = container_of(op->link.next, struct call, ops);

    op_cancel(&c->pg.op);
}

struct call *call_new(struct pg_pool *pool, struct loop *loop, struct op *op,
    void (*step)(struct call *call), size_t data_bytes)
{
    struct call *c = calloc(1, sizeof(*c));

    if (c == NULL)
        abort();
    c->pool = pool;
    c->op = op;
    c->step = step;
    arena_init(&c->arena, 0);
    c->data = arena_calloc(&c->arena, 1, data_bytes);
    if (c->data == NULL)
        abort();
    op_begin(op, &loop->ready, on_call_cancel);
    list_init(&c->ops);
    list_push(&c->ops, &op->link);
    return c;
}

void call_stmt(struct call *c, const char *sql, bool binary_result)
{
    int at = c->pg.nstmts++;

    assert(at < PG_UNIT_STMTS);
    c->stmts[at] = (struct pg_stmt){
        .sql = sql, .params = c->params[at], .binary_result = binary_result};
}

void call_add(struct call *c, struct pg_param param)
{
    int at = c->pg.nstmts - 1;

    assert(c->stmts[at].nparams < CALL_PARAMS);
    c->params[at][c->stmts[at].nparams++] = param;
}

void call_add_text(struct call *c, const char *z)
{
    call_add(c, (struct pg_param){.type = PG_TEXT, .data = z});
}

void call_add_int(struct call *c, int64_t value)
{
    char *text = arena_alloc(&c->arena, 24);

    if (text == NULL)
        abort();
    snprintf(text, 24, "%lld", (long long)value);
    call_add(c, (struct pg_param){.type = PG_INT8, .data = text});
}

void call_add_bool(struct call *c, bool value)
{
    call_add(c,
        (struct pg_param){.type = PG_BOOL, .data = value ? "true" : "false"});
}

/* --- the schema -------------------------------------------------------- */

static const char mark[] = "@.";

/* Is the place within a literal that begins just before it? */
static void call_add_schema(struct buf *out, const char *schema, bool literal)
{
    for (; *schema != '\0'; schema++) {
        if (literal && *schema == '\'')
            buf_char(out, '\'');
        buf_char(out, *schema);
    }
    buf_char(out, '.');
}

void call_name_tables(struct buf *out, const char *sql, const char *schema)
{
    const char *at;

    for (const char *from = sql; (at = strstr(sql, mark)) != NULL;
         sql = at + sizeof(mark) - 1) {
        buf_add(out, sql, (size_t)(at - sql));
        call_add_schema(out, schema, at > from && at[-1] == '\'');
    }
    buf_puts(out, sql);
}

const char *call_sql(struct call *c, const char *sql)
{
    struct buf out;
    struct str copy;

    if (strstr(sql, mark) == NULL)
        return sql;
    buf_init(&out, CALL_SQL_BYTES);
    call_name_tables(&out, sql, pg_pool_schema(c->pool));
    copy = arena_dup(&c->arena, buf_view(&out));
    if (out.error != 0 || copy.p == NULL)
        abort();
    buf_free(&out);
    return copy.p;
}

/* --- transactions ------------------------------------------------------ */

static void call_send_named(struct call *c)
{
    for (int i = 0; i < c->pg.nstmts; i++)
        c->stmts[i].sql = call_sql(c, c->stmts[i].sql);
    if (c->pg.script != NULL)
        c->pg.script = call_sql(c, c->pg.script);
    pg_send(c->pool, &c->pg);
}

/* The schema is known, or the call has come to its end. */
static void call_found(struct call *c)
{
    struct err err = c->pg.op.err;
    int rc = table_schema_found(c->find, c->pool, &c->pg, &err);

    c->find = NULL;
    if (rc < 0 || c->op->err.code != 0) {
        call_end(c, &err);
        return;
    }
    pg_req_clear(&c->pg);
    op_init(&c->pg.op, on_call_transaction);
    call_send_named(c);
}

static void on_call_transaction(struct op *op)
{
    struct call *c = container_of(op, struct call, pg.op);
    bool failed = op->err.code != 0 || c->op->err.code != 0;

    if (c->find != NULL) {
        call_found(c);
        return;
    }
    c->pg.nstmts = 0;
    if (!failed)
        c->step(c);
    else if (c->on_error == NULL || c->op->err.code != 0 || !c->on_error(c))
        call_end(c, &op->err);
}

static void call_send_transaction(struct call *c)
{
    op_init(&c->pg.op, on_call_transaction);
    pg_req_clear(&c->pg);
    if (pg_pool_schema(c->pool)[0] != '\0') {
        call_send_named(c);
        return;
    }
    c->find = table_schema_ask(&c->arena, c->pool, &c->pg);
    pg_send(c->pool, &c->pg);
}

void call_send(struct call *c)
{
    c->pg.stmts = c->stmts;
    c->pg.script = NULL;
    c->pg.copy_next = NULL;
    call_send_transaction(c);
}

void call_send_script(struct call *c, const char *script)
{
    call_send_copy(c, script, NULL);
}

void call_send_copy(struct call *c, const char *script,
    enum pg_copy_step (*next)(struct pg_req *req, int at, struct buf *out))
{
    c->pg.nstmts = 0;
    c->pg.script = script;
    c->pg.copy_next = next;
    call_send_transaction(c);
}

void call_end(struct call *c, const struct err *err)
{
    list_remove(&c->op->link);
    op_finish(c->op, err);
    pg_req_clear(&c->pg);
    arena_free(&c->arena);
    free(c);
}

int64_t call_int(const struct pg_result *r, int row, int column)
{
    return strtoll(pg_value(r, row, column).p, NULL, 10);
}

int64_t call_int_binary(const struct pg_result *r, int row, int column)
{
    struct str v = pg_value(r, row, column);
    uint64_t n = 0;

    for (size_t i = 0; i < v.len; i++)
        n = n << 8 | (uint8_t)v.p[i];
    return v.len == 4 ? (int64_t)(int32_t)n : (int64_t)n;
}

void call_copy(
    const struct pg_result *r, int row, int column, char *out, size_t size)
{
    snprintf(out, size, "%s", pg_value(r, row, column).p);
}

static void call_put32(uint8_t *at, uint32_t value)
{
    value = htonl(value);
    memcpy(at, &value, sizeof(value));
}

static unsigned call_element_of(unsigned array_oid)
{
    switch (array_oid) {
    case PG_TEXT_ARRAY:
        return PG_TEXT;
    case PG_BYTEA_ARRAY:
        return PG_BYTEA;
    case PG_INT4_ARRAY:
        return PG_INT4;
    default:
        return PG_JSONB;
    }
}

enum { HEAD_BYTES = 20, ELEMENT_BYTES = 4 };

/* Head: dimensions, has NULLs, element, then length and lower bound. */
int array_init(struct pg_array *a, struct arena *arena, unsigned oid,
    unsigned element, size_t n, size_t bytes)
{
    a->oid = oid;
    a->data = arena_alloc(arena, HEAD_BYTES + n * ELEMENT_BYTES + bytes);
    if (a->data == NULL)
        return ERR_NOMEM;
    call_put32(a->data, n > 0);
    call_put32(a->data + 4, 0);
    call_put32(a->data + 8, element != 0 ? element : call_element_of(oid));
    call_put32(a->data + 12, (uint32_t)n);
    call_put32(a->data + 16, 1);
    a->at = a->data + (n > 0 ? HEAD_BYTES : 12);
    return 0;
}

uint8_t *array_grow(struct pg_array *a, size_t len)
{
    uint8_t *at = a->at + ELEMENT_BYTES;

    call_put32(a->at, (uint32_t)len);
    a->at = at + len;
    return at;
}

void array_add(struct pg_array *a, struct str value)
{
    uint8_t *at = array_grow(a, value.len);

    if (value.len > 0)
        memcpy(at, value.p, value.len);
}

void array_add_int4(struct pg_array *a, int32_t value)
{
    call_put32(array_grow(a, 4), (uint32_t)value);
}

struct pg_param array_param(const struct pg_array *a)
{
    return (struct pg_param){.type = a->oid,
        .data = a->data,
        .len = (int)(a->at - a->data),
        .binary = true};
}
