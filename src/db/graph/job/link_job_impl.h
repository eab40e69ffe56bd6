/* Between the files of a linking job: link_job.c reads and computes,
 * link_job_search.c asks the vector index instead, link_job_write.c makes nodes
 * and edges of what came of it. */
#ifndef DB_GRAPH_JOB_LINK_JOB_IMPL_H
#define DB_GRAPH_JOB_LINK_JOB_IMPL_H

#include "db/graph/job/link_items.h"
#include "db/graph/job/link_job.h"
#include "db/graph/link_lock.h"
#include "db/store/store_impl.h"
#include <stdlib.h>
#include <string.h>

enum job_stage { CLAIM, STREAM, SEARCH, NAME, INWARD, WRITE, LEAVE };

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
    int at; /* the statement whose result counts */
};

struct link_job_state {
    struct graph *graph;
    struct link_req *req; /* of the step */
    char *tenant;
    char token[ID_BYTES * 2];
    enum job_stage stage;
    enum link_method method;
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

    size_t done, todo; /* items that the stage is through with, and all of it */
    size_t window; /* of LINK_INDEX: the queued ones, before their nearest */
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

/* Statements that a step's transaction begins with: the fence, a division by
 * zero without the token, which keeps the claim for another 30 s; the fence for
 * transactions side by side, which does not; all that precedes writing. */
void job_fence(struct call *c);
void job_fence_shared(struct call *c);
void job_begin_shared(struct call *c);

/* A step of one transaction. */
void step_send(struct link_job_state *job, void (*send)(struct call *c),
    void (*take)(struct call *c));

/* The stage's items are [0, todo). */
void job_enter(struct link_job_state *job, enum job_stage stage, size_t todo);

/* Of the stage's items, as many as that in each lane; false: all are done. */
bool step_send_items(struct link_job_state *job, size_t items, int lanes,
    void (*send)(struct call *c), void (*take)(struct call *c));

/* How many transactions may be under way: one while a run is at work, which
 * needs the processor that the other one would take. */
int job_lanes(const struct link_job_state *job);

/* Statements' parameters: the keys of the lane's items, as two arrays. */
void lane_add_keys(struct call *c, bool (*has)(const struct link_item *item));
bool link_item_is_stored(const struct link_item *item);
bool link_item_is_queued(const struct link_item *item);

/* The next key of the queue, or of the vectors: $1 .. $4 of JOB_KEYS. */
void job_add_place(struct call *c, const struct place *at, size_t limit);
void job_place_set(
    struct place *p, const char *microservice, const char *content_id);

#define JOB_KEYS(columns, table, where)                              \
    "(SELECT " columns " FROM " table " WHERE tenant_id = $1 " where \
    "  AND ($2 IS NULL OR (microservice_id, content_id) > ($2, $3))" \
    " ORDER BY microservice_id, content_id LIMIT $4)"
#define JOB_QUEUED_AT "(extract(epoch FROM queued_at) * 1000000)::int8"

/* Of LINK_EXACT. */
void step_stream(struct link_job_state *job);

/* Of LINK_INDEX: the next part of the queue; the transactions of SEARCH and of
 * INWARD. */
void step_window(struct link_job_state *job);
void link_job_search_send(struct call *c);
void link_job_search_take(struct call *c);
void link_job_inward_send(struct call *c);
void link_job_inward_take(struct call *c);

/* The stages that go through items, and LEAVE. */
void step_write(struct link_job_state *job);

#endif
