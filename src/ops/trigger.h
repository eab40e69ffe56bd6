/*
 * What a run is asked to do, read and checked in one place. The messages say
 * what is needed; the caller puts in front of them what it was told.
 */
#ifndef OPS_TRIGGER_H
#define OPS_TRIGGER_H

#include "base/text.h"
#include "config/config.h"
#include "sync/run_spec.h"

struct trigger_ask {
    struct run_spec spec;
    char since[ISO_BYTES];
};

/* A batch run of everything; `trigger` is a static string. */
void trigger_ask_init(struct trigger_ask *ask, const char *trigger);

/* From that instant on; makes the run incremental. ERR_INVALID. */
int trigger_ask_since(
    struct trigger_ask *ask, const char *text, struct err *err);

/* "batch", "daily" or "incremental"; else ERR_INVALID. */
int trigger_ask_kind(
    struct trigger_ask *ask, const char *text, struct err *err);

/* Borrows the array and the names. ERR_INVALID when one cannot be a name. */
int trigger_ask_services(
    struct trigger_ask *ask, const char **names, size_t n, struct err *err);

/* ERR_DISABLED when the configuration refuses every run; else 0. */
int trigger_check_enabled(const struct config *config, struct err *err);

/* Was the run refused in the ordinary way: disabled, or one is under way? */
bool trigger_is_refused(const struct err *err);

#endif
