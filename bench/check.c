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

/* `r` holds one row, the query's `row`th. */
static void check_row(const PGresult *r, unsigned row, int dimensions)
{
    float expected[VECTOR_MAX];
    const char *text = PQgetvalue(r, 0, 0);
    const char *vector = PQgetvalue(r, 0, 1);
    size_t len = trim(&text, (size_t)PQgetlength(r, 0, 0));

    if (PQgetlength(r, 0, 1) != 4 + dimensions * 4)
        die("row %u has a vector of another size", row);
    vector_of(text, len, dimensions, expected);
    for (int i = 0; i < dimensions; i++) {
        uint32_t bits, want;

        memcpy(&bits, vector + 4 + i * 4, 4);
        memcpy(&want, &expected[i], 4);
        if (ntohl(bits) != want)
            die("row %u has another vector than its text: %.200s", row, text);
    }
}

int main(int argc, char **argv)
{
    PGconn *conn;
    PGresult *r;
    unsigned n = 0;
    int dimensions;

    if (argc != 5)
        die("usage: bench_check DATABASE_URL DIMENSIONS ROWS QUERY");
    vectors_init();
    dimensions = (int)number_of(argv[2]);
    conn = PQconnectdb(argv[1]);
    /* Row by row: there may be more than memory takes. */
    if (!PQsendQueryParams(conn, argv[4], 0, NULL, NULL, NULL, NULL, 1) ||
        !PQsetSingleRowMode(conn))
        die("%s", PQerrorMessage(conn));
    while ((r = PQgetResult(conn)) != NULL) {
        if (PQresultStatus(r) == PGRES_SINGLE_TUPLE)
            check_row(r, n++, dimensions);
        else if (PQresultStatus(r) != PGRES_TUPLES_OK)
            die("%s", PQerrorMessage(conn));
        PQclear(r);
    }
    if (n != number_of(argv[3]))
        die("%u rows instead of %s", n, argv[3]);
    PQfinish(conn);
    return 0;
}
