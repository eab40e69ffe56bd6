/*
 * Linking many items of a tenant at once: the nearest of every item, computed
 * exactly in this process, and the edges that follow, written in batches. One
 * step a call, so that the caller may rest in between, and no transaction is
 * open from one to the next.
 *
 *   CLAIM   the tenant's row of batch_sync_link_jobs, and the queue is read
 *     |
 *   STREAM  vectors come by key, a chunk a step; while one is on its way the
 *     |     one before meets those that are resident. A pass begins with the
 *     |     32 MiB that become resident, and goes on to the end; the next one
 *     |     begins behind them, so that each pair meets once
 *   NAME    nodes, a batch a step
 *     |
 *   WRITE   edges, a batch a step, and the rows of the queue go with them if
 *     |     they are as they were read: an item that has been stored since
 *     |     stays queued for its new vector
 *   LEAVE   queued items that are not stored; the claim
 *
 * Failures: any error ends the job; what was written stays, and what is queued
 * is begun again. Nothing is written without the claim's token, which another
 * process takes over when it has expired, and a delete of linked items takes
 * away (ERR_UNAVAILABLE). On cancel: the step's statement is canceled.
 */
#ifndef DB_GRAPH_JOB_LINK_JOB_H
#define DB_GRAPH_JOB_LINK_JOB_H

#include "db/graph/graph.h"

struct link_job_state;

/*
 * Does computing them pay: are there enough of `queued` items among `stored`
 * ones, and are these few enough?
 */
bool link_job_exact_pays(
    const struct graph *g, int64_t queued, int64_t stored, int dimensions);

/*
 * A job for the tenant, which is copied. By the index where that does not pay:
 * link_job_search.c. NULL: no memory.
 */
struct link_job_state *link_job_exact(struct graph *g, const char *tenant,
    int64_t queued, int64_t stored, int dimensions);
struct link_job_state *link_job_by_index(
    struct graph *g, const char *tenant, int dimensions);
void link_job_free(struct link_job_state *job);

/*
 * The next step. The job is not freed: it is of no use after an error, nor when
 * req->later says that another process is at it, nor once it has ended.
 */
void link_job_step(struct link_job_state *job, struct link_req *req);
bool link_job_ended(const struct link_job_state *job);
enum link_method link_job_method(const struct link_job_state *job);

#endif
