/*
 * Tests the configuration and the connections one after another; a line for
 * each says ok, warn or FAIL and what to do. Changes nothing.
 */
#include "cli/check/check_embedder.h"
#include "cli/check/check_lines.h"
#include "cli/check/check_memory.h"
#include "cli/check/check_nearest.h"
#include "cli/check/check_pgvector.h"
#include "cli/cli.h"
#include "daemon/scheduler.h"
#include "db/writable.h"
#include "net/rpc/rpc.h"
#include "ops/services.h"
#include <stdlib.h>

enum { PING_MS = 10 * 1000, QUERY_MS = 10 * 1000, URL_BYTES = 4096 };

static const struct arg_option options[] = {
    {"deep", NULL, "send the embedder a request of full size too"},
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

/* --- the schedule of `serve` ------------------------------------------- */

static void check_schedule(struct check *c)
{
    const struct config_schedule *config = &c->app.config.schedule;
    struct zone *zone = NULL;
    struct cron_fire next;
    struct cron cron;
    struct err err;
    char iso[ISO_BYTES] = "never";

    if (scheduler_read(config, &cron, &zone, &err) < 0) {
        check_fail(c, "schedule", &err, NULL);
        return;
    }
    if (cron_next(&cron, zone, loop_wall_ms(), &next))
        iso_from_ms(next.at_ms, iso);
    check_say(c, "ok", "schedule", "`serve` runs at %s in %s, next %s",
        config->cron, config->timezone, iso);
    if (cron_warning(&cron) != NULL)
        check_say(c, "warn", "schedule", "%s", cron_warning(&cron));
    zone_close(zone);
}

/* --- database ---------------------------------------------------------- */

static void check_pgvector(struct check *c, const char *version)
{
    const struct pgvector_fault *fault = check_pgvector_fault(version);
    struct err err;

    if (fault == NULL)
        return;
    if (fault->below == PGVECTOR_LEAST) {
        err_set(&err, ERR_CONFIG, "pgvector %s %s", version, fault->what);
        check_fail(c, "pgvector", &err, fault->advice);
    } else {
        check_say(c, "warn", "pgvector", "%s: %s -> %s", version, fault->what,
            check_pgvector_update);
    }
}

enum server_column { S_VERSION, S_EXTENSION, S_LIBRARY, S_SUPER, S_OWNER };

static const char server_sql[] =
    "SELECT split_part(current_setting('server_version'), ' ', 1),"
    " (SELECT extversion || ' in schema ' || quote_ident(n.nspname)"
    "  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
    "  WHERE extname = 'vector'),"
    " (SELECT CASE WHEN string_to_array(substring(e.extversion"
    "    FROM '^[0-9.]*[0-9]'), '.')::int[] < string_to_array(substring("
    "    a.default_version FROM '^[0-9.]*[0-9]'), '.')::int[]"
    "   THEN a.default_version ELSE e.extversion END FROM pg_extension e"
    "  LEFT JOIN pg_available_extensions a ON a.name = e.extname"
    "  WHERE e.extname = 'vector'),"
    " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),"
    " (SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class"
    "  WHERE oid = to_regclass($1))";

static void check_say_server(struct check *c, const struct pg_result *r)
{
    bool created = !pg_is_null(r, 0, S_EXTENSION);
    struct buf url;

    buf_init(&url, URL_BYTES);
    config_mask_url(&url, c->app.config.database.url);
    check_say(c, "ok", "database", "%.*s: PostgreSQL %s, pgvector %s",
        STR_ARG(buf_view(&url)), pg_value(r, 0, S_VERSION).p,
        created ? pg_value(r, 0, S_EXTENSION).p : "not created yet");
    if (pg_pool_may_be_plain(c->app.pools.store))
        check_say(c, "warn", "database", PG_PLAIN_WARNING);
    if (!created && !str_eq(pg_value(r, 0, S_SUPER), STR("t")))
        check_say(c, "warn", "database",
            "the role is not a superuser; if it may not create the extension, "
            "let a superuser run CREATE EXTENSION vector; in this database");
    if (pg_is_null(r, 0, S_OWNER))
        check_say(c, "ok", "schema", "%s, without tables yet",
            pg_pool_schema(c->app.pools.store));
    else
        check_say(c, "ok", "schema", "%s, its tables owned by %s",
            pg_pool_schema(c->app.pools.store), pg_value(r, 0, S_OWNER).p);
    if (created)
        check_pgvector(c, pg_value(r, 0, S_LIBRARY).p);
    buf_free(&url);
}

/* Whether it answers, and can be written to; the schema is known then. */
static int check_writable(struct check *c)
{
    struct writable_req req;

    op_init(&req.op, app_ignore);
    writable_ask(c->app.pools.store, &c->app.loop, &req);
    if (app_wait(&c->app, &req.op) < 0)
        check_fail(c, "database", &req.op.err,
            pg_pool_schema(c->app.pools.store)[0] != '\0' ||
                    req.op.err.code == ERR_CONFIG
                ? NULL
                : "check DATABASE_URL and whether the server runs");
    return req.op.err.code;
}

static int check_server(struct check *c)
{
    char table[PG_SCHEMA_BYTES + 32];
    struct pg_param param = {.type = PG_TEXT, .data = table};
    struct pg_stmt stmt = {.sql = server_sql, .params = &param, .nparams = 1};
    struct pg_req req = {.stmts = &stmt, .nstmts = 1, .timeout_ms = QUERY_MS};
    int rc = check_writable(c);

    if (pg_pool_schema(c->app.pools.store)[0] == '\0')
        return rc;
    snprintf(table, sizeof(table), "%s.vector_embeddings",
        pg_pool_schema(c->app.pools.store));
    op_init(&req.op, app_ignore);
    pg_send(c->app.pools.store, &req);
    if (app_wait(&c->app, &req.op) < 0)
        check_fail(c, "database", &req.op.err, NULL);
    else
        check_say_server(c, req.results[0]);
    pg_req_clear(&req);
    return rc < 0 ? rc : req.op.err.code;
}

static void check_tables(struct check *c)
{
    struct err err, dry = {0};
    struct buf report;

    buf_init(&report, APP_REPORT_BYTES);
    c->has_tables = app_migrate(&c->app, MIGRATE_CHECK, &report, &err) == 0;
    if (c->has_tables)
        check_say(c, "ok", "tables", "up to date, vectors of %d dimensions",
            c->app.config.embedding.dimensions);
    else if (err.code == ERR_CONFIG &&
             c->app.config.database.migrate_on_start &&
             app_migrate(&c->app, MIGRATE_DRY_RUN, &report, &dry) == 0)
        check_say(c, "ok", "tables",
            "not up to date; the next sync, or `batchsync migrate`, updates "
            "them");
    else
        check_fail(c, "tables", dry.code != 0 ? &dry : &err, NULL);
    buf_free(&report);
}

static void check_database(struct check *c)
{
    struct err err = {0};

    if (app_start(&c->app, APP_DATABASE, &err) < 0)
        check_fail(c, "database", &err, NULL);
    else if (check_server(c) == 0)
        check_tables(c);
}

/* --- coordinator ------------------------------------------------------- */

/*
 * A call that every gRPC server answers, if only with UNIMPLEMENTED, and that
 * makes the coordinator do nothing.
 */
static int check_ping(struct check *c, int *status, struct err *err)
{
    const struct config_coordinator *config = &c->app.config.coordinator;
    struct rpc_options channel_options = {
        .target = config->grpc_target,
        .use_tls = config->use_tls,
        .root_pem = config->root_pem,
        .max_message_bytes = config->max_message_bytes,
    };
    struct rpc_req req = {
        .method = "/grpc.health.v1.Health/Check", .timeout_ms = PING_MS};
    struct rpc_channel *channel;

    if (rpc_channel_init(&channel, &c->app.loop, &channel_options, err) < 0)
        return err->code;
    op_init(&req.op, app_ignore);
    rpc_call(channel, &req);
    app_wait(&c->app, &req.op);
    *status = req.status;
    *err = req.op.err;
    rpc_req_clear(&req);
    rpc_channel_close(channel);
    return err->code;
}

static void check_coordinator(struct check *c)
{
    const struct config_coordinator *config = &c->app.config.coordinator;
    enum { UNIMPLEMENTED = 12 };
    struct err err = {0};
    int status = 0;

    if (app_start(&c->app, APP_COORDINATOR, &err) < 0) {
        check_fail(c, "coordinator", &err, NULL);
        return;
    }
    check_ping(c, &status, &err);
    if (err.code == ERR_UNAVAILABLE || err.code == ERR_TIMEOUT)
        check_fail(c, "coordinator", &err,
            "check COORDINATOR_GRPC_ENDPOINT, GRPC_USE_SSL, and whether the "
            "coordinator runs");
    else if (err.code == 0 || status == UNIMPLEMENTED || err.code == ERR_AUTH)
        check_say(c, "ok", "coordinator", "%s%s answers; calls are %s",
            config->grpc_target, config->use_tls ? " (TLS)" : "",
            config->private_key != NULL ? "signed"
                                        : "not signed: no RAG_PRIVATE_KEY");
    else
        check_say(c, "warn", "coordinator",
            "%s answers, but not like a gRPC server: %s", config->grpc_target,
            err.msg);
}

/* --- services and schemas ---------------------------------------------- */

/* What the service's last run that read anything says of its ids. */
static const char ids_sql[] =
    "SELECT coalesce(counts->>'received', '0'),"
    " coalesce(counts->>'collisions', '0')"
    " FROM %s.batch_sync_service_runs WHERE tenant_id = $1 AND service = $2"
    " AND finished_at IS NOT NULL AND counts->>'received' <> '0'"
    " ORDER BY started_at DESC LIMIT 1";

/* Without a database, or tables, there is nothing to say. */
static void check_ids(struct check *c, const char *service)
{
    char sql[PG_SCHEMA_BYTES + sizeof(ids_sql)], text[COLLISION_BYTES] = "";
    struct pg_param params[] = {
        {.type = PG_TEXT, .data = c->app.config.sync.tenant},
        {.type = PG_TEXT, .data = service}};
    struct pg_stmt stmt = {.sql = sql, .params = params, .nparams = 2};
    struct pg_req req = {.stmts = &stmt, .nstmts = 1, .timeout_ms = QUERY_MS};
    struct counts counts = {.received = 0};

    if (!c->has_tables)
        return;
    snprintf(sql, sizeof(sql), ids_sql, pg_pool_schema(c->app.pools.store));
    op_init(&req.op, app_ignore);
    pg_send(c->app.pools.store, &req);
    if (app_wait(&c->app, &req.op) == 0 && pg_rows(req.results[0]) > 0) {
        counts.received = strtoull(pg_value(req.results[0], 0, 0).p, NULL, 10);
        counts.collisions =
            strtoull(pg_value(req.results[0], 0, 1).p, NULL, 10);
        counts_say_collisions(&counts, text);
    }
    pg_req_clear(&req);
    if (text[0] != '\0')
        check_say(c, "warn", "ids", "%s: %s", service, text);
}

static void check_schema(
    struct check *c, struct arena *arena, const char *service)
{
    const struct schema_set *set = &c->app.schemas;
    const struct schema *schema = schema_find(set, arena, service);
    char dir[APP_PATH_BYTES];
    char advice[CHECK_ADVICE_BYTES];
    struct err err;

    if (schema == NULL) {
        app_schema_dir(c->app.config.sync.schema_dir, dir);
        err_set(&err, ERR_CONFIG, "no schema for %s in %s", service, dir);
        check_nearest(set, service, advice);
        check_fail(c, "schema", &err, advice);
        return;
    }
    check_say(c, "ok", "schema", "%s: %s.json, %zu fields", service,
        schema->stem, schema->nfields);
    check_ids(c, service);
}

static void check_say_services(struct check *c, const struct services_req *req)
{
    bool fallback = strcmp(req->source, "fallback") == 0;

    check_say(c, fallback ? "warn" : "ok", "services", "%zu, from %s", req->n,
        strcmp(req->source, "env") == 0 ? "BATCH_SYNC_SERVICES"
        : fallback ? "the fallback list: the coordinator listed none; set "
                     "COORDINATOR_HTTP_URL or BATCH_SYNC_SERVICES"
                   : "the coordinator");
}

static void check_list_services(struct check *c, struct services_req *req)
{
    op_init(&req->op, app_ignore);
    services_ask(&c->app.ops, req);
    if (app_wait(&c->app, &req->op) < 0)
        check_fail(c, "services", &req->op.err, NULL);
    else
        check_say_services(c, req);
}

static void check_services(struct check *c)
{
    struct services_req req = {.n = 0};
    struct err err = {0};
    struct arena arena;

    arena_init(&arena, 0);
    req.arena = &arena;
    if (app_start(&c->app, APP_SERVICES, &err) < 0)
        check_fail(c, "services", &err, NULL);
    else
        check_list_services(c, &req);
    if (app_start(&c->app, APP_SCHEMAS, &err) < 0)
        check_fail(c, "schema", &err, NULL);
    for (size_t i = 0; err.code == 0 && i < req.n; i++)
        check_schema(c, &arena, req.names[i]);
    arena_free(&arena);
}

/* --- all of it --------------------------------------------------------- */

static void check_configuration(struct check *c)
{
    const struct config *config = &c->app.config;

    if (!config->sync.enabled)
        check_say(c, "warn", "configuration",
            "BATCH_SYNC_ENABLED is false: sync does nothing");
    else if (!config->coordinator.enabled)
        check_say(c, "warn", "configuration",
            "COORDINATOR_ENABLED is false: sync does nothing");
    else
        check_say(c, "ok", "configuration", "tenant %s", config->sync.tenant);
}

static void check_memory(struct check *c)
{
    struct memory_budget budget;
    struct buf line;
    bool fits;

    buf_init(&line, URL_BYTES);
    memory_budget(&c->app.config, &budget);
    fits = check_memory_write(&line, &budget, memory_limit("/"));
    check_say(c, fits ? "ok" : "warn", "memory", "%s", line.data);
    buf_free(&line);
}

static int check_run(struct cli *cli)
{
    struct check *c = calloc(1, sizeof(*c));
    int code;

    if (c == NULL)
        abort();
    c->cli = cli;
    c->lines = args_has(&cli->args, "json") ? json_array() : NULL;
    code = app_open(&c->app, &cli->console,
        NEED_DATABASE | NEED_COORDINATOR | NEED_EMBEDDER, 0);
    if (code == EXIT_DONE) {
        check_configuration(c);
        check_memory(c);
        check_schedule(c);
        check_database(c);
        check_coordinator(c);
        check_services(c);
        check_embedder(c, args_has(&cli->args, "deep"));
        code = c->code;
    }
    check_print_json(c, code);
    code = app_close(&c->app, code);
    free(c);
    return code;
}

const struct command cmd_check = {
    .name = "check",
    .usage = "[--deep] [--json]",
    .summary = "try the configuration and every connection",
    .details =
        "Prints one line each for the configuration, the memory that it "
        "may take, the\nschedule, the database and its tables, the "
        "coordinator, the list of services, the "
        "schema of each service, and the\nembedder, from which it requests one "
        "short embedding.\nWith --deep the embedder also gets a request as "
        "large "
        "as any of a run, which is\nbilled. Changes nothing.\n\n"
        "Exits with 0 when a sync can run, with 75 when something is down, and "
        "with 78\nwhen something must be corrected.\n",
    .options = options,
    .run = check_run,
};
