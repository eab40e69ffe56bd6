/*
 * What a subcommand needs: the configuration, the loop, and the parts of the
 * program that it asks for, wired to the ports of the pipeline.
 *
 *   code = app_open(&app, &cli->console, NEED_DATABASE, APP_DATABASE);
 *   if (code == EXIT_DONE)
 *       code = work(&app);          submit, app_wait(), look at the answer
 *   return app_close(&app, code);
 *
 * A subcommand runs on main's stack and waits for one request after another;
 * everything else (a run, for example) goes on in the loop meanwhile.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "app/console.h"
#include "app/limits_memory.h"
#include "config/config.h"
#include "daemon/budget_keeper.h"
#include "db/graph/graph.h"
#include "db/ledger/ledger.h"
#include "db/migrate/migrate.h"
#include "db/store/store.h"
#include "embed/embedder.h"
#include "embed/embedder_local.h"
#include "embed/static/static_model.h"
#include "events/hub.h"
#include "ops/ops.h"
#include "record/item.h"
#include "record/schema.h"
#include "source/coordinator.h"
#include "source/service_list.h"
#include "sync/linker.h"

/* Parts; each also starts the parts that it needs. */
enum app_part {
    APP_SCHEMAS = 1,
    APP_DATABASE = 2,
    APP_SERVICES = 4,    /* the list of services */
    APP_COORDINATOR = 8, /* pages */
    APP_EMBEDDER = 16,
    APP_LEDGER = 32,
    APP_HTTP = 64,   /* the client */
    APP_LINKER = 128 /* idle until it is kicked */
};

/* The database's connections, all owned; each opens when it is first needed.
 * Where the server allows only a few, the first two get theirs first. */
struct app_pools {
    struct pg_share share;
    struct pg_pool *store; /* looks up and stores; the ledger; migrates */
    struct pg_pool *beats; /* heartbeats */
    struct pg_pool *probe; /* can one write? */
    struct pg_pool *read;  /* what people look at; its line is bounded */
    struct pg_pool *link;  /* builds the index and links; NULL: off */
    struct pg_pool *text;  /* builds the full-text index; NULL: off */
};

struct app {
    struct console *console; /* borrowed */
    struct config config;
    struct loop loop;
    struct schema_set schemas;
    struct http_client *http;
    struct app_pools pools;
    struct store store;
    struct store look;  /* the store, over pools.read */
    struct store texts; /* over pools.text, where there is one */
    struct ledger ledger;
    struct graph graph;
    struct linker linker;
    struct service_list services;
    struct coordinator *coordinator;
    struct static_model *model;   /* NULL: none is configured */
    struct embedder *embedder;    /* NULL: the local one */
    struct limits_memory limits;  /* where there is one */
    struct budget_keeper budgets; /* the same */
    struct embedder_local *local;
    struct ports ports; /* of the parts that were started */
    struct hub events;  /* the pipeline's */
    struct ops ops;     /* over the parts that were started */
    unsigned started;   /* parts, APP_ bits */
};

/*
 * Reads the configuration (`needs`: NEED_ bits), begins to log, starts the
 * parts. Returns EXIT_DONE, or the exit code after printing all faults to
 * console->err. app_close() in every case.
 */
int app_open(
    struct app *app, struct console *console, unsigned needs, unsigned parts);

/* Starts further parts; < 0: *err says why, and the part is not started. */
int app_start(struct app *app, unsigned parts, struct err *err);

/*
 * Stops the parts, runs the loop until they have closed, and closes the loop.
 * Returns `code`, or EXIT_INTERNAL with a message when a handle is left open.
 */
int app_close(struct app *app, int code);

/* Runs the loop until the request has ended. Returns op->err.code. */
int app_wait(struct app *app, struct op *op);

/* The callback of requests that app_wait() waits for. */
void app_ignore(struct op *op);

/* Migrates and waits; appends one line per change to *report. */
int app_migrate(struct app *app, enum migrate_mode mode, struct buf *report,
    struct err *err);

/* Logs what a migration reports; its warnings as such. */
void app_log_migration(struct str lines);

/* Are the tables up to date, and can they be written to where the command does
 * that? EXIT_DONE, or the exit code after printing what is wrong, as a sync
 * would. */
int app_check_tables(struct app *app, const char *command, bool writes);

/* What embeddings depend on, by the configuration; borrowed from it. */
struct embedding_id app_embedding_id(const struct app *app);

enum { APP_PATH_BYTES = 4096, APP_REPORT_BYTES = 64 * 1024 };

/* The directory of schemas: the configured one (SCHEMA_DIR), else (NULL or "")
 * the program's own. */
void app_schema_dir(const char *configured, char out[APP_PATH_BYTES]);

/* Points app->ports and app->ops at the parts (wiring.c). */
void app_wire(struct app *app);

#endif
