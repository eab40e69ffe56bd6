/* What is derived from the facts, as data: each fact alone, and what is said.
 */
#include "ops/advice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A healthy configuration. */
static char token[] = "secret", key[] = "key", model[] = "m";

static struct config healthy(void)
{
    struct config c = {.sync.enabled = true, .sync.workers = 1};

    c.http.admin_token = token;
    c.coordinator.private_key = key;
    c.embedding.provider = PROVIDER_OPENAI;
    c.embedding.dimensions = 1536;
    c.embedding.model = model;
    return c;
}

/* The advice of that id; *list to be freed. */
static json_t *advise(
    const struct config *c, const char *facts, const char *id, json_t **answer)
{
    static const struct schema_set no_schemas;
    const struct ops ops = {.config = c, .schemas = &no_schemas};
    json_t *read = json_loads(facts, 0, NULL), *item;
    struct arena arena;
    size_t i;

    assert_non_null(read);
    arena_init(&arena, 0);
    *answer = advice_json(&ops, &arena, read);
    arena_free(&arena);
    json_decref(read);
    json_array_foreach(json_object_get(*answer, "advice"), i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "id")), id) == 0)
            return item;
    }
    return NULL;
}

#define MEMORY(maintenance, cache) \
    "\"indexMemory\":{\"maintenance\":" maintenance ",\"cache\":" cache "}"

static const struct {
    const char *facts, *id;
    const char *says; /* NULL: nothing of that id */
    const char *copy;
} cases[] = {
    {"{\"index\":\"invalid\"}", "index", "is not valid",
        "REINDEX INDEX CONCURRENTLY"},
    {"{\"index\":\"none\",\"rows\":5000}", "index", "no vector index",
        "KG_ENABLED=true"},
    {"{\"index\":\"none\",\"rows\":500}", "index", NULL, NULL},
    {"{\"index\":\"valid\",\"rows\":5000}", "index", NULL, NULL},
    {"{\"rows\":1000000," MEMORY("67108864", "4294967296") "}", "index-memory",
        "of 1000000 rows takes", "SET maintenance_work_mem = '"},
    {"{\"rows\":1000000," MEMORY("17179869184", "4294967296") "}",
        "index-memory", NULL, NULL},
    {"{\"rows\":5000," MEMORY("67108864", "4294967296") "}", "index-memory",
        NULL, NULL},
    {"{\"pgvector\":\"0.7.4\"}", "pgvector", "older than 0.8",
        "ALTER EXTENSION vector UPDATE;"},
    {"{\"pgvector\":\"0.8.1\"}", "pgvector", "CVE-2026-3172",
        "ALTER EXTENSION vector UPDATE;"},
    {"{\"pgvector\":\"0.8.2\"}", "pgvector", NULL, NULL},
    {"{\"replicas\":[{\"host\":\"a\",\"version\":\"0.0.9\"},"
     "{\"host\":\"b\",\"version\":null}]}",
        "replicas", "0.0.9 on a, an older one on b", "batchsync version"},
    {"{\"replicas\":[]}", "replicas", NULL, NULL},
    {"{\"limits\":[{\"address\":\"https://h/v1\",\"model\":\"m\","
     "\"kind\":\"inputs\",\"value\":10}]}",
        "limit", "https://h/v1 refuses requests of more than 10 texts (m)",
        "EMBEDDING_MAX_INPUTS=10"},
    {"{\"limits\":[{\"address\":\"a\",\"model\":\"m\","
     "\"kind\":\"tokens\",\"value\":8000}]}",
        "limit", "more than about 8000 tokens",
        "EMBEDDING_MAX_REQUEST_TOKENS=8000"},
    {"{\"limits\":[{\"address\":\"a\",\"model\":\"other\","
     "\"kind\":\"tokens\",\"value\":8000}]}",
        "limit", NULL, NULL},
    {"{\"openLetters\":3}", "dead-letters", "3 dead letters", NULL},
    {"{\"lastRun\":{\"id\":\"r\",\"status\":\"success\",\"error\":null,"
     "\"services\":[\"nobody\"]}}",
        "schema", "The service nobody has no schema", "nobody.json"},
    {"{\"lastRun\":{\"id\":\"r\",\"status\":\"failed\",\"error\":\"why\","
     "\"services\":[]}}",
        "last-run", "why", NULL},
    {"{}", "token", NULL, NULL},
    {"{}", "unsigned", NULL, NULL},
    {"{}", "builtin", NULL, NULL},
};

static void each_fact_has_its_advice(void **state)
{
    struct config c = healthy();

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *answer;
        json_t *item = advise(&c, cases[i].facts, cases[i].id, &answer);
        const char *text = json_string_value(json_object_get(item, "text"));
        const char *copy = json_string_value(json_object_get(item, "copy"));

        if ((item == NULL) != (cases[i].says == NULL) ||
            (item != NULL && strstr(text, cases[i].says) == NULL) ||
            (cases[i].copy != NULL &&
                (copy == NULL || strstr(copy, cases[i].copy) == NULL)))
            fail_msg("%s: %s, %s", cases[i].facts, text, copy);
        json_decref(answer);
    }
}

static void settings_have_theirs(void **state)
{
    struct config c = healthy();
    json_t *answer, *item;

    c.embedding.limits.inputs_chosen = true;
    assert_null(advise(&c,
        "{\"limits\":[{\"address\":\"a\",\"model\":\"m\",\"kind\":\"inputs\","
        "\"value\":10}]}",
        "limit", &answer));
    json_decref(answer);
    c.http.admin_token = NULL;
    item = advise(&c, "{}", "token", &answer);
    assert_non_null(item);
    assert_string_equal(json_string_value(json_object_get(item, "copy")),
        "ADMIN_TOKEN=$(openssl rand -hex 32)");
    json_decref(answer);
    c.sync.enabled = false;
    assert_non_null(advise(&c, "{}", "disabled", &answer));
    json_decref(answer);
    c.coordinator.private_key = NULL;
    assert_non_null(advise(&c, "{}", "unsigned", &answer));
    json_decref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fact_has_its_advice),
        cmocka_unit_test(settings_have_theirs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
