/*
 * What all of db/ has in common: a request of the pipeline, served by one
 * transaction of statements or by several in a row, and the binary forms of
 * their parameters.
 *
 * Happy path: call_new() accepts the request, call_send() sends a transaction,
 * its completion calls step(), which sends the next one or calls call_end().
 * Failures: a transaction that fails ends the call with its error, unless
 * on_error() handles it. On cancel: the current transaction is canceled, no
 * further one is sent.
 */
#ifndef DB_CALL_H
#define DB_CALL_H

#include "base/arena.h"
#include "base/buf.h"
#include "net/pg/pg.h"
#include <stdint.h>

enum { CALL_PARAMS = 24 };

struct schema_question;

struct call {
    struct pg_req pg;
    struct pg_pool *pool; /* borrowed */
    struct op *op;        /* borrowed; the request being served */
    struct list ops;      /* holds op->link, so that a cancel finds us */
    struct arena arena;   /* memory for the statements and for data */
    void *data;           /* the caller's; in the arena */
    int state;            /* the caller's */
    void (*step)(struct call *call);
    bool (*on_error)(struct call *call); /* NULL, or true: goes on itself */
    struct schema_question
        *find; /* in the arena; while the schema is asked for */
    struct pg_stmt stmts[PG_UNIT_STMTS];
    struct pg_param params[PG_UNIT_STMTS][CALL_PARAMS];
};

/* Begins op. data: that many zeroed bytes. */
struct call *call_new(struct pg_pool *pool, struct loop *loop, struct op *op,
    void (*step)(struct call *call), size_t data_bytes);

/*
 * SQL names its tables as @.table: the schema that the tables are in, quoted,
 * takes the place of the @. Within a literal ('@.table'::regclass) its quotes
 * are doubled. The first call of a pool finds the schema out
 * (db/table_schema.h).
 */

void call_name_tables(struct buf *out, const char *sql, const char *schema);

/* The statement as the database gets it; in the call's arena. */
const char *call_sql(struct call *c, const char *sql);

/* Adds a statement to the next transaction; further ones to come by
 * call_add_*(). */
void call_stmt(struct call *c, const char *sql, bool binary_result);

/* The parameters of the newest statement, in order. All borrowed. */
void call_add(struct call *c, struct pg_param param);
void call_add_text(struct call *c, const char *z); /* NULL: SQL NULL */
void call_add_int(struct call *c, int64_t value);
void call_add_bool(struct call *c, bool value);

/* Sends the statements, or the script, as one transaction; forgets the last
 * one. */
void call_send(struct call *c);
void call_send_script(struct call *c, const char *script);

/* The same of a script that copies (net/pg/pg.h). */
void call_send_copy(struct call *c, const char *script,
    enum pg_copy_step (*next)(struct pg_req *req, int at, struct buf *out));

/* Answers the request and frees the call. */
void call_end(struct call *c, const struct err *err);

/* A result's column as a number: text, or binary of 4 or 8 bytes. */
int64_t call_int(const struct pg_result *r, int row, int column);
int64_t call_int_binary(const struct pg_result *r, int row, int column);

/* Copies a value, cut to size, with its NUL; "" for NULL. */
void call_copy(
    const struct pg_result *r, int row, int column, char *out, size_t size);

/* An array in its binary form, filled element by element. */
struct pg_array {
    uint8_t *data; /* in the arena */
    uint8_t *at;
    unsigned oid; /* of the array */
};

/*
 * Of n elements that take `bytes` together. ERR_NOMEM. The arrays of
 * PG_TEXT_ARRAY and so on know their element; others give its oid.
 */
int array_init(struct pg_array *a, struct arena *arena, unsigned oid,
    unsigned element, size_t n, size_t bytes);
void array_add(struct pg_array *a, struct str value);
void array_add_int4(struct pg_array *a, int32_t value);
/* Makes room for an element of len bytes. */
uint8_t *array_grow(struct pg_array *a, size_t len);
struct pg_param array_param(const struct pg_array *a);

#endif
