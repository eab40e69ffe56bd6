/*
 * Older names of zones. A system may have the zone "Asia/Kolkata" and not its
 * older name "Asia/Calcutta"; tzdata.zi, beside the zones, lists them all.
 */
#ifndef CLOCK_ZONE_ALIAS_H
#define CLOCK_ZONE_ALIAS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes the name of the zone that `name` (in any case of letters) is an alias
 * of, as `directory`/tzdata.zi has it. false: it is not an alias, the target
 * does not fit, or there is no such file.
 */
bool zone_alias_find(
    const char *directory, const char *name, char *target, size_t size);

#endif
