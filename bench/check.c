/*
 * Is what was stored what should have been? Compares texts and vectors of a
 * query with the embedder's function.
 *
 *   bench_check DATABASE_URL DIMENSIONS ROWS QUERY
 *
 * QUERY selects texts and vectors; there must be ROWS of them.
 */
#include "corpus.h"
#include "util.h"
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <string.h>

/* The text as it was sent: without white space around it. */
static size_t trim(const char **text, size_t len)
{
    while (len > 0 && strchr(" \n\t", **text) != NULL) {
        (*text)++;
        len--;
    }
    while (len > 0 && strchr(" \n\t", (*text)[len - 1]) != NULL)
        len--;
    return len;
}

static void check_row(const PGresult *r, int row, int dimensions)
{
    float expected[VECTOR_MAX];
    const char *text = PQgetvalue(r, row, 0);
    const char *vector = PQgetvalue(r, row, 1);
    size_t len = trim(&text, (size_t)PQgetlength(r, row, 0));

    if (PQgetlength(r, row, 1) != 4 + dimensions * 4)
        die("row %d has a vector of another size", row);
    vector_of(text, len, dimensions, expected);
    for (int i = 0; i < dimensions; i++) {
        uint32_t bits, want;

        memcpy(&bits, vector + 4 + i * 4, 4);
        memcpy(&want, &expected[i], 4);
        if (ntohl(bits) != want)
            die("row %d has another vector than its text: %.200s", row, text);
    }
}

int main(int argc, char **argv)
{
    PGconn *conn;
    PGresult *r;
    int dimensions;

    if (argc != 5)
        die("usage: bench_check DATABASE_URL DIMENSIONS ROWS QUERY");
    vectors_init();
    dimensions = (int)number_of(argv[2]);
    conn = PQconnectdb(argv[1]);
    r = PQexecParams(conn, argv[4], 0, NULL, NULL, NULL, NULL, 1);
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        die("%s", PQerrorMessage(conn));
    if ((unsigned)PQntuples(r) != number_of(argv[3]))
        die("%d rows instead of %s", PQntuples(r), argv[3]);
    for (int i = 0; i < PQntuples(r); i++)
        check_row(r, i, dimensions);
    PQclear(r);
    PQfinish(conn);
    return 0;
}
