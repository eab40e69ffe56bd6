/* Pieces become items, and two rankings one. Pure. */
#ifndef OPS_SEARCH_FUSE_H
#define OPS_SEARCH_FUSE_H

#include "db/search/search.h"

/* An item that was found. */
struct search_item {
    const struct search_hit *hit; /* its best piece; borrowed */
    int vector_rank, text_rank;   /* among items, from 1; 0: not found so */
    double similarity;            /* cosine; NAN: not known */
    double text_score;
    bool phrase;  /* the words stand there in a row */
    double score; /* what items are ordered by */
};

/* A list of pieces, best first; n 0: the search did not look so. */
struct search_ranking {
    const struct search_hit *hits;
    size_t n;
};

/*
 * Fills items, which has room for vector.n + text.n, best first; returns how
 * many there are. Each piece counts for its item, where its first one stands.
 * Reciprocal rank fusion: an item's score is the sum of weight / (10 + rank)
 * over the rankings that have it.
 */
size_t search_fuse(struct search_item *items, struct search_ranking vector,
    struct search_ranking text);

#endif
