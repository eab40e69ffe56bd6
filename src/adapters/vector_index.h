/*
 * The index that answers nearest-neighbour queries. A first load goes faster
 * without it, so no migration makes it: it is built when somebody is about to
 * ask, which is before the first items are linked.
 */
#ifndef ADAPTERS_VECTOR_INDEX_H
#define ADAPTERS_VECTOR_INDEX_H

#include "adapters/store.h"

/* A plain value; nothing to free. */
struct vector_index {
    struct store *store; /* borrowed; its pool builds: give it one of its own */
    bool warned;         /* about a missing index that can be done without */
};

/* What is there. */
struct index_facts {
    bool serves;      /* a valid index answers cosine queries */
    bool named;       /* one of our index's name is there */
    bool named_valid; /* and it is valid */
    bool owner;       /* our role may make indexes on the table */
    bool tuned;       /* the table has parallel_workers of its own */
    int dimensions;   /* -1: the column has no size */
    int64_t bytes;    /* of the table, with its vectors */
    int64_t rows;     /* at most INDEX_ROWS_FEW + 1 */
    char role[128];   /* quoted */
};

/* Fewer rows than that are read faster than an index, and up to so many are
 * read when there can be no index. */
enum { INDEX_ROWS_WORTH = 1000, INDEX_ROWS_FEW = 5000 };

struct index_req {
    /*
     * Success: queries are answered by an index, or the table is small enough
     * to be read, or `later`. ERR_CONFIG: it is neither, and somebody with more
     * rights has to build the index; the message has the command. Otherwise
     * what the database answered.
     */
    struct op op;

    bool builds; /* in: else an index is only looked for */
    bool built;  /* out: there was none before */
    bool later;  /* out: there is none, and it may not be built now */

    /* The index's own. */
    struct vector_index *index;
    struct index_facts facts;
    struct err err; /* of the build, while its traces are removed */
    int stage, tries;
    bool tuned;  /* parallel_workers is ours, to be reset */
    bool serial; /* there was no room for parallel workers */
};

/*
 * Makes sure of the index. It takes as long as building it takes; canceling
 * leaves an invalid one behind, which the next call removes. Several processes
 * may do this at the same time.
 */
int vector_index_ensure(struct vector_index *index, struct index_req *req);

#endif
