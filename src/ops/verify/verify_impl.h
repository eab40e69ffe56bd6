/* Between the files of verify. */
#ifndef OPS_VERIFY_VERIFY_IMPL_H
#define OPS_VERIFY_VERIFY_IMPL_H

#include "base/io/trace_context.h"
#include "db/verify/verify_graph.h"
#include "db/verify/verify_mend.h"
#include "db/verify/verify_sample.h"
#include "db/verify/verify_scan.h"
#include "ops/plan/plan.h"
#include "ops/verify/verify.h"

enum {
    VERIFY_BATCH_ROWS = 200, /* a batch; a second at most, if it can be */
    VERIFY_BATCH_NODES = 2000
};

/* Lists of a batch, by how they are mended. */
struct verify_lists {
    struct str *queue, *links, *mark, *rows, *hashes, *vectors;
    size_t nqueue, nlinks, nmark, nrows, nvectors;
};

/* The nodes are counted; after a run once more; then, perhaps, removed. */
enum nodes_pass { NODES_COUNT, NODES_AGAIN, NODES_DELETE };

struct verify_state {
    struct verify_request *req;
    struct verify_survey_req survey;
    size_t at; /* in survey.services */
    const char *after;
    char *last; /* owned; what `after` points at */
    struct arena batch;
    struct verify_scan_req scan;
    struct verify_nodes_req nodes;
    enum nodes_pass pass;
    uint64_t again[2]; /* nodes and edges that the second pass still finds */
    uint64_t loose;    /* edges that have lost a node, by the last pass */
    uint64_t edges;    /* of ours, where there may be such ones */
    uint64_t left_to_run[VERIFY_NKINDS]; /* broken vectors that it embeds */
    struct timer_req pause;
    uint64_t batch_ms;                    /* when it began */
    void (*then)(struct verify_state *v); /* after the pause */

    /* Mending, and what comes after it. */
    struct verify_lists lists;
    int step;
    struct verify_mend_req mend;
    struct verify_broken_req read;
    struct verify_write_req write;
    struct trace_context trace;
    struct embed_req embed;
    size_t *embedded; /* of read.rows: which they are */
    int tries;
    struct err embed_err; /* the job ends with it after its batch */

    struct verify_sample_req sample;
    struct verify_recall_req recall;
    uint64_t wanted, found; /* neighbours, of all searches */
    struct trigger_req run;
    struct run_spec spec; /* of the run, or of the plan */
    struct plan_req plan;
    bool canceled;
};

/* Counts a finding, and keeps it as an example. `service` may be NULL. */
void verify_note(struct verify_request *req, const char *service,
    const struct verify_finding *f);

/* What later pieces of the service under way are sent with. */
struct schema_pieces verify_walk_pieces(struct verify_state *v);

/* Goes on after a batch, once it has rested as long as the batch took. */
void verify_rest(struct verify_state *v, void (*then)(struct verify_state *v));

/* Ends with an error, or the step after this one begins. True: it has ended. */
bool verify_failed(struct verify_state *v, const struct op *op, const char *at);
void verify_end(struct verify_state *v, const struct err *err);
void verify_over(struct verify_state *v); /* well */

/* Mends what the batch has found, then verify_scan_next(). */
void verify_repair(struct verify_state *v);
void verify_scan_next(struct verify_state *v);

/* The parts, in order. */
void verify_scan_begin(struct verify_state *v);
void verify_nodes_begin(struct verify_state *v, enum nodes_pass pass);
void verify_source_begin(struct verify_state *v);
void verify_delete_begin(struct verify_state *v);
void verify_sample_begin(struct verify_state *v);

#endif
