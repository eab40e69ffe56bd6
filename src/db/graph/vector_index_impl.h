/* Between the files of the vector index: vector_index.c decides what is to be
 * done, vector_index_build.c does what building takes. */
#ifndef DB_GRAPH_VECTOR_INDEX_IMPL_H
#define DB_GRAPH_VECTOR_INDEX_IMPL_H

#include "db/graph/vector_index.h"
#include "db/store/store_impl.h"

enum index_stage {
    INDEX_LOOK,
    INDEX_SETTLE,
    INDEX_SIZE,
    INDEX_TUNE,
    INDEX_BUILD,
    INDEX_TIDY
};

static inline struct index_req *index_req_of(struct call *c)
{
    return store_work(c)->req;
}

/* The statement that makes it; in the call's arena. */
const char *vector_index_sql(struct call *c);

/* Each sends the transaction of its stage. */
void vector_index_size(struct call *c);
void vector_index_tune(struct call *c); /* takes the size's answer */
void vector_index_build(struct call *c);
void vector_index_tidy(struct call *c);

#endif
