#include "api/live/live_ledger.h"

#include "db/read/history.h"
#include "events/journal.h"
#include <stdlib.h>

/* What was told last of a service: hashes; 0: nothing. */
struct live_seen {
    uint64_t status, counts;
};

struct live_ledger {
    struct api *api;          /* borrowed */
    struct history_req list;  /* the newest run; pending, or idle */
    struct history_req whole; /* the same with its services */
    uint64_t run_hash;        /* of the newest run, as the ledger had it */
    char run_id[ID_BYTES];    /* whose services were looked at last */
    json_t *ended;            /* owned; to be told behind its services */
    struct live_seen *seen;   /* owned; nseen of them, by position */
    size_t nseen;
    bool fresh;   /* the look under way is the first one */
    bool running; /* the run was, at the last look */
};

static void on_live_listed(struct op *op);
static void on_live_whole(struct op *op);

struct live_ledger *live_ledger_new(struct api *api)
{
    struct live_ledger *l = calloc(1, sizeof(*l));

    if (l == NULL)
        abort();
    l->api = api;
    l->fresh = true;
    op_init(&l->list.op, on_live_listed);
    op_init(&l->whole.op, on_live_whole);
    return l;
}

void live_ledger_free(struct live_ledger *l)
{
    json_decref(l->ended);
    free(l->seen);
    free(l);
}

bool live_ledger_is_idle(const struct live_ledger *l)
{
    return !op_pending(&l->list.op) && !op_pending(&l->whole.op);
}

void live_ledger_stop(struct live_ledger *l)
{
    op_cancel(&l->list.op);
    op_cancel(&l->whole.op);
}

void live_ledger_forget(struct live_ledger *l)
{
    l->fresh = true;
}

/* FNV-1a; never 0. */
static uint64_t live_hash(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    uint64_t hash = 14695981039346656037u;

    for (const char *c = text; c != NULL && *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    free(text);
    return hash == 0 ? 1 : hash;
}

static const char *live_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text == NULL ? "" : text;
}

static void live_tell(struct live_ledger *l, const char *kind,
    const char *run_id, const json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT);

    if (text != NULL && !l->fresh)
        journal_add(l->api->options.journal, kind, run_id, str_of(text));
    free(text);
}

/* --- services ----------------------------------------------------------- */

static void live_tell_service(
    struct live_ledger *l, const char *kind, const json_t *service)
{
    json_t *data = json_pack("{s:s, s:O, s:O, s:O, s:O, s:O}", "run", l->run_id,
        "service", json_object_get(service, "service"), "status",
        json_object_get(service, "status"), "position",
        json_object_get(service, "position"), "page",
        json_object_get(service, "pages"), "counts",
        json_object_get(service, "counts"));

    if (data != NULL)
        live_tell(l, kind, l->run_id, data);
    json_decref(data);
}

/* Ours tell of themselves; one that nobody has begun has nothing to tell. */
static bool live_is_others(const struct live_ledger *l, const json_t *service)
{
    const char *owner = live_text(service, "owner");

    return owner[0] != '\0' &&
           strcmp(owner, l->api->options.ops->ledger->owner) != 0;
}

static void live_compare_service(
    struct live_ledger *l, struct live_seen *seen, const json_t *service)
{
    struct live_seen is = {live_hash(json_object_get(service, "status")),
        live_hash(json_object_get(service, "counts"))};

    if (!live_is_others(l, service))
        return;
    if (is.status != seen->status)
        live_tell_service(l, "service", service);
    else if (is.counts != seen->counts)
        live_tell_service(l, "progress", service);
    *seen = is;
}

/* Another run, or the first: nothing of it has been told. */
static void live_begin_run(struct live_ledger *l, const char *id, size_t n)
{
    if (strcmp(l->run_id, id) == 0 && l->nseen == n)
        return;
    snprintf(l->run_id, sizeof(l->run_id), "%s", id);
    free(l->seen);
    l->nseen = n;
    l->seen = calloc(n + 1, sizeof(*l->seen));
    if (l->seen == NULL)
        abort();
}

static void live_compare(struct live_ledger *l, const json_t *run)
{
    json_t *services = json_object_get(run, "services"), *service;
    size_t i;

    live_begin_run(l, live_text(run, "id"), json_array_size(services));
    json_array_foreach(services, i, service)
    {
        live_compare_service(l, &l->seen[i], service);
    }
}

static void on_live_whole(struct op *op)
{
    struct live_ledger *l = container_of(op, struct live_ledger, whole.op);
    struct str text = buf_view(&l->whole.json);
    json_t *run = NULL;

    if (op->err.code == 0)
        run = json_loadb(text.p, text.len, 0, NULL);
    history_req_clear(&l->whole);
    if (run != NULL)
        live_compare(l, run);
    if (l->ended != NULL)
        live_tell(l, "run", live_text(l->ended, "id"), l->ended);
    json_decref(l->ended);
    l->ended = NULL;
    l->fresh = l->fresh && run == NULL;
    json_decref(run);
}

/* --- the run ------------------------------------------------------------ */

static void live_ask_whole(struct live_ledger *l, const char *id)
{
    const struct ops *ops = l->api->options.ops;

    /* The id outlives the list, which it comes from. */
    if (strcmp(l->run_id, id) != 0)
        live_begin_run(l, id, 0);
    l->whole = (struct history_req){.id = l->run_id};
    op_init(&l->whole.op, on_live_whole);
    history_run(ops->history, ops->loop, &l->whole);
}

/* Our own tell of themselves; one that we joined is another process's. */
static bool live_is_own(const struct live_ledger *l, const char *id)
{
    const struct last_run *last = runner_last(l->api->options.ops->runner);

    return strcmp(id, last->run_id) == 0 && !last->joined;
}

/* The newest run of the list: of another process it is news when changed; its
 * services are asked for while it runs, and once more when it has ended. */
static void live_look_at(struct live_ledger *l, json_t *run)
{
    const char *id = live_text(run, "id");
    uint64_t hash = live_hash(run);
    bool running = strcmp(live_text(run, "status"), "running") == 0;
    bool changed = hash != l->run_hash;

    bool asks = running || l->running || (changed && !l->fresh);

    if (changed && !live_is_own(l, id)) {
        if (running || !asks)
            live_tell(l, "run", id, run);
        else
            l->ended = json_incref(run);
    }
    l->run_hash = hash;
    if (asks)
        live_ask_whole(l, id);
    else
        l->fresh = false;
    l->running = running;
}

static void on_live_listed(struct op *op)
{
    struct live_ledger *l = container_of(op, struct live_ledger, list.op);
    struct str text = buf_view(&l->list.json);
    json_t *found = NULL, *run;

    if (op->err.code == 0)
        found = json_loadb(text.p, text.len, 0, NULL);
    history_req_clear(&l->list);
    run = json_array_get(json_object_get(found, "runs"), 0);
    if (run != NULL && !l->api->draining)
        live_look_at(l, run);
    else if (found != NULL)
        l->fresh = false;
    json_decref(found);
}

void live_ledger_look(struct live_ledger *l)
{
    const struct ops *ops = l->api->options.ops;

    if (!live_ledger_is_idle(l))
        return;
    l->list = (struct history_req){.limit = 1};
    op_init(&l->list.op, on_live_listed);
    history_runs(ops->history, ops->loop, &l->list);
}
