/*
 * How common words are: for each of the most common lexemes, the share of the
 * rows that have it, as the statistics of the full-text index say. Reading them
 * takes the server longer than a look at the query, and they change with
 * ANALYZE alone, so a process keeps them for a minute.
 */
#ifndef DB_SEARCH_TERM_SHARES_H
#define DB_SEARCH_TERM_SHARES_H

#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TERM_SHARES = 1024, TERM_SHARES_KEPT_MS = 60 * 1000 };

/* All zeroes: never read. Nothing to free. */
struct term_shares {
    char index[64];               /* whose they are; "": nobody's */
    uint64_t read_ms;             /* when they were read */
    size_t n;                     /* 0: that index has no statistics yet */
    uint64_t hashes[TERM_SHARES]; /* of the lexemes */
    float shares[TERM_SHARES];    /* 0 .. 1 */
};

/* Are they of that index, and not too old? */
bool term_shares_are_fresh(
    const struct term_shares *s, struct str index, uint64_t now_ms);

/* Forgets what was there; what is added from now on is of that index. */
void term_shares_begin(
    struct term_shares *s, struct str index, uint64_t now_ms);

/* Those that there is no room for count as rare: add the common ones first. */
void term_shares_add(struct term_shares *s, struct str lexeme, double share);

/*
 * The share of a query in PostgreSQL's notation, "('a' & 'b') | ('c')": that of
 * the rarest lexeme of each alternative, and of these the greatest. A lexeme
 * that is not known has 0.
 */
double term_shares_of(const struct term_shares *s, struct str query);

#endif
