/*
 * The description of the HTTP API, OpenAPI 3.1: what openapi.json says of each
 * route of the one table (api/routes.c). What follows from the table, or holds
 * for every route, is added here: the version, who may, and the refusals.
 */
#ifndef API_OPENAPI_OPENAPI_H
#define API_OPENAPI_OPENAPI_H

#include "base/json.h"

/* openapi.json, embedded. */
extern const unsigned char openapi_text[];
extern const size_t openapi_text_len;

/* A new reference; NULL: no memory. A route that openapi.json does not
 * describe is missing in it. */
json_t *openapi_document(void);

#endif
