/*
 * What verify begins with: the services that have rows, rows that belong to no
 * service, the indexes. Read-only, one statement.
 */
#ifndef DB_VERIFY_VERIFY_SURVEY_H
#define DB_VERIFY_VERIFY_SURVEY_H

#include "db/store/store.h"
#include "db/verify/verify_scan.h"

struct verify_service {
    const char *name; /* as rows have it */
    const char *microservice_id;
};

struct verify_survey_req {
    struct op op;
    struct arena *arena; /* the answer's memory; the caller's */
    const char *tenant;
    /* Out. */
    struct verify_service *services; /* with rows, by name */
    size_t nservices;
    struct verify_finding *findings; /* indexes; rows without a service */
    size_t n;
    uint64_t rows;     /* of the tenant's items: the planner's guess */
    bool vector_index; /* there is a valid one */
    bool sized;        /* the column takes vectors of one size alone */
};

void verify_survey(struct store *store, struct verify_survey_req *req);

#endif
