/*
 * Mending what verify found. Every statement looks again: a row that has
 * changed since it was read is left as it is, so that it runs beside runs.
 */
#ifndef DB_VERIFY_VERIFY_MEND_H
#define DB_VERIFY_VERIFY_MEND_H

#include "db/store/store.h"

enum verify_mend_step {
    MEND_STEP_QUEUE, /* ids are content ids: they are linked again */
    MEND_STEP_LINKS, /* content ids: their declared links are looked at again */
    MEND_STEP_MARK,  /* rows: the next run sees that they were changed */
    MEND_STEP_ROWS,  /* rows: surplus ones and duplicates are deleted */
    MEND_STEP_NODES, /* node ids: nodes without a row go, with our edges */
    MEND_STEP_LOOSE, /* ids of edges of ours: those without a node go */
    MEND_STEPS
};

struct verify_mend_req {
    struct op op;
    enum verify_mend_step step;
    const char *tenant;
    const char *microservice_id;
    const struct str *ids;    /* n */
    const struct str *hashes; /* n, of MEND_STEP_ROWS: as findings have them */
    size_t n;
    uint64_t changed; /* out: rows, nodes, items, edges */
};

void verify_mend(struct store *store, struct verify_mend_req *req);

/* A row whose vector is to be made again. */
struct verify_broken {
    struct str id;
    struct str text;        /* the row's */
    struct str before;      /* of the piece before; len 0: it is the first */
    struct str title;       /* the item's; len 0: none */
    struct str item;        /* all pieces of the item together */
    size_t pieces;          /* of it */
    struct str hash;        /* embed_hash, SHA256_BYTES */
    struct str vector_hash; /* len 0: none */
    const float *vector;    /* NULL: not this one */
};

/* Reads them; a row whose text is not what was written is left out. */
struct verify_broken_req {
    struct op op;
    struct arena *arena; /* the answer's memory; the caller's */
    const char *tenant;
    const struct str *ids; /* n */
    size_t n;
    /* Out. */
    struct verify_broken *rows;
    size_t nrows;
};

void verify_read_broken(struct store *store, struct verify_broken_req *req);

/* Writes the vectors of those that have one, and queues their items. */
struct verify_write_req {
    struct op op;
    const char *tenant;
    const struct verify_broken *rows; /* nrows */
    size_t nrows;
    int dimensions;
    bool queues;      /* the graph is kept */
    uint64_t changed; /* out */
};

void verify_write(struct store *store, struct verify_write_req *req);

#endif
