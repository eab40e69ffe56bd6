/* Between the files of a linking job: link_job.c reads and computes,
 * link_job_write.c makes nodes and edges of what came of it. */
#ifndef DB_GRAPH_LINK_JOB_IMPL_H
#define DB_GRAPH_LINK_JOB_IMPL_H

#include "db/graph/link_items.h"
#include "db/graph/link_job.h"
#include "db/store/store_impl.h"
#include <stdlib.h>
#include <string.h>

enum job_stage { CLAIM, STREAM, NAME, WRITE, LEAVE };

/* A place in the order of the keys. */
struct place {
    char *microservice, *content_id; /* owned; NULL: before the first */
};

struct chunk {
    struct nearest_block block;
    struct place last; /* of its rows */
};

/* A connection's part of a step: a transaction about the items [from, to). */
struct lane {
    struct link_job_state *job;
    struct op db;
    size_t from, to;
};

struct link_job_state {
    struct graph *graph;
    struct link_req *req; /* of the step */
    char *tenant;
    char token[ID_BYTES * 2];
    enum job_stage stage;
    struct link_items items;
    int dimensions;

    struct nearest_block resident;
    size_t resident_most, chunk_most;
    bool full;              /* nothing more becomes resident in this pass */
    struct chunk chunks[2]; /* the one that comes, and the one that meets */
    int coming;
    bool begun, ended; /* the queue's reading; the stream's */
    bool second;       /* a pass after the first one */
    struct place at;   /* of the stream, or of the queue */
    struct place next; /* where the next pass begins */

    size_t done; /* items named, or written */
    uint64_t began_ms, fenced_ms;
    size_t taken, edges, nameless;
    bool ends; /* this was the last step */

    struct lane lanes[LINK_LANES];
    struct work_req work;
    struct list ops; /* holds req->op.link */
};

/* The job and the lane of a transaction; failures of it are sorted from then
 * on. */
struct link_job_state *job_of(struct call *c);
struct lane *lane_of(struct call *c);

/* Statements that a step's transaction begins with: the settings; the fence, a
 * division by zero without the token, which keeps the claim for another 30 s;
 * the fence for transactions side by side, which does not. */
void job_settings(struct call *c);
void job_fence(struct call *c);
void job_fence_shared(struct call *c);

/* A step of one transaction. */
void step_send(struct link_job_state *job, void (*send)(struct call *c),
    void (*take)(struct call *c));

/* Of the next items, as many as that in each lane; false: there are none. */
bool step_send_items(struct link_job_state *job, size_t items, int lanes,
    void (*send)(struct call *c), void (*take)(struct call *c));

/* The stages after STREAM. */
void step_write(struct link_job_state *job);

#endif
