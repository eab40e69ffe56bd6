/*
 * What PostgreSQL's and libpq's errors mean: by their SQLSTATE, and, where a
 * connection fails before there is one, by libpq's own words, which it does
 * not translate for a program that sets no locale.
 */
#include "net/pg/pg_impl.h"

#include <stdio.h>

bool pg_detail_is_row(const char *sqlstate, const char *detail)
{
    return strcmp(sqlstate, "23502") == 0 ||
           (strcmp(sqlstate, "23514") == 0 &&
               strncmp(detail, "Partition key ", 14) != 0);
}

struct state_row {
    const char *prefix;
    int code;
};

static int pg_sqlstate_match_state(
    const struct state_row *rows, const char *sqlstate)
{
    for (; rows->prefix != NULL; rows++)
        if (strncmp(sqlstate, rows->prefix, strlen(rows->prefix)) == 0)
            break;
    return rows->code;
}

int pg_error_code(const char *sqlstate)
{
    static const struct state_row rows[] = {
        {"08", ERR_UNAVAILABLE},  /* connection exceptions */
        {"53", ERR_UNAVAILABLE},  /* out of connections, memory, disk */
        {"57014", ERR_TIMEOUT},   /* statement_timeout */
        {"55P03", ERR_TIMEOUT},   /* lock_timeout */
        {"57P", ERR_UNAVAILABLE}, /* shutting down, starting up */
        {"40", ERR_UNAVAILABLE},  /* serialization failure, deadlock */
        {PG_READ_ONLY, ERR_UNAVAILABLE},
        {"28", ERR_AUTH},
        {"22", ERR_DATA},
        {"23", ERR_DATA},
        {NULL, ERR_DATABASE},
    };

    return pg_sqlstate_match_state(rows, sqlstate);
}

bool pg_blames_row(const char *sqlstate)
{
    static const struct state_row rows[] = {
        {"08", 1},
        {PG_READ_ONLY, 1},
        {"40", 1},
        {"53", 1},
        {"55P03", 1},
        {"57", 1},
        {"58", 1},
        {"XX", 1},
        {NULL, 0},
    };

    return sqlstate[0] != '\0' && pg_sqlstate_match_state(rows, sqlstate) == 0;
}

/* Of a connect: an error that does not pass needs a person; ERR_BUSY is for
 * pg_pool_connect_failed(), nobody else sees it. */
int pg_connect_code(const char *sqlstate)
{
    static const struct state_row rows[] = {
        {"08", ERR_UNAVAILABLE},
        {"53300", ERR_BUSY},
        {"53", ERR_UNAVAILABLE},
        {"55P03", ERR_UNAVAILABLE},
        {"57", ERR_UNAVAILABLE},
        {"58", ERR_UNAVAILABLE},
        {"XX", ERR_UNAVAILABLE},
        {"28", ERR_AUTH},
        {NULL, ERR_CONFIG},
    };

    return pg_sqlstate_match_state(rows, sqlstate);
}

/* Of a connect that the server has not refused with a SQLSTATE, or of which a
 * pooler says 08P01: is it something that waiting does not mend? */
bool pg_connect_is_config(const char *text)
{
    static const char *const words[] = {
        "invalid sslmode",
        "invalid channel_binding",
        "root certificate file",
        "root certificate store",
        "certificate verify failed",
        "server certificate for",
        "certificate file",
        "private key file",
        "server does not support SSL",
        "channel binding",
        "authentication method",
        "definition of service",
        "service file",
        "could not match",
        "invalid port number",
        "requires SSL",
        "unsupported startup parameter",
        "no such database",
        "no such user",
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strstr(text, words[i]) != NULL)
            return true;
    return false;
}

bool pg_connect_refuses_options(const char *text)
{
    return strstr(text, "unsupported startup parameter") != NULL ||
           strstr(text, "command-line options") != NULL;
}

void pg_copy_line(char out[ERR_MSG_BYTES], const char *text)
{
    size_t n = 0;

    for (; *text != '\0' && n + 1 < ERR_MSG_BYTES; text++) {
        bool space = *text == '\n' || *text == '\t' || *text == ' ';

        if (!space)
            out[n++] = *text;
        else if (n > 0 && out[n - 1] != ' ')
            out[n++] = ' ';
    }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

void pg_connect_text(const char *full, char out[ERR_MSG_BYTES], char state[6])
{
    static const char *set = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char *location;

    state[0] = '\0';
    pg_copy_line(out, full);
    location = strstr(out, " LOCATION: ");
    if (location != NULL)
        *location = '\0';
    for (const char *at = full; (at = strstr(at, ":  ")) != NULL;) {
        at += 3;
        if (strspn(at, set) != 5 || strncmp(at + 5, ": ", 2) != 0)
            continue;
        memcpy(state, at, 5);
        state[5] = '\0';
    }
}
