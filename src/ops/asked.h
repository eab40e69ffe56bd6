/*
 * The words of a look at the history. NULL means that nothing was said.
 * ERR_INVALID lists what is allowed; the caller puts in front what it was told.
 */
#ifndef OPS_ASKED_H
#define OPS_ASKED_H

#include "base/err.h"
#include "db/read/history.h"

/* The status of runs: "running", "success", ... */
int asked_run_status(const char *text, struct err *err);

/* Why a fire began no run: "skipped", "replaced", ... */
int asked_fire_outcome(const char *text, struct err *err);

/* The status of dead letters: "open" (the usual), "resolved", "all". */
int asked_letters(
    const char *text, enum history_letters *letters, struct err *err);

/* How many entries; *limit stays as it is when nothing was said. */
int asked_limit(const char *text, int *limit, struct err *err);

/* Puts the subject in front of what "must be": `"limit" must be ...`.
 * Returns the error's code. */
int asked_subject(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
