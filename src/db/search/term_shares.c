#include "db/search/term_shares.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a. Two lexemes of one hash in 2^64 would only be weighed wrongly. */
static const uint64_t hash_start = 14695981039346656037ULL;

static uint64_t term_shares_hash(uint64_t hash, char c)
{
    return (hash ^ (uint8_t)c) * 1099511628211ULL;
}

bool term_shares_are_fresh(
    const struct term_shares *s, struct str index, uint64_t now_ms)
{
    return s->index[0] != '\0' && str_eq(str_of(s->index), index) &&
           now_ms - s->read_ms < TERM_SHARES_KEPT_MS;
}

void term_shares_begin(struct term_shares *s, struct str index, uint64_t now_ms)
{
    snprintf(s->index, sizeof(s->index), "%.*s", STR_ARG(index));
    s->read_ms = now_ms;
    s->n = 0;
}

void term_shares_add(struct term_shares *s, struct str lexeme, double share)
{
    uint64_t hash = hash_start;

    if (s->n == TERM_SHARES)
        return;
    for (size_t i = 0; i < lexeme.len; i++)
        hash = term_shares_hash(hash, lexeme.p[i]);
    s->hashes[s->n] = hash;
    s->shares[s->n++] = (float)share;
}

static double term_shares_find(const struct term_shares *s, uint64_t hash)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->hashes[i] == hash)
            return s->shares[i];
    }
    return 0;
}

/* Reads a lexeme from after its quote to behind the closing one; quotes and
 * backslashes within it are doubled. */
static uint64_t term_shares_scan(const char **at, const char *end)
{
    uint64_t hash = hash_start;

    while (*at < end) {
        char c = *(*at)++;

        if (c == '\'' || c == '\\') {
            if (*at == end || **at != c)
                break;
            (*at)++;
        }
        hash = term_shares_hash(hash, c);
    }
    return hash;
}

double term_shares_of(const struct term_shares *s, struct str query)
{
    const char *at = query.p, *end = query.p + query.len;
    double most = 0, rarest = 1;

    while (at < end) {
        char c = *at++;

        if (c == '\'') {
            double share = term_shares_find(s, term_shares_scan(&at, end));

            rarest = share < rarest ? share : rarest;
        } else if (c == '|') {
            most = rarest > most ? rarest : most;
            rarest = 1;
        }
    }
    return rarest > most ? rarest : most;
}
