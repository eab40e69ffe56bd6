/*
 * The index that answers nearest-neighbour queries. A first load goes faster
 * without it, so no migration makes it: it is built when somebody is about to
 * ask, which is before the first items are linked.
 */
#ifndef DB_GRAPH_VECTOR_INDEX_H
#define DB_GRAPH_VECTOR_INDEX_H

#include "db/graph/index_watch.h"
#include "db/store/store.h"

/* A plain value; nothing to free. It stays where it is. */
struct vector_index {
    struct store *store; /* borrowed; its pool builds: give it one of its own */
    bool warned;         /* about a missing index that can be done without */
    bool tidied; /* the traces of a builder that died, or it was tried */
    struct index_watch watch; /* ended by the callback's receiver */
};

/* What is there. */
struct index_facts {
    bool serves;      /* a valid index answers cosine queries */
    bool named;       /* one of our index's name is there */
    bool named_valid; /* and it is valid */
    bool owner;       /* our role may make indexes on the table */
    bool tuned;       /* the table has parallel_workers of its own */
    bool marked;      /* that is of a builder's doing, or was */
    bool partitioned; /* the table */
    int dimensions;   /* -1: the column has no size */
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
    int64_t rows;   /* counted, when it is about to be built */
    int stage, tries;
    int thrift;    /* how little there is room for */
    bool tuned;    /* parallel_workers is ours, to be reset */
    bool session;  /* settings of the session are, too */
    bool leftover; /* a builder that died left parallel_workers */
};

/* Workers and memory, memory alone, nothing but what the role has. */
enum index_thrift { INDEX_ROOMY, INDEX_ALONE, INDEX_THRIFTY };

/*
 * Makes sure of the index. It takes as long as building it takes; canceling
 * leaves an invalid one behind, which the next call removes. Several processes
 * may do this at the same time.
 */
void vector_index_ensure(struct vector_index *index, struct index_req *req);

/*
 * What building asks for; exposed to be tested. Bytes that the index of so many
 * rows takes in memory; what maintenance_work_mem should be for it, of a server
 * that has `has` and thinks that it can cache `cache`: a quarter of that and 2
 * GiB at most, never less than it has; and workers, of those that it lets one
 * command have.
 */
int64_t vector_index_bytes(int64_t rows, int dimensions);
int64_t vector_index_memory(int64_t bytes, int64_t has, int64_t cache);
int vector_index_workers(int64_t bytes, int most);

#endif
