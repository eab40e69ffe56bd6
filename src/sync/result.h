/* What a run has to say for itself: R of the HTTP and command-line answers. */
#ifndef SYNC_RESULT_H
#define SYNC_RESULT_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Items, not pieces. Every received item is counted out exactly once:
 * received = stored + unchanged + tombstones + failed + collisions. Deleted
 * items do not count as received.
 *
 *   tombstones      tell that an item is deleted which is stored; one of an id
 *                   that is not is unchanged
 *   deleted         gone from their source, which tells so or has them no more
 *   delete_refused  gone too, but too many to be believed
 *   known_failures  of `failed`: dead letters known before
 *   repaired        of `stored`: another program had changed them
 *   contested       of `unchanged`: it has, but they were repaired so often
 *                   that they are left alone
 *   collisions      replaced by a later item of the same id and page
 *   embedded        items sent to the embedder and answered
 *   tokens          billed by the provider, also for what failed; 0: untold
 *   tokens_guess    for the same requests: estimated
 *   refused_...     requests to the embedder that brought no vectors, by reason
 *                   (sync/embed/embed_req.h)
 *   altered         of `stored`: a trigger of the table changed them
 *   nuls_dropped    NUL characters
 *   replaced        lone surrogates and broken bytes, now U+FFFD
 *
 * Every counter, in the order in which people see them: X(name, name in
 * JSON), with SEP between two. The ledger keeps them under their names.
 */
/* clang-format off */
#define COUNTS_MAP(X, SEP)                 \
    X(received, "received") SEP            \
    X(stored, "stored") SEP                \
    X(unchanged, "unchanged") SEP          \
    X(tombstones, "tombstones") SEP        \
    X(deleted, "deleted") SEP              \
    X(delete_refused, "deleteRefused") SEP \
    X(failed, "failed") SEP                \
    X(known_failures, "knownFailures") SEP \
    X(repaired, "repaired") SEP            \
    X(contested, "contested") SEP          \
    X(collisions, "collisions") SEP        \
    X(embedded, "embedded") SEP            \
    X(tokens, "tokens") SEP                \
    X(tokens_guess, "tokensEstimated") SEP \
    X(refused_rate, "refusedRate") SEP \
    X(refused_size, "refusedSize") SEP \
    X(refused_length, "refusedLength") SEP \
    X(refused_text, "refusedText") SEP \
    X(refused_access, "refusedAccess") SEP \
    X(refused_settings, "refusedSettings") SEP \
    X(refused_failure, "refusedFailure") SEP \
    X(altered, "altered") SEP              \
    X(nuls_dropped, "nulsDropped") SEP     \
    X(replaced, "replaced")
/* clang-format on */

/*
 * A row that another program has changed is mended so often; from then on it is
 * left alone for so long: the two would write over each other for ever.
 */
enum { REPAIRS_MOST = 2, REPAIR_DAYS = 7 };

struct counts {
#define X(name, json) uint64_t name;
    COUNTS_MAP(X, )
#undef X
};

void counts_add(struct counts *to, const struct counts *from);

/* So many items of one id on a page that the id cannot be unique: over 1%. */
bool counts_collide(const struct counts *counts);

/* The sentence about it, for logs and answers: "" when they do not. */
enum { COLLISION_BYTES = 256 };
void counts_say_collisions(
    const struct counts *counts, char out[COLLISION_BYTES]);

/* What the counts of a service warn of, each in a sentence: for logs and
 * answers. */
enum { WARNINGS_MOST = 2, WARNING_BYTES = 512 };
struct warnings {
    size_t n;
    char texts[WARNINGS_MOST][WARNING_BYTES];
};
void counts_warn(const struct counts *counts, struct warnings *out);

struct page_error {
    int page; /* 0: the service as a whole */
    int code; /* enum err_code */
    char error[ERR_MSG_BYTES];
};

enum { RESULT_ERRORS = 50 }; /* kept per service; further ones are counted */

/* Has all come that the source spoke of? Not the same as success. */
struct pass_end {
    bool complete;
    int64_t shortfall;  /* items; -1: unknown, not all pages were read */
    const char *reason; /* why it is not complete; NULL: complete, or not all
                           pages were read; owned by the run's arena */
};

struct service_result {
    const char *service; /* registered name; borrowed from the run */
    bool success;
    struct counts counts;
    struct pass_end pass;
    const char *altered; /* NULL, or names items that a trigger changed; owned
                            by the run's arena */
    uint32_t pages;      /* read and completed */
    struct page_error *errors; /* owned by the run's arena */
    uint32_t nerrors;          /* entries in `errors` */
    uint32_t errors_total;
    uint64_t duration_ms;
};

enum run_status {
    RUN_SUCCESS,
    RUN_PARTIAL,
    RUN_FAILED,
    RUN_CANCELED,   /* for good */
    RUN_BUDGET,     /* a budget was reached; resumable, by the next trigger */
    RUN_INTERRUPTED /* resumable, by this process or another */
};

struct run_result {
    enum run_status status; /* success iff RUN_SUCCESS */
    const char *source;     /* "request", "env", "coordinator", "fallback" */
    struct service_result *services; /* nservices, in the run's order */
    size_t nservices;
    struct counts counts; /* the sum */
    uint64_t duration_ms;
    struct err err; /* why nothing ran at all: ERR_ALREADY_RUNNING, ... */
};

const char *run_status_name(enum run_status status);

/* Did all services fail, and only because something that they depend on is
 * away? Then the same run may succeed later. */
bool run_result_is_outage(const struct run_result *result);

#endif
