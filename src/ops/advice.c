#include "ops/advice.h"

#include "daemon/memory_budget.h"
#include "db/graph/index_watch.h"
#include "db/graph/vector_index.h"
#include "ops/result_json.h"
#include "record/schema.h"
#include "version.h"
#include <stdio.h>

enum { ADVICE_MIB = 1024 * 1024, ADVICE_REPLICAS = 5 };
enum { ADVICE_INDEX_ROWS = 1000 }; /* below it no index is built */

struct advice {
    const struct ops *ops;
    struct arena *arena;
    const json_t *facts;
    json_t *list; /* owned */
};

static void advice_add(struct advice *a, const char *id, const char *level,
    const char *text, const char *copy, const char *view)
{
    json_array_append_new(a->list,
        json_pack("{s:s, s:s, s:o, s:s?, s:s?}", "id", id, "level", level,
            "text", result_json_text(text), "copy", copy, "view", view));
}

static json_t *advice_fact(const struct advice *a, const char *name)
{
    return json_object_get(a->facts, name);
}

static void advice_last_run(struct advice *a)
{
    json_t *run = advice_fact(a, "lastRun");
    const char *status = json_string_value(json_object_get(run, "status"));
    const char *error = json_string_value(json_object_get(run, "error"));
    char text[ERR_MSG_BYTES + 64], view[64];

    if (status == NULL ||
        (strcmp(status, "failed") != 0 && strcmp(status, "partial") != 0))
        return;
    snprintf(text, sizeof(text), "The last run was not a success (%s)%s%s",
        status, error == NULL ? "" : ": ", error == NULL ? "" : error);
    snprintf(view, sizeof(view), "#/runs/%s",
        json_string_value(json_object_get(run, "id")));
    advice_add(a, "last-run", "bad", text, NULL, view);
}

static void advice_schemas(struct advice *a)
{
    json_t *services = json_object_get(advice_fact(a, "lastRun"), "services");
    char text[ERR_MSG_BYTES], copy[256];
    json_t *name;
    size_t i;

    json_array_foreach(services, i, name)
    {
        const char *service = json_string_value(name);

        if (schema_find(a->ops->schemas, a->arena, service) != NULL)
            continue;
        snprintf(text, sizeof(text),
            "The service %.200s has no schema: nothing of it can be stored. "
            "Write one (docs/schemas.md) and restart",
            service);
        snprintf(copy, sizeof(copy), "%.200s.json", service);
        advice_add(a, "schema", "bad", text, copy, NULL);
    }
}

static void advice_index(struct advice *a)
{
    static const char again[] =
        "REINDEX INDEX CONCURRENTLY " VECTOR_INDEX_NAME ";";
    const char *state = json_string_value(advice_fact(a, "index"));
    json_int_t rows = json_integer_value(advice_fact(a, "rows"));

    if (state != NULL && strcmp(state, "invalid") == 0)
        advice_add(a, "index", "bad",
            "The vector index is not valid, so every search reads the whole "
            "table. The linking after the next run builds it again, or do it "
            "now",
            again, NULL);
    else if (state != NULL && strcmp(state, "none") == 0 &&
             rows >= ADVICE_INDEX_ROWS)
        advice_add(a, "index", "warn",
            "There is no vector index, so every search reads the whole table. "
            "Linking builds it, unless KG_ENABLED is false",
            "KG_ENABLED=true", NULL);
}

static long long advice_mib(int64_t bytes)
{
    return (long long)((bytes + ADVICE_MIB - 1) / ADVICE_MIB);
}

/* What building the index may use is a share of what the server can cache. */
static void advice_index_memory(struct advice *a)
{
    json_t *memory = advice_fact(a, "indexMemory");
    json_int_t rows = json_integer_value(advice_fact(a, "rows"));
    int64_t needs =
        vector_index_bytes(rows, a->ops->config->embedding.dimensions);
    int64_t may = vector_index_memory(needs,
        json_integer_value(json_object_get(memory, "maintenance")),
        json_integer_value(json_object_get(memory, "cache")));
    char text[256], copy[128];

    if (rows < ADVICE_INDEX_ROWS || needs <= may)
        return;
    snprintf(text, sizeof(text),
        "Building the vector index of %lld rows takes %lld MiB of memory, and "
        "may use %lld: it takes several times as long. If the server has more, "
        "let it",
        (long long)rows, advice_mib(needs), advice_mib(may));
    snprintf(copy, sizeof(copy),
        "ALTER ROLE CURRENT_USER SET maintenance_work_mem = '%lldMB';",
        advice_mib(needs));
    advice_add(a, "index-memory", "info", text, copy, NULL);
}

static void advice_pgvector(struct advice *a)
{
    const char *version = json_string_value(advice_fact(a, "pgvector"));
    int major, minor, patch = 0;

    if (version == NULL ||
        sscanf(version, "%d.%d.%d", &major, &minor, &patch) < 2 || major > 0 ||
        minor > 8 || (minor == 8 && patch >= 2))
        return;
    if (minor < 8)
        advice_add(a, "pgvector", "bad",
            "pgvector is older than 0.8: a search of a small tenant may miss "
            "items",
            "ALTER EXTENSION vector UPDATE;", NULL);
    else
        advice_add(a, "pgvector", "warn",
            "pgvector is older than 0.8.2, whose parallel index builds have a "
            "known fault (CVE-2026-3172); the index is built by one process",
            "ALTER EXTENSION vector UPDATE;", NULL);
}

static void advice_letters(struct advice *a)
{
    json_int_t n = json_integer_value(advice_fact(a, "openLetters"));
    char text[128];

    if (n == 0)
        return;
    snprintf(text, sizeof(text),
        "%lld dead letter%s: items that could not be stored", (long long)n,
        n == 1 ? "" : "s");
    advice_add(a, "dead-letters", "warn", text, NULL, "#/letters");
}

/* "0.1.0 on host-a, an older one on host-b": other versions than ours. */
static size_t advice_name_replicas(const struct advice *a, struct buf *out)
{
    json_t *replicas = advice_fact(a, "replicas"), *replica;
    size_t i, n = 0;

    json_array_foreach(replicas, i, replica)
    {
        const char *version =
            json_string_value(json_object_get(replica, "version"));

        if (version != NULL && strcmp(version, BATCHSYNC_VERSION) == 0)
            continue;
        if (n++ < ADVICE_REPLICAS)
            buf_printf(out, "%s%s on %s", n > 1 ? ", " : "",
                version == NULL ? "an older one" : version,
                json_string_value(json_object_get(replica, "host")));
    }
    return n;
}

static void advice_replicas(struct advice *a)
{
    struct buf text;

    buf_init(&text, ERR_MSG_BYTES);
    buf_puts(&text,
        "Replicas of other versions than this one (" BATCHSYNC_VERSION
        ") took part in the last runs: ");
    if (advice_name_replicas(a, &text) > 0) {
        buf_puts(&text, ". Bring all to one version");
        advice_add(a, "replicas", "warn", text.data, "batchsync version", NULL);
    }
    buf_free(&text);
}

static void advice_limit(struct advice *a, const json_t *limit)
{
    const char *kind = json_string_value(json_object_get(limit, "kind"));
    long long value = json_integer_value(json_object_get(limit, "value"));
    const struct config_embedding_limits *set =
        &a->ops->config->embedding.limits;
    bool inputs = strcmp(kind, "inputs") == 0;
    char text[512], copy[64];

    if (inputs ? set->inputs_chosen : set->tokens_chosen)
        return;
    snprintf(text, sizeof(text),
        "%.200s refuses requests of more than %s%lld %s (%.100s). This was "
        "learnt from its refusals. Runs keep to it, and try more once a day "
        "unless it is set",
        json_string_value(json_object_get(limit, "address")),
        inputs ? "" : "about ", value, inputs ? "texts" : "tokens",
        json_string_value(json_object_get(limit, "model")));
    snprintf(copy, sizeof(copy), "%s=%lld",
        inputs ? "EMBEDDING_MAX_INPUTS" : "EMBEDDING_MAX_REQUEST_TOKENS",
        value);
    advice_add(a, "limit", "info", text, copy, NULL);
}

/* Of the model at hand, whatever its address: one that has moved may have
 * other limits, and that is seen in the text. */
static void advice_limits(struct advice *a)
{
    const struct config_embedding *c = &a->ops->config->embedding;
    json_t *limits = advice_fact(a, "limits"), *limit;
    size_t i;

    json_array_foreach(limits, i, limit)
    {
        const char *model = json_string_value(json_object_get(limit, "model"));

        if (c->model != NULL && strcmp(model, c->model) == 0)
            advice_limit(a, limit);
    }
}

/* Would the kernel end the process before the largest pages are read? */
static void advice_container(struct advice *a)
{
    uint64_t limit = memory_limit("/");
    struct memory_budget budget;
    char text[256];

    memory_budget(a->ops->config, &budget);
    if (limit == 0 || memory_budget_sum(&budget) <= limit)
        return;
    snprintf(text, sizeof(text),
        "The container may use %lld MiB of memory, and this configuration up "
        "to %lld. Raise the limit, or lower BATCH_SYNC_WORKERS, "
        "GRPC_MAX_MESSAGE_BYTES or BATCH_SYNC_MAX_ITEM_BYTES",
        advice_mib((int64_t)limit),
        advice_mib((int64_t)memory_budget_sum(&budget)));
    advice_add(a, "container", "warn", text, "BATCH_SYNC_WORKERS=2", NULL);
}

static void advice_settings(struct advice *a)
{
    const struct config *c = a->ops->config;

    if (c->http.admin_token == NULL)
        advice_add(a, "token", "warn",
            "No ADMIN_TOKEN is set, so only clients on this machine may look "
            "and start runs",
            "ADMIN_TOKEN=$(openssl rand -hex 32)", NULL);
    if (!c->sync.enabled)
        advice_add(a, "disabled", "warn", "Syncing is switched off",
            "BATCH_SYNC_ENABLED=true", NULL);
    if (c->coordinator.private_key == NULL)
        advice_add(a, "unsigned", "info",
            "Calls to the coordinator are not signed: no key is configured",
            "RAG_PRIVATE_KEY_FILE=/run/secrets/rag_private_key", NULL);
    if (c->embedding.provider == PROVIDER_BUILTIN)
        advice_add(a, "builtin", "info",
            "The builtin embedder matches words, not meaning; it is meant for "
            "trying things out",
            "EMBEDDING_PROVIDER=openai", NULL);
}

json_t *advice_json(
    const struct ops *ops, struct arena *arena, const json_t *facts)
{
    static void (*const looks[])(struct advice *) = {advice_last_run,
        advice_schemas, advice_index, advice_index_memory, advice_pgvector,
        advice_letters, advice_replicas, advice_limits, advice_container,
        advice_settings};
    struct advice a = {ops, arena, facts, json_array()};

    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
        looks[i](&a);
    return json_pack("{s:o, s:I}", "advice", a.list, "count",
        (json_int_t)json_array_size(a.list));
}
