/*
 * A few rows, drawn at random, for what cannot be asked of all: how many of its
 * ten exact neighbours a search through the vector index finds.
 */
#ifndef DB_VERIFY_VERIFY_SAMPLE_H
#define DB_VERIFY_VERIFY_SAMPLE_H

#include "db/store/store.h"

struct verify_sampled {
    const char *service;
    struct str id, content_id, text, hash; /* of a row; embed_hash */
    const float *vector;
};

/* Draws at most `limit` intact rows of items in one piece. */
struct verify_sample_req {
    struct op op;
    struct arena *arena; /* the answer's memory; the caller's */
    const char *tenant;
    const char **services; /* as rows have them; nservices */
    size_t nservices;
    int dimensions;
    int limit;
    /* Out. */
    struct verify_sampled *rows;
    size_t n;
};
void verify_sample(struct store *store, struct verify_sample_req *req);

/* Searches with the vector of a row, through the index and without it. */
struct verify_recall_req {
    struct op op;
    const char *tenant;
    struct str id; /* of the row */
    /* Out. */
    int wanted, found; /* of the exact ten; found: by the index, too */
};
void verify_recall(struct store *store, struct verify_recall_req *req);

#endif
