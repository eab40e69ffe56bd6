/*
 * Which tenants own items in the database. A default tenant beside the items of
 * exactly one other tenant means that DEFAULT_TENANT_ID was forgotten: a sync
 * would store everything a second time.
 */
#ifndef DB_MIGRATE_TENANTS_H
#define DB_MIGRATE_TENANTS_H

#include "db/call.h"
#include "db/migrate/migrate.h"

/* Queries the tenants that own items. */
void tenants_ask(struct call *c, const char *tenant);

/* ERR_CONFIG when the start has to stop; a warning is a line of the report. */
int tenants_judge(
    struct migrate_req *req, const struct pg_result *r, struct err *err);

#endif
