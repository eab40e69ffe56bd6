/*
 * verify: is what is stored what was written, and does the graph follow from
 * it? With `repair` what was found is mended, and nothing else.
 *
 *   SURVEY     services, indexes, rows of no service
 *     |
 *   SCAN <-> MEND <-> PAUSE     service by service, a batch of items at a time
 *     |
 *   NODES <-> PAUSE             nodes whose item is not stored
 *     |
 *   SOURCE                      compared as a plan does; or else a run of the
 *     |                         services mends what was marked or is missing
 *   NODES <-> PAUSE             once more after a run; with `deletes` again,
 *     |                         to remove them
 *   SAMPLE                      recall and embeddings of a few rows
 *     |
 *   DONE
 *
 * It stands beside runs: it holds no lease and no transaction between batches,
 * rests after each batch as long as that took, and what it mends it looks at
 * again in the statement that does so. Cancel: op_cancel() ends it after the
 * call in flight; what has been mended stays. Begun again, it begins anew and
 * finds what is left.
 */
#ifndef OPS_VERIFY_VERIFY_H
#define OPS_VERIFY_VERIFY_H

#include "base/json.h"
#include "daemon/runner.h"
#include "db/verify/verify_kinds.h"
#include "db/verify/verify_survey.h"
#include "ops/ops.h"

enum { VERIFY_EXAMPLES = 20, VERIFY_SAMPLE_MOST = 1000 };

/* What is asked for. All borrowed. */
struct verify_ask {
    const char **services; /* registered or schemas' names; 0: all stored */
    size_t nservices;
    int sample;   /* rows to be searched for and embedded again; 0: none */
    bool source;  /* compares with the source; with `repair` mends from it, by
                     a run of the services */
    bool repair;  /* mends */
    bool deletes; /* and deletes */
    const char *traceparent; /* the caller's, or NULL */
};

struct verify_example {
    const char *service; /* NULL: of none */
    const char *content_id;
    int piece;         /* -1: as a whole */
    uint64_t n;        /* how many it stands for */
    const char *other; /* the other end of an edge, or NULL */
};

/* Of one kind. */
struct verify_tally {
    uint64_t found, mended;
    struct verify_example examples[VERIFY_EXAMPLES]; /* the first ones */
    size_t nexamples;
};

struct verify_request {
    struct op op; /* ERR_NOT_FOUND: nothing is stored of a service */
    const struct ops *ops;
    struct verify_ask ask;
    struct arena arena; /* owned: verify_clear() */

    /* Out, and while it goes on. */
    struct verify_tally tallies[VERIFY_NKINDS];
    uint64_t rows, items, nodes; /* looked at */
    uint64_t texts, tokens;      /* paid for, but by the run */
    uint64_t other_settings;     /* broken vectors that the next run embeds
                                    anyway, with other settings */
    uint64_t sampled;            /* rows of the sample */
    double recall;               /* of their searches; -1: not measured */
    bool delete_refused;         /* too many nodes to delete */
    json_t *run;                 /* owned; R of the run, NULL: there was none */
    uint64_t run_items;          /* embedded by it */
    struct err source_failed;    /* why it was not compared, or not whole */
    struct err run_refused;      /* why there was none */
    uint64_t began_ms, ended_ms;

    struct verify_state *state; /* owned; while it goes on */
};

/* Of req, ask and op_init() are the caller's, the rest zero. */
void verify_begin(const struct ops *ops, struct verify_request *req);
void verify_clear(struct verify_request *req);

/* Found and not mended. */
uint64_t verify_left(const struct verify_request *req);

/*
 * {"found","mended","left","rows","items","nodes","kinds":[{"kind","found",
 * "mended","what","todo","examples":[{"service","contentId","chunkIndex","n",
 * "other"}]}],"paid":{"texts","tokens"},"sample":{"rows","recall"},
 * "otherSettings","deleteRefused","run","durationMs"}; kinds that were found.
 */
json_t *verify_json(const struct verify_request *req);

/* For people. */
void verify_lines(struct buf *out, const struct verify_request *req);

/* Static. */
const char *verify_kind_name(enum verify_kind kind);
enum verify_mend verify_kind_mend(enum verify_kind kind);

#endif
