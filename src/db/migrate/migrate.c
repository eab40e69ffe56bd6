/*
 * Migrations.
 *
 * Happy path: inspect the database, then, when something is pending, one
 * script: lock, extension, the pending migrations, each recorded, commit; then
 * inspect again, because another migrator may have been faster and may have
 * used another vector size. Failures: the script is rolled back as a whole;
 * for missing rights the message has the command that grants them. On cancel:
 * the script is rolled back by the server.
 *
 *   FACTS --> NAMES --> decide --> APPLY --> FACTS --> NAMES --> ready
 *     \--> SHAPE (another program's tables) --> PLAN, or APPLY
 *   ready --> TENANTS --> TRY --> done
 */
#include "db/migrate/migrate.h"

#include "db/call.h"
#include "db/migrate/adopt.h"
#include "db/migrate/migration.h"
#include "db/migrate/pgvector_version.h"
#include "db/migrate/tenants.h"
#include "db/writable.h"
#include <stdio.h>
#include <stdlib.h>

enum { FACTS, NAMES, SHAPE, PLAN, APPLY, TENANTS, TRY };
enum { REPORT_BYTES = 64 * 1024, SCRIPT_BYTES = 1024 * 1024 };
enum { HNSW_DIMENSIONS = 2000, APPLY_MS = 10 * 60 * 1000 };

/* What the database contains; "" stands for nothing. */
struct facts {
    bool recorded; /* batch_sync_migrations is there */
    char foreign[256];
    char version[32];   /* of the extension */
    char available[32]; /* which version could be created */
    char database[128], schema[PG_SCHEMA_BYTES], role[128]; /* quoted */
    bool superuser;
    char encoding[32];
    int dimensions; /* of the column; 0: no column, or no size */
    char lost[64];  /* the migrations whose columns or index are gone, as SQL
                       has a list */
};

struct migrate_work {
    struct migrate_req *req;
    struct facts facts;
    bool applied;      /* the script has run */
    bool done[64];     /* recorded, by index */
    struct buf script; /* owned */
};

static struct migrate_work *migrate_work_of(struct call *c)
{
    return c->data;
}

static void migrate_free_script(void *script)
{
    buf_free(script);
}

static void migrate_line(
    struct migrate_work *w, const char *name, const char *text)
{
    buf_printf(&w->req->report, "%s: %s\n", name, text);
}

static void migrate_read_facts(struct call *c)
{
    struct facts *f = &migrate_work_of(c)->facts;
    const struct pg_result *r = c->pg.results[0];

    *f = (struct facts){.recorded = pg_value(r, 0, 0).p[0] == 't'};
    call_copy(r, 0, 1, f->foreign, sizeof(f->foreign));
    call_copy(r, 0, 2, f->version, sizeof(f->version));
    call_copy(r, 0, 3, f->available, sizeof(f->available));
    f->dimensions = (int)call_int(r, 0, 4);
    call_copy(r, 0, 5, f->database, sizeof(f->database));
    call_copy(r, 0, 6, f->role, sizeof(f->role));
    f->superuser = pg_value(r, 0, 7).p[0] == 't';
    call_copy(r, 0, 8, f->encoding, sizeof(f->encoding));
    snprintf(f->schema, sizeof(f->schema), "%s", pg_pool_schema(c->pool));
    migrate_work_of(c)->req->ready = f->recorded;
}

static void migrate_ask_facts(struct call *c)
{
    c->state = FACTS;
    call_stmt(c,
        "SELECT to_regclass('@.batch_sync_migrations') IS NOT NULL,"
        " (SELECT string_agg(t, ', ') FROM unnest(ARRAY['tenants',"
        "  'microservices', 'vector_embeddings', 'knowledge_graph_nodes',"
        "  'knowledge_graph_edges']) t WHERE to_regclass('@.' || t) IS NOT "
        "NULL),"
        " (SELECT extversion FROM pg_extension WHERE extname = 'vector'),"
        " (SELECT default_version FROM pg_available_extensions"
        "  WHERE name = 'vector'),"
        " coalesce((SELECT atttypmod FROM pg_attribute"
        "  WHERE attrelid = to_regclass('@.vector_embeddings')"
        "  AND attname = 'embedding' AND NOT attisdropped), 0),"
        " quote_ident(current_database()), quote_ident(current_user),"
        " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),"
        " getdatabaseencoding()",
        false);
    call_send(c);
}

static void migrate_ask_names(struct call *c)
{
    c->state = NAMES;
    call_stmt(c,
        "SELECT name, " ADOPT_LOST " FROM @.batch_sync_migrations"
        " ORDER BY name",
        false);
    call_send(c);
}

/* Are there tables of another program that have not been taken over, or that it
 * has put back to what they were? */
static bool migrate_is_foreign(const struct facts *f)
{
    return (!f->recorded || f->lost[0] != '\0') && f->foreign[0] != '\0';
}

/* The obstacles that count in every mode. */
static int migrate_refuse(const struct migrate_work *w, struct err *err)
{
    const struct facts *f = &w->facts;
    int wanted = w->req->dimensions;

    if (strcmp(f->encoding, "UTF8") != 0)
        return err_set(err, ERR_CONFIG,
            "database %s is encoded in %s, which cannot hold every character: "
            "create one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE "
            "template0, and name it in DATABASE_URL",
            f->database, f->encoding);
    if (f->lost[0] != '\0' && !w->req->adopt)
        return adopt_refuse_lost(err);
    if (migrate_is_foreign(f) && !w->req->adopt)
        return err_set(err, ERR_CONFIG,
            "database %s has tables that another program created (%s): review "
            "the plan with `batchsync migrate --dry-run`, then run `batchsync "
            "migrate` to take them over as they are",
            f->database, f->foreign);
    if (f->version[0] == '\0' && f->available[0] == '\0')
        return err_set(err, ERR_CONFIG,
            "the database server does not have pgvector: install pgvector 0.8 "
            "or newer on it (https://github.com/pgvector/pgvector)");
    if (pgvector_refuse_old(f->version, f->available, err) < 0)
        return err->code;
    if (f->dimensions > 0 && f->dimensions != wanted)
        return err_set(err, ERR_CONFIG,
            "vector_embeddings.embedding has %d dimensions, but "
            "EMBEDDING_DIMENSIONS is %d: set EMBEDDING_DIMENSIONS=%d, or use a "
            "new database for the other size",
            f->dimensions, wanted, f->dimensions);
    return 0;
}

static void migrate_warn(struct migrate_work *w)
{
    if (w->req->dimensions > HNSW_DIMENSIONS)
        buf_printf(&w->req->report,
            "warning: %d dimensions exceed the limit of an HNSW index (%d): "
            "searches will read the whole table\n",
            w->req->dimensions, HNSW_DIMENSIONS);
}

static int migrate_count_pending(const struct migrate_work *w)
{
    int n = 0;

    for (int i = 0; migrations[i].name != NULL; i++)
        n += !w->done[i];
    return n;
}

static void migrate_write_script(struct migrate_work *w)
{
    struct buf *out = &w->script;

    buf_puts(out, "BEGIN; SET LOCAL statement_timeout = 0;");
    adopt_write_path(out, w->facts.schema);
    buf_puts(out, " SELECT pg_advisory_xact_lock(7089061847);");
    if (w->facts.version[0] == '\0')
        buf_puts(out, " CREATE EXTENSION IF NOT EXISTS vector;");
    buf_puts(out,
        " CREATE TABLE IF NOT EXISTS batch_sync_migrations ("
        "  name text PRIMARY KEY,"
        "  applied_at timestamptz NOT NULL DEFAULT now());"
        " COMMENT ON TABLE batch_sync_migrations IS"
        "  'Which of its numbered scripts batchsync has applied here.';\n");
    if (w->facts.lost[0] != '\0')
        buf_printf(out,
            " DELETE FROM batch_sync_migrations WHERE name IN (%s);",
            w->facts.lost);
    if (migrate_is_foreign(&w->facts))
        adopt_write_steps(out, adopt_tables(w->facts.foreign));
    for (int i = 0; migrations[i].name != NULL; i++)
        if (!w->done[i])
            migration_write(out, &migrations[i], w->req->dimensions);
    buf_puts(out, "SELECT name, " ADOPT_COUNTS " FROM batch_sync_migrations"
                  " WHERE applied_at = now() ORDER BY name; COMMIT");
}

static void migrate_apply(struct call *c)
{
    struct migrate_work *w = migrate_work_of(c);
    struct err err;

    migrate_write_script(w);
    if (w->script.error != 0) {
        err_set(&err, w->script.error, "the migrations are too large");
        call_end(c, &err);
        return;
    }
    c->state = APPLY;
    c->pg.timeout_ms = migrate_is_foreign(&w->facts) ? ADOPT_MS : APPLY_MS;
    call_send_script(c, w->script.data);
}

static void migrate_report_applied(struct call *c)
{
    struct migrate_work *w = migrate_work_of(c);
    const struct pg_result *r = c->pg.results[0];

    if (w->facts.version[0] == '\0' && pg_rows(r) > 0)
        migrate_line(w, "extension vector", "created");
    if (pg_rows(r) == 0)
        buf_puts(&w->req->report, "just applied by another process\n");
    if (migrate_is_foreign(&w->facts))
        adopt_report(r, 1, &w->req->report);
    for (int i = 0; i < pg_rows(r); i++)
        migrate_line(w, pg_value(r, i, 0).p, "applied");
    w->applied = true;
    c->pg.timeout_ms = 0;
}

static void migrate_report_plan(struct migrate_work *w)
{
    const struct facts *f = &w->facts;

    if (f->version[0] == '\0')
        migrate_line(w, "extension vector",
            f->superuser ? "would be created"
                         : "missing; a superuser has to run CREATE EXTENSION "
                           "vector;");
    for (int i = 0; migrations[i].name != NULL; i++)
        migrate_line(w, migrations[i].name,
            w->done[i] ? "already applied" : "would be applied");
}

/* --- ready: whose items are there, and can one write? --- */

static void migrate_ready(struct call *c)
{
    struct migrate_work *w = migrate_work_of(c);

    if (w->req->tenant == NULL) {
        call_end(c, NULL);
        return;
    }
    c->state = TENANTS;
    tenants_ask(c, w->req->tenant);
}

static void migrate_try(struct call *c)
{
    struct migrate_work *w = migrate_work_of(c);
    struct err err;

    if (tenants_judge(w->req, c->pg.results[0], &err) < 0) {
        call_end(c, &err);
        return;
    }
    if (w->req->mode == MIGRATE_LOOK) {
        call_end(c, NULL);
        return;
    }
    c->state = TRY;
    writable_add_try(c, w->req->tenant);
    call_send(c);
}

static void migrate_check(struct call *c, int pending)
{
    struct err err;

    if (pending == 0) {
        migrate_ready(c);
        return;
    }
    err_set(&err, ERR_CONFIG,
        "the database lacks %d migration%s: run batchsync migrate", pending,
        pending == 1 ? "" : "s");
    call_end(c, &err);
}

/* Decides what to do with what was found. */
static void migrate_decide(struct call *c)
{
    struct migrate_work *w = migrate_work_of(c);
    int pending = migrate_count_pending(w);
    struct err err;

    if (migrate_refuse(w, &err) < 0) {
        call_end(c, &err);
        return;
    }
    if (!w->applied)
        migrate_warn(w);
    if (migrate_is_foreign(&w->facts)) {
        c->state = SHAPE;
        adopt_ask_shape(c);
    } else if (w->req->mode >= MIGRATE_CHECK) {
        migrate_check(c, pending);
    } else if (w->req->mode == MIGRATE_DRY_RUN) {
        migrate_report_plan(w);
        if (w->facts.recorded)
            migrate_ready(c);
        else
            call_end(c, NULL);
    } else if (pending > 0 && !w->applied) {
        migrate_apply(c);
    } else {
        if (!w->applied)
            buf_puts(&w->req->report, "nothing to do\n");
        migrate_ready(c);
    }
}

/* The obstacles are known: applies the migrations, or shows the plan. */
static void migrate_decide_adoption(struct call *c)
{
    struct migrate_work *w = migrate_work_of(c);
    struct err err;

    if (adopt_check_result(c->pg.results[0], &w->req->report, &err) < 0) {
        call_end(c, &err);
    } else if (w->req->mode == MIGRATE_DRY_RUN) {
        c->state = PLAN;
        adopt_ask_plan(c, adopt_tables(w->facts.foreign));
    } else {
        migrate_apply(c);
    }
}

static void migrate_report_adoption(struct call *c)
{
    struct migrate_work *w = migrate_work_of(c);
    struct err err;

    err_clear(&err);
    adopt_report_plan(c->pg.results[0], adopt_tables(w->facts.foreign),
        &w->req->report, &err);
    migrate_report_plan(w);
    call_end(c, &err);
}

static void migrate_note_lost(struct facts *f, const char *name)
{
    size_t len = strlen(f->lost);

    snprintf(f->lost + len, sizeof(f->lost) - len, "%s'%s'",
        len > 0 ? ", " : "", name);
}

static void migrate_read_names(struct call *c)
{
    struct migrate_work *w = migrate_work_of(c);
    const struct pg_result *r = c->pg.results[0];

    memset(w->done, 0, sizeof(w->done));
    for (int i = 0; i < pg_rows(r); i++) {
        int at = migration_find(pg_value(r, i, 0));

        if (at >= 0 && pg_value(r, i, 1).p[0] == 't')
            migrate_note_lost(&w->facts, migrations[at].name);
        else if (at >= 0)
            w->done[at] = true;
        else if (!w->applied)
            migrate_line(w, pg_value(r, i, 0).p, "applied by a newer version");
    }
    w->req->ready = w->facts.lost[0] == '\0';
}

static void migrate_step(struct call *c)
{
    switch (c->state) {
    case FACTS:
        migrate_read_facts(c);
        if (migrate_work_of(c)->facts.recorded)
            migrate_ask_names(c);
        else
            migrate_decide(c);
        break;
    case NAMES:
        migrate_read_names(c);
        migrate_decide(c);
        break;
    case SHAPE:
        migrate_decide_adoption(c);
        break;
    case PLAN:
        migrate_report_adoption(c);
        break;
    case APPLY:
        migrate_report_applied(c);
        migrate_ask_facts(c);
        break;
    case TENANTS:
        migrate_try(c);
        break;
    case TRY:
        call_end(c, NULL);
        break;
    }
}

/* Missing rights: the message names the role and the command. */
static void migrate_explain_refusal(const struct facts *f, struct err *err)
{
    if (f->version[0] == '\0')
        err_set(err, ERR_CONFIG,
            "the extension vector is missing in database %s, and role %s may "
            "not create it: as a superuser, run in that database: CREATE "
            "EXTENSION vector;",
            f->database, f->role);
    else
        err_wrap(err,
            "role %s needs the right to create tables (GRANT CREATE "
            "ON SCHEMA %s TO %s;)",
            f->role, f->schema, f->role);
    err->code = ERR_CONFIG;
}

static bool migrate_failed(struct call *c)
{
    struct err err = c->pg.op.err;

    if (c->state == TRY) {
        call_end(c, writable_judge_try(c, &err) ? &err : NULL);
        return true;
    }
    if (strcmp(c->pg.sqlstate, "42501") == 0)
        migrate_explain_refusal(&migrate_work_of(c)->facts, &err);
    else if (strcmp(c->pg.sqlstate, "55P03") == 0)
        err_wrap(&err, "another program holds a lock on the tables; nothing "
                       "was changed: stop it or try again later");
    call_end(c, &err);
    return true;
}

void migrate_run(
    struct pg_pool *pool, struct loop *loop, struct migrate_req *req)
{
    struct call *c = call_new(
        pool, loop, &req->op, migrate_step, sizeof(struct migrate_work));

    c->on_error = migrate_failed;
    req->work = c->data;
    req->work->req = req;
    buf_init(&req->report, REPORT_BYTES);
    buf_init(&req->work->script, SCRIPT_BYTES);
    if (arena_defer(&c->arena, migrate_free_script, &req->work->script) < 0)
        abort();
    migrate_ask_facts(c);
}
