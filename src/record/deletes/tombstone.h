/*
 * Tombstones: records by which a source tells that an item is deleted. A schema
 * says how they are known, `"deleted_when": {"field", "equals"}`; nothing but
 * an id is asked of them. Pure.
 */
#ifndef RECORD_DELETES_TOMBSTONE_H
#define RECORD_DELETES_TOMBSTONE_H

#include "base/json.h"
#include "record/schema.h"

/*
 * Is the record, as it came, a tombstone? Its field need not be one of
 * data_structure. A value that is missing equals nothing, not even null;
 * 1 and 1.0 are the same number, true and "true" are two things.
 */
bool tombstone_is(const struct schema *schema, yyjson_val *record);

#endif
