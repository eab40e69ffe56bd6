#include "app/app.h"

#include "app/process.h"
#include "base/log.h"
#include "base/text.h"
#include "record/pieces/schema_pieces.h"
#include "version.h"
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STORE_TIMEOUT_MS = 60 * 1000,
    BEATS_TIMEOUT_MS = 10 * 1000,
    PROBE_TIMEOUT_MS = 5 * 1000,
    READ_TIMEOUT_MS = 5 * 1000,
    LINK_TIMEOUT_MS = 60 * 1000,
    LINK_ITEMS = 100,  /* a batch */
    FIND_ITEMS = 5000, /* looked at in one go */
    PROBLEMS_BYTES = 256 * 1024
};

static const char installed_schemas[] = "/etc/batchsync/services";

/* --- parts ------------------------------------------------------------- */

/* <the executable's directory>/../schema/services, if it is there. */
static bool app_beside_program(char out[APP_PATH_BYTES])
{
    char program[PATH_MAX], dir[PATH_MAX + 32], real[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    struct stat st;
    char *slash;

    if (len < 0)
        return false;
    program[len] = '\0';
    slash = strrchr(program, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    snprintf(dir, sizeof(dir), "%s/../schema/services", program);
    if (realpath(dir, real) == NULL || stat(real, &st) < 0 ||
        !S_ISDIR(st.st_mode))
        return false;
    snprintf(out, APP_PATH_BYTES, "%s", real);
    return true;
}

void app_schema_dir(const char *configured, char out[APP_PATH_BYTES])
{
    if (configured != NULL && configured[0] != '\0')
        snprintf(out, APP_PATH_BYTES, "%s", configured);
    else if (!app_beside_program(out))
        snprintf(out, APP_PATH_BYTES, "%s", installed_schemas);
}

static int app_start_schemas(struct app *app, struct err *err)
{
    char dir[APP_PATH_BYTES];
    struct buf problems;

    app_schema_dir(app->config.sync.schema_dir, dir);
    buf_init(&problems, PROBLEMS_BYTES);
    if (schema_set_load(&app->schemas, dir, &problems) < 0 ||
        schema_pieces_check(&app->schemas,
            (size_t)app->config.embedding.max_tokens, &problems) < 0) {
        console_problems(app->console, "schema", buf_view(&problems));
        err_set(err, ERR_CONFIG, "cannot use the schemas in %s", dir);
        schema_set_free(&app->schemas);
    }
    buf_free(&problems);
    return err->code;
}

static void app_stop_schemas(struct app *app)
{
    schema_set_free(&app->schemas);
}

static int app_start_http(struct app *app, struct err *err)
{
    int connections = app->config.sync.workers + 1;

    return http_client_init(&app->http, &app->loop, connections, err);
}

static void app_stop_http(struct app *app)
{
    http_client_close(app->http);
}

/* Who gets a connection first, where there are too few. */
enum { RANK_SYNC, RANK_PROBE, RANK_OTHERS };

/* How many may wait for an answer, each for at most as long. */
enum {
    READ_LINE = 64,
    READ_WAIT_MS = 5 * 1000,
    PROBE_LINE = 4,
    PROBE_WAIT_MS = 3 * 1000
};

static int app_open_pool(struct app *app, struct pg_pool **pool, int size,
    int timeout_ms, int rank, struct err *err)
{
    if (pg_pool_init(pool, &app->loop, app->config.database.url, size,
            timeout_ms, err) == 0)
        pg_pool_join(*pool, &app->pools.share, rank);
    return err->code;
}

static void app_stop_database(struct app *app)
{
    pg_pool_close(app->pools.read);
    pg_pool_close(app->pools.probe);
    pg_pool_close(app->pools.beats);
    pg_pool_close(app->pools.store);
}

static int app_start_database(struct app *app, struct err *err)
{
    struct app_pools *p = &app->pools;

    pg_url_warn(app->config.database.url);
    pg_share_init(&p->share);
    if (app_open_pool(app, &p->store, 3, STORE_TIMEOUT_MS, RANK_SYNC, err) <
            0 ||
        app_open_pool(app, &p->beats, 1, BEATS_TIMEOUT_MS, RANK_SYNC, err) <
            0 ||
        app_open_pool(app, &p->probe, 1, PROBE_TIMEOUT_MS, RANK_PROBE, err) <
            0 ||
        app_open_pool(app, &p->read, 2, READ_TIMEOUT_MS, RANK_OTHERS, err) <
            0) {
        app_stop_database(app);
        return err->code;
    }
    if (pg_pool_may_be_plain(p->store))
        log_warn(NULL, PG_PLAIN_WARNING);
    pg_pool_bound(p->probe, PROBE_LINE, PROBE_WAIT_MS);
    pg_pool_bound(p->read, READ_LINE, READ_WAIT_MS);
    app->ops.history = p->read;
    app->ops.write = p->store;
    store_init(&app->store, p->store, &app->loop);
    store_init(&app->look, p->read, &app->loop);
    app->store.queues_links = app->config.graph.enabled;
    app->store.second_rows =
        (size_t)(app->config.sync.workers * app->config.sync.chunk_size);
    return 0;
}

static int app_start_services(struct app *app, struct err *err)
{
    app->services = (struct service_list){
        .loop = &app->loop,
        .http = app->http,
        .env = app->config.sync.services,
        .http_url = app->config.coordinator.http_url,
        .fallback = app->config.sync.fallback_services,
    };
    return 0;
}

static int app_start_coordinator(struct app *app, struct err *err)
{
    struct coordinator_options options = {
        .config = &app->config.coordinator,
        .timeout_ms = app->config.sync.timeout_s * 1000,
    };

    return coordinator_init(&app->coordinator, &app->loop, &options, err);
}

static void app_stop_coordinator(struct app *app)
{
    coordinator_close(app->coordinator);
}

static int app_start_embedder(struct app *app, struct err *err)
{
    const struct config_embedding *config = &app->config.embedding;
    struct embed_gate gate;

    if (config->provider != PROVIDER_OPENAI) {
        app->local = embedder_local_new(&app->loop, app->model);
        return 0;
    }
    app->embedder = embedder_new(&app->loop, app->http, config);
    limits_memory_init(&app->limits, app->embedder, app->pools.store,
        &app->loop, config->model);
    budget_keeper_init(&app->budgets, app->pools.store, &app->loop, config);
    gate = budget_keeper_gate(&app->budgets);
    if (budget_keeper_is_needed(&app->budgets))
        embedder_watch_costs(app->embedder, &gate);
    return 0;
}

static void app_stop_embedder(struct app *app)
{
    embedder_free(app->embedder);
    embedder_local_free(app->local);
}

static int app_start_ledger(struct app *app, struct err *err)
{
    ledger_init(&app->ledger, app->pools.store, app->pools.beats, &app->loop,
        app->config.sync.lease_s, app->config.sync.overlap_s);
    ledger_tell_version(&app->ledger, BATCHSYNC_VERSION);
    return 0;
}

static void app_stop_ledger(struct app *app)
{
    ledger_stop(&app->ledger);
}

static int app_start_texts(struct app *app, struct err *err)
{
    if (!app->config.full_text)
        return 0;
    if (app_open_pool(
            app, &app->pools.text, 1, LINK_TIMEOUT_MS, RANK_OTHERS, err) < 0)
        return err->code;
    store_init(&app->texts, app->pools.text, &app->loop);
    return 0;
}

/* Without a graph the linker has no port and nothing to do. */
static int app_start_linker(struct app *app, struct err *err)
{
    struct linker_options options = {
        .batch = LINK_ITEMS,
        .find = FIND_ITEMS,
        .retries = {app->config.sync.tries, app->config.sync.retry_base_ms},
    };

    linker_init(&app->linker, &app->ports, &options);
    if (app_start_texts(app, err) < 0)
        return err->code;
    if (!app->config.graph.enabled)
        return 0;
    if (app_open_pool(app, &app->pools.link, LINK_LANES, LINK_TIMEOUT_MS,
            RANK_OTHERS, err) < 0)
        return err->code;
    graph_init(&app->graph, app->pools.link, app->pools.read, &app->loop);
    return 0;
}

static void app_stop_linker(struct app *app)
{
    linker_stop(&app->linker);
    if (app->pools.link != NULL) {
        index_watch_end(&app->graph.index.watch);
        graph_free(&app->graph);
    }
    pg_pool_close(app->pools.link);
    pg_pool_close(app->pools.text);
}

/* --- the boot list ----------------------------------------------------- */

/* In the order of starting; stopped in reverse. */
static const struct part {
    unsigned bit;
    unsigned for_parts; /* also started for these */
    int (*start)(struct app *app, struct err *err);
    void (*stop)(struct app *app); /* NULL: nothing to do */
} parts_in_order[] = {
    {APP_SCHEMAS, 0, app_start_schemas, app_stop_schemas},
    {APP_DATABASE, APP_LEDGER, app_start_database, app_stop_database},
    {APP_HTTP, APP_SERVICES | APP_EMBEDDER, app_start_http, app_stop_http},
    {APP_SERVICES, 0, app_start_services, NULL},
    {APP_COORDINATOR, 0, app_start_coordinator, app_stop_coordinator},
    {APP_EMBEDDER, 0, app_start_embedder, app_stop_embedder},
    {APP_LEDGER, 0, app_start_ledger, app_stop_ledger},
    {APP_LINKER, 0, app_start_linker, app_stop_linker},
};

enum { NPARTS = sizeof(parts_in_order) / sizeof(parts_in_order[0]) };

int app_start(struct app *app, unsigned parts, struct err *err)
{
    for (int i = 0; i < NPARTS; i++) {
        const struct part *part = &parts_in_order[i];

        if ((parts & (part->bit | part->for_parts)) == 0 ||
            (app->started & part->bit) != 0)
            continue;
        if (part->start(app, err) < 0)
            return err->code;
        app->started |= part->bit;
    }
    return 0;
}

static void app_stop_parts(struct app *app)
{
    for (int i = NPARTS; i-- > 0;) {
        const struct part *part = &parts_in_order[i];

        if ((app->started & part->bit) != 0 && part->stop != NULL)
            part->stop(app);
    }
    app->started = 0;
}

/* --- opening and closing ----------------------------------------------- */

static void app_log_warnings(struct str lines)
{
    struct str line;

    while (text_next_line(&lines, &line))
        log_warn(NULL, "configuration: %.*s", STR_ARG(line));
}

static int app_read_config(struct app *app, unsigned needs)
{
    struct buf problems, warnings;
    int rc;

    buf_init(&problems, PROBLEMS_BYTES);
    buf_init(&warnings, PROBLEMS_BYTES);
    rc = config_from_environment(&app->config, needs, &problems, &warnings);
    if (rc == 0) {
        log_init(app->console->log, (enum log_level)app->config.log_level);
        app_log_warnings(buf_view(&warnings));
        process_log();
    }
    console_problems(app->console, "configuration", buf_view(&problems));
    buf_free(&warnings);
    buf_free(&problems);
    return rc;
}

/* The dimensions of all vectors are the model's. */
static int app_open_model(struct app *app, struct err *err)
{
    struct config_embedding *config = &app->config.embedding;
    int have;

    if (config->provider != PROVIDER_STATIC || config->model_path == NULL)
        return 0;
    if (static_model_open(&app->model, config->model_path, err) < 0)
        return err->code;
    have = static_model_dimensions(app->model);
    if (config->dimensions != 0 && config->dimensions != have)
        return err_set(err, ERR_CONFIG,
            "EMBEDDING_DIMENSIONS is %d, but the model in %s has %d: leave it "
            "unset, they are taken from the model",
            config->dimensions, config->model_path, have);
    config->dimensions = have;
    return 0;
}

int app_open(
    struct app *app, struct console *console, unsigned needs, unsigned parts)
{
    struct err err = {0};

    *app = (struct app){.console = console};
    hub_init(&app->events);
    /* Writing to a closed connection is an error, not a signal. */
    signal(SIGPIPE, SIG_IGN);
    if (loop_init(&app->loop, &err) < 0) {
        console_fail(console, &err);
        abort();
    }
    if (app_read_config(app, needs) < 0)
        return EXIT_CONFIGURATION;
    app_wire(app);
    if (app_open_model(app, &err) < 0 || app_start(app, parts, &err) < 0)
        return console_fail(console, &err);
    app->ops.embedding = app_embedding_id(app);
    return EXIT_DONE;
}

static void app_log_turns(const struct loop_turns *turns)
{
    log_debug(NULL,
        "event loop: 99%% of its turns used at most %.1f ms, the longest "
        "%.1f ms, all together %.1f s",
        (double)loop_turns_quantile_us(turns, 0.99) / 1e3,
        (double)turns->most_us / 1e3, (double)turns->sum_us / 1e6);
}

int app_close(struct app *app, int code)
{
    struct err err = {0};

    while (limits_memory_pending(&app->limits) != NULL)
        app_wait(app, limits_memory_pending(&app->limits));
    while (budget_keeper_pending(&app->budgets) != NULL)
        app_wait(app, budget_keeper_pending(&app->budgets));
    app_stop_parts(app);
    loop_run(&app->loop);
    app_log_turns(&app->loop.turns);
    if (loop_close(&app->loop, &err) < 0)
        code = console_fail(app->console, &err);
    static_model_close(app->model);
    config_free(&app->config);
    log_init(NULL, LOG_INFO);
    signal(SIGPIPE, SIG_DFL);
    return code;
}

/* --- waiting ----------------------------------------------------------- */

int app_wait(struct app *app, struct op *op)
{
    if (!loop_run_until(&app->loop, op)) {
        fputs("batchsync: internal error: a request never ended\n",
            app->console->err);
        abort();
    }
    return op->err.code;
}

void app_ignore(struct op *op)
{
}

struct embedding_id app_embedding_id(const struct app *app)
{
    const struct config_embedding *config = &app->config.embedding;
    struct embedding_id id = {
        .provider = config->identity,
        .model = config->model,
        .dimensions = config->dimensions,
    };

    if (config->provider == PROVIDER_BUILTIN) {
        id.provider = "builtin";
        id.model = EMBEDDER_BUILTIN_MODEL;
    } else if (app->model != NULL) {
        id.provider = "static";
        id.model = static_model_name(app->model);
    }
    return id;
}

int app_migrate(struct app *app, enum migrate_mode mode, struct buf *report,
    struct err *err)
{
    struct migrate_req req = {
        .mode = mode,
        .dimensions = app->config.embedding.dimensions,
        .tenant = app->config.sync.tenant,
        .tenant_chosen = app->config.sync.tenant_chosen,
    };

    op_init(&req.op, app_ignore);
    migrate_run(app->pools.store, &app->loop, &req);
    app_wait(app, &req.op);
    buf_str(report, buf_view(&req.report));
    buf_free(&req.report);
    *err = req.op.err;
    return err->code;
}

void app_log_migration(struct str lines)
{
    static const struct str warning = {"warning: ", 9};
    struct str line;

    while (text_next_line(&lines, &line)) {
        struct str head = {line.p, line.len < 9 ? line.len : 9};

        if (str_eq(head, warning))
            log_warn(NULL, "%.*s", (int)line.len - 9, line.p + 9);
        else if (!str_eq(line, STR("nothing to do")))
            log_info(NULL, "migrate: %.*s", STR_ARG(line));
    }
}

int app_check_tables(struct app *app, const char *command, bool writes)
{
    struct err err = {0};
    struct buf report;

    buf_init(&report, APP_REPORT_BYTES);
    app_migrate(app, writes ? MIGRATE_CHECK : MIGRATE_LOOK, &report, &err);
    buf_free(&report);
    if (err.code == 0)
        return EXIT_DONE;
    err_wrap(&err, "%s", command);
    return console_fail(app->console, &err);
}
