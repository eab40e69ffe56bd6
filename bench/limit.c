/*
 * How fast the database takes the rows of a synced one, from memory and with
 * nothing else to do: what a sync can at best come to.
 *
 *   bench_limit unnest|copy SOURCE_URL TARGET_URL
 *
 * All rows of SOURCE are read. Then two connections write them into TARGET,
 * whose tables are empty: `unnest` 50 at a time with the statement of a sync
 * but for its fence, one transaction each; `copy` with COPY BINARY, one
 * transaction a connection. Prints the seconds of that.
 */
#include "util.h"
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

enum { CHUNK = 50, CONNECTIONS = 2, COLUMNS = 8, COPY_BYTES = 64 << 10 };

enum column { ID, AT, META, EMBED_HASH, ROW_HASH, TEXT, VECTOR, HASH };

static const char insert_sql[] =
    "WITH rows AS (INSERT INTO vector_embeddings (id, tenant_id,"
    " microservice_id, content_type, content_id, chunk_index, metadata,"
    " embed_hash, row_hash, content_text, embedding, vector_hash, repairs,"
    " created_at, updated_at, written_at)"
    " SELECT '01234567-89ab-7' || substr(gen_random_uuid()::text, 16), $1,"
    " $2, 'microservice_data', r.*, 0, fence.now, fence.now, fence.now"
    " FROM (SELECT now() AT TIME ZONE 'UTC' AS now OFFSET 0) AS fence,"
    " unnest($3, $4, $5, $6, $7, $8, $9, $10) AS r"
    " ON CONFLICT (tenant_id, microservice_id, content_id, chunk_index)"
    " WHERE content_type = 'microservice_data' DO UPDATE SET"
    " metadata = excluded.metadata, embed_hash = excluded.embed_hash,"
    " row_hash = excluded.row_hash, content_text = excluded.content_text,"
    " embedding = excluded.embedding, vector_hash = excluded.vector_hash,"
    " repairs = excluded.repairs, updated_at = excluded.updated_at,"
    " written_at = excluded.written_at RETURNING 1) SELECT count(*) FROM rows";

static const char copy_sql[] =
    "COPY vector_embeddings (id, tenant_id, microservice_id, content_type,"
    " content_id, chunk_index, metadata, embed_hash, row_hash, content_text,"
    " embedding, vector_hash, created_at, updated_at, written_at)"
    " FROM STDIN (FORMAT binary)";

static PGresult *rows; /* of SOURCE, the columns as above, in binary */
static Oid types[2 + COLUMNS] = {
    25, 25, 1009, 1007, 3807, 1001, 1001, 1009, 0, 1001};
static Oid elements[COLUMNS] = {25, 23, 3802, 17, 17, 25, 0, 17};
static char tenant[256], service[256];
static int copies;

/* What a connection sends, made before the clock starts. */
struct chunk {
    char *params[COLUMNS];
    int lens[COLUMNS];
};

struct part {
    PGconn *conn;
    struct chunk *chunks;
    int n;
    char *copy;
    size_t copy_len;
};

static PGresult *run(PGconn *conn, const char *sql, int binary)
{
    PGresult *r = PQexecParams(conn, sql, 0, NULL, NULL, NULL, NULL, binary);

    if (PQresultStatus(r) != PGRES_TUPLES_OK &&
        PQresultStatus(r) != PGRES_COMMAND_OK)
        die("%s", PQerrorMessage(conn));
    return r;
}

static PGconn *open_url(const char *url)
{
    PGconn *conn = PQconnectdb(url);

    if (PQstatus(conn) != CONNECTION_OK)
        die("%s", PQerrorMessage(conn));
    return conn;
}

static void read_rows(const char *url)
{
    PGconn *conn = open_url(url);
    PGresult *r = run(conn,
        "SELECT oid, typarray, (SELECT min(tenant_id) FROM microservices),"
        " (SELECT min(id) FROM microservices) FROM pg_type"
        " WHERE typname = 'vector'",
        0);

    elements[VECTOR] = (Oid)strtoul(PQgetvalue(r, 0, 0), NULL, 10);
    types[2 + VECTOR] = (Oid)strtoul(PQgetvalue(r, 0, 1), NULL, 10);
    snprintf(tenant, sizeof(tenant), "%s", PQgetvalue(r, 0, 2));
    snprintf(service, sizeof(service), "%s", PQgetvalue(r, 0, 3));
    PQclear(r);
    rows = run(conn,
        "SELECT content_id, chunk_index, metadata, embed_hash, row_hash,"
        " content_text, embedding, vector_hash FROM vector_embeddings"
        " ORDER BY content_id, chunk_index",
        1);
    PQfinish(conn);
}

/* The rows that the others hang on. */
static void prepare(const char *url)
{
    PGconn *conn = open_url(url);
    char sql[2048];

    snprintf(sql, sizeof(sql),
        "WITH t AS (INSERT INTO tenants (id, name, updated_at)"
        " VALUES ('%s', '%s', now()) RETURNING id)"
        " INSERT INTO microservices (id, tenant_id, name, service_id,"
        " updated_at) SELECT '%s', id, 'bench', 'bench', now() FROM t",
        tenant, tenant, service);
    PQclear(run(conn, sql, 0));
    PQfinish(conn);
}

/* --- the binary forms --- */

static char *put32(char *at, uint32_t value)
{
    value = htonl(value);
    memcpy(at, &value, 4);
    return at + 4;
}

static char *put_bytes(char *at, const char *bytes, size_t len)
{
    at = put32(at, (uint32_t)len);
    memcpy(at, bytes, len);
    return at + len;
}

static char *put_value(char *at, int row, int column)
{
    return put_bytes(at, PQgetvalue(rows, row, column),
        (size_t)PQgetlength(rows, row, column));
}

static void make_array(struct chunk *c, int column, int first, int n)
{
    size_t size = 20;
    char *at;

    for (int i = first; i < first + n; i++)
        size += 4 + (size_t)PQgetlength(rows, i, column);
    at = c->params[column] = must(malloc(size));
    c->lens[column] = (int)size;
    at = put32(at, 1);
    at = put32(at, 0);
    at = put32(at, elements[column]);
    at = put32(at, (uint32_t)n);
    at = put32(at, 1);
    for (int i = first; i < first + n; i++)
        at = put_value(at, i, column);
}

/* Every other chunk, so that both connections write to all of the indexes. */
static void make_chunks(struct part *p, int which)
{
    int total = PQntuples(rows);

    p->chunks = must(calloc((size_t)total / CHUNK + 1, sizeof(*p->chunks)));
    for (int at = which * CHUNK; at < total; at += CHUNK * CONNECTIONS) {
        int n = total - at < CHUNK ? total - at : CHUNK;

        for (int column = 0; column < COLUMNS; column++)
            make_array(&p->chunks[p->n], column, at, n);
        p->n++;
    }
}

static char *put_copy_row(char *at, int row)
{
    static const char kind[] = "microservice_data";
    static const char now[8] = {0, 2, (char)0xc0, 0, 0, 0, 0, 0};
    uint16_t fields = htons(7 + COLUMNS);
    char id[37];

    memcpy(at, &fields, 2);
    snprintf(id, sizeof(id), "01234567-89ab-7%03x-a%03x-%08x%04x",
        rand() & 0xfff, rand() & 0xfff, rand(), rand() & 0xffff);
    at = put_bytes(at + 2, id, 36);
    at = put_bytes(at, tenant, strlen(tenant));
    at = put_bytes(at, service, strlen(service));
    at = put_bytes(at, kind, sizeof(kind) - 1);
    for (int column = 0; column < COLUMNS; column++)
        at = put_value(at, row, column);
    for (int i = 0; i < 2; i++)
        at = put_bytes(at, now, 8);
    return put_bytes(at, now, 8);
}

static void make_copy(struct part *p, int which)
{
    int total = PQntuples(rows);
    size_t size = 64;
    char *at;

    for (int i = which; i < total; i += CONNECTIONS) {
        size += 1024;
        for (int column = 0; column < COLUMNS; column++)
            size += 4 + (size_t)PQgetlength(rows, i, column);
    }
    at = p->copy = must(malloc(size));
    memcpy(at, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    at += 19;
    for (int i = which; i < total; i += CONNECTIONS)
        at = put_copy_row(at, i);
    memset(at, 0xff, 2);
    p->copy_len = (size_t)(at + 2 - p->copy);
}

/* --- against the clock --- */

static void write_chunks(struct part *p)
{
    const char *values[2 + COLUMNS] = {tenant, service};
    int lens[2 + COLUMNS], binary[2 + COLUMNS];

    for (int i = 0; i < 2 + COLUMNS; i++)
        binary[i] = i >= 2;
    for (int i = 0; i < p->n; i++) {
        PGresult *r;

        for (int k = 0; k < COLUMNS; k++) {
            values[2 + k] = p->chunks[i].params[k];
            lens[2 + k] = p->chunks[i].lens[k];
        }
        r = PQexecParams(
            p->conn, insert_sql, 2 + COLUMNS, types, values, lens, binary, 0);
        if (PQresultStatus(r) != PGRES_TUPLES_OK)
            die("%s", PQerrorMessage(p->conn));
        PQclear(r);
    }
}

static void write_copy(struct part *p)
{
    PGresult *r = PQexec(p->conn, copy_sql);

    PQclear(r);
    for (size_t at = 0; at < p->copy_len; at += COPY_BYTES) {
        size_t n =
            p->copy_len - at < COPY_BYTES ? p->copy_len - at : COPY_BYTES;

        if (PQputCopyData(p->conn, p->copy + at, (int)n) < 0)
            die("%s", PQerrorMessage(p->conn));
    }
    PQputCopyEnd(p->conn, NULL);
    r = PQgetResult(p->conn);
    if (PQresultStatus(r) != PGRES_COMMAND_OK)
        die("%s", PQerrorMessage(p->conn));
    PQclear(r);
}

static void *work(void *arg)
{
    if (copies)
        write_copy(arg);
    else
        write_chunks(arg);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct part parts[CONNECTIONS];
    pthread_t threads[CONNECTIONS];
    double start;

    if (argc != 4)
        die("usage: bench_limit unnest|copy SOURCE_URL TARGET_URL");
    copies = argv[1][0] == 'c';
    read_rows(argv[2]);
    prepare(argv[3]);
    for (int i = 0; i < CONNECTIONS; i++) {
        parts[i].conn = open_url(argv[3]);
        if (copies)
            make_copy(&parts[i], i);
        else
            make_chunks(&parts[i], i);
    }
    start = seconds();
    for (int i = 0; i < CONNECTIONS; i++) {
        if (pthread_create(&threads[i], NULL, work, &parts[i]) != 0)
            die("no thread");
    }
    for (int i = 0; i < CONNECTIONS; i++)
        pthread_join(threads[i], NULL);
    printf("%.6f\n", seconds() - start);
    for (int i = 0; i < CONNECTIONS; i++)
        PQfinish(parts[i].conn);
    return 0;
}
