/* Which services a run would read now. */
#ifndef OPS_SERVICES_H
#define OPS_SERVICES_H

#include "base/json.h"
#include "ops/ops.h"

/*
 * Works with the port list_services. Falls back by itself when the coordinator
 * is away, so there is an answer without one, too.
 */
void services_ask(const struct ops *ops, struct services_req *req);

/* {"services":[..],"count","source"}; a new reference. */
json_t *services_json(const struct services_req *req);

/* Rows carry the name in the schema, which may be another one; borrowed from
 * the schemas, or `name` itself when it has none. NULL is NULL. */
const char *services_stored_name(
    const struct ops *ops, struct arena *arena, const char *name);

/* {"name","version","description","fields":[{"name","label","type"}],
 * "deleteMissing"} of a service, or null; a new reference. */
json_t *services_schema_json(
    const struct ops *ops, struct arena *arena, const char *name);

/* Where the names came from, for people; NULL is the request. */
const char *services_source_text(const char *source);

#endif
