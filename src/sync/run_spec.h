/*
 * What a run is asked to do. Whoever triggers one fills this in; the runner,
 * the run and the ledger pass it on as it is.
 */
#ifndef SYNC_RUN_SPEC_H
#define SYNC_RUN_SPEC_H

#include "base/arena.h"
#include <stdint.h>

/* All pointers are borrowed. */
struct run_spec {
    const char *trigger; /* "cli", "http", "schedule", "startup", "replica" */
    const char *run_id;  /* of a run to take part in; NULL: a new one */
    const char *kind;    /* "daily", "batch", "incremental" */
    const char *tenant;
    const char **services; /* registered names, in order */
    size_t nservices;      /* 0: the list of services */
    const char *source;    /* where the names came from; NULL: the request */
    const char *since;     /* ISO-8601; NULL: everything */
    int64_t fire_ms;       /* a scheduled fire's nominal instant; 0: none */
};

/* Copies it with all that it points at into the arena. ERR_NOMEM. */
int run_spec_copy(
    struct run_spec *to, struct arena *arena, const struct run_spec *from);

#endif
