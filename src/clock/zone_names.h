/* The names of zones: which are valid, and which one was probably meant. */
#ifndef CLOCK_ZONE_NAMES_H
#define CLOCK_ZONE_NAMES_H

#include "base/err.h"

/*
 * 0 when the system has zone data of that name. ERR_INVALID: it is not a valid
 * name. ERR_NOT_FOUND: there is no such zone; the message suggests the
 * nearest.
 */
int zone_name_check(const char *name, struct err *err);

/* Calls fn for every zone's name, in no order; < 0 without zone data. */
int zone_names_each(void (*fn)(void *arg, const char *name), void *arg);

#endif
