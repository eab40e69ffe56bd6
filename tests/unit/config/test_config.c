#include "unit/config/environment.h"

#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

static void an_empty_environment_gives_the_defaults(void **state)
{
    struct fixture *f = *state;
    const struct config *c = &f->config;

    READ(f, 0, NULL);
    assert_fine(f);
    assert_true(c->sync.enabled);
    assert_null(c->sync.services);
    assert_string_equal(c->sync.fallback_services,
        "managementreporting-service,assessment-service,devlab-service");
    assert_string_equal(c->sync.tenant, "default-tenant");
    assert_null(c->sync.schema_dir);
    assert_int_equal(c->sync.limit, 1000);
    assert_int_equal(c->sync.chunk_size, 50);
    assert_int_equal(c->sync.workers, 5);
    assert_int_equal(c->sync.max_pages, 0);
    assert_int_equal(c->sync.max_item_bytes, 8 << 20);
    assert_int_equal(c->sync.timeout_s, 300);
    assert_int_equal(c->sync.tries, 5);
    assert_int_equal(c->sync.retry_base_ms, 500);
    assert_int_equal(c->sync.grace_s, 8);
    assert_int_equal(c->sync.overlap_s, 300);
    assert_int_equal(c->sync.lease_s, 30);
    assert_string_equal(c->schedule.cron, "0 2 * * *");
    assert_string_equal(c->schedule.timezone, "UTC");
    assert_false(c->schedule.on_startup);
    assert_true(c->database.migrate_on_start);
    assert_null(c->database.url);
    assert_int_equal(c->log_level, LOG_INFO);
}

static void the_other_sides_have_defaults_too(void **state)
{
    struct fixture *f = *state;
    const struct config *c = &f->config;

    READ(f, 0, NULL);
    assert_fine(f);
    assert_true(c->coordinator.enabled);
    assert_string_equal(c->coordinator.grpc_target, "localhost:50051");
    assert_null(c->coordinator.http_url);
    assert_false(c->coordinator.use_tls);
    assert_null(c->coordinator.root_pem);
    assert_null(c->coordinator.private_key);
    assert_int_equal(c->coordinator.max_message_bytes, 64 << 20);
    assert_int_equal(c->embedding.provider, PROVIDER_OPENAI);
    assert_string_equal(c->embedding.api_url, "https://api.openai.com/v1");
    assert_null(c->embedding.api_key);
    assert_string_equal(c->embedding.model, "text-embedding-3-small");
    assert_int_equal(c->embedding.dimensions, 1536);
    assert_int_equal(c->embedding.encoding, ENCODING_BASE64);
    assert_true(c->embedding.send_dimensions);
    assert_int_equal(c->embedding.max_tokens, 8191);
    assert_int_equal(c->embedding.timeout_s, 60);
}

static void values_are_taken_without_the_space_around(void **state)
{
    struct fixture *f = *state;
    const struct config *c = &f->config;

    READ(f, 0, "BATCH_SYNC_LIMIT= 25\n", "BATCH_SYNC_SERVICES=a, b",
        "DEFAULT_TENANT_ID= t ", "LOG_LEVEL=WARN", "EMBEDDING_ENCODING=Float",
        "EMBEDDING_PROVIDER=builtin", "OPENAI_API_URL=http://e:1/v1//",
        "OPENAI_API_KEY= key ", "SCHEMA_DIR=/x");
    assert_fine(f);
    assert_int_equal(c->sync.limit, 25);
    assert_string_equal(c->sync.services, "a, b");
    assert_string_equal(c->sync.tenant, "t");
    assert_string_equal(c->sync.schema_dir, "/x");
    assert_int_equal(c->log_level, LOG_WARN);
    assert_int_equal(c->embedding.encoding, ENCODING_FLOAT);
    assert_int_equal(c->embedding.provider, PROVIDER_BUILTIN);
    assert_string_equal(c->embedding.api_url, "http://e:1/v1");
    assert_string_equal(c->embedding.api_key, "key");
}

static void an_empty_value_counts_as_none(void **state)
{
    struct fixture *f = *state;

    READ(f, 0, "BATCH_SYNC_LIMIT=", "BATCH_SYNC_ENABLED= ", "DATABASE_URL=",
        "DATABASE_URL_FILE=", "RAG_PRIVATE_KEY=", "BATCH_SYNC_SERVICES=");
    assert_fine(f);
    assert_int_equal(f->config.sync.limit, 1000);
    assert_true(f->config.sync.enabled);
    assert_null(f->config.database.url);
    assert_null(f->config.sync.services);
}

static void booleans_have_eight_spellings_in_any_case(void **state)
{
    static char *const yes[] = {"true", "1", "yes", "on", "TRUE", "Yes", "oN"};
    static char *const no[] = {"false", "0", "no", "off", "False", "OFF"};
    static char *const others[] = {"2", "y", "tru", "true false", "|", "01"};
    struct fixture *f = *state;
    char line[64];

    for (size_t i = 0; i < COUNT(yes); i++) {
        snprintf(line, sizeof(line), "BATCH_SYNC_ON_STARTUP=%s", yes[i]);
        READ(f, 0, line);
        assert_fine(f);
        assert_true(f->config.schedule.on_startup);
    }
    for (size_t i = 0; i < COUNT(no); i++) {
        snprintf(line, sizeof(line), "BATCH_SYNC_ENABLED=%s", no[i]);
        READ(f, 0, line);
        assert_fine(f);
        assert_false(f->config.sync.enabled);
    }
    for (size_t i = 0; i < COUNT(others); i++) {
        snprintf(line, sizeof(line), "BATCH_SYNC_ENABLED=%s", others[i]);
        READ(f, 0, line);
        assert_fault(f, "one of true, false, 1, 0, yes, no, on, off");
    }
}

static void whole_numbers_have_a_range(void **state)
{
    static char *const wrong[] = {"0", "100001", "-5", "+5", "1.5", "1e3",
        "0x10", "5 5", "99999999999999999999", "abc"};
    struct fixture *f = *state;
    char line[64];

    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(line, sizeof(line), "BATCH_SYNC_LIMIT=%s", wrong[i]);
        READ(f, 0, line);
        assert_fault(f, "BATCH_SYNC_LIMIT=\"");
        assert_fault(f, wrong[i]);
        assert_fault(f, "a whole number from 1 to 100000");
        assert_int_equal(f->config.sync.limit, 1000);
    }
    READ(f, 0, "BATCH_SYNC_LIMIT=100000", "BATCH_SYNC_CHUNK_SIZE=1",
        "EMBEDDING_DIMENSIONS=16000");
    assert_fine(f);
}

static void all_faults_are_told_at_once_a_line_each(void **state)
{
    struct fixture *f = *state;

    READ(f, NEED_DATABASE | NEED_EMBEDDER, "BATCH_SYNC_LIMIT=a\nb",
        "BATCH_SYNC_WORKERS=0", "LOG_LEVEL=loud", "EMBEDDING_ENCODING=hex",
        "COORDINATOR_GRPC_PORT=70000", "COORDINATOR_URL=coordinator:x",
        "PORT=x", "KG_ENABLED=perhaps");
    assert_int_equal(lines(f), 10);
    assert_fault(f, "BATCH_SYNC_LIMIT=\"a\\nb\": ");
    assert_fault(f, "BATCH_SYNC_WORKERS=\"0\": ");
    assert_fault(
        f, "LOG_LEVEL=\"loud\": must be one of debug, info, warn, error");
    assert_fault(f, "EMBEDDING_ENCODING=\"hex\": must be one of base64, float");
    assert_fault(f, "COORDINATOR_GRPC_PORT=\"70000\": ");
    assert_fault(f, "COORDINATOR_URL=\"coordinator:x\": must be a host with");
    assert_fault(f, "PORT=\"x\": ");
    assert_fault(f, "KG_ENABLED=\"perhaps\": ");
    assert_fault(f, "DATABASE_URL is not set");
    assert_fault(f, "neither OPENAI_API_KEY nor OPENAI_API_URL");
}

static void long_and_broken_values_are_shown_fit_for_a_log(void **state)
{
    struct fixture *f = *state;
    char line[5000];

    snprintf(line, sizeof(line), "BATCH_SYNC_LIMIT=9%04000d", 0);
    READ(f, 0, line, "LOG_LEVEL=\xFF\x01");
    assert_fault(f, "00\"...: must be");
    assert_fault(f, "LOG_LEVEL=\"\xEF\xBF\xBD\\u0001\"");
    assert_true(f->problems.len < 1000);
}

static void the_embedder_needs_a_key_or_an_address(void **state)
{
    struct fixture *f = *state;

    READ(f, NEED_EMBEDDER, NULL);
    assert_fault(f, "OPENAI_API_KEY");
    assert_fault(f, "OPENAI_API_URL");
    assert_fault(f, "EMBEDDING_PROVIDER=builtin");
    READ(f, NEED_EMBEDDER, "OPENAI_API_KEY=k");
    assert_fine(f);
    READ(f, NEED_EMBEDDER, "OPENAI_API_URL=http://localhost:8080/v1");
    assert_fine(f);
    READ(f, NEED_EMBEDDER, "EMBEDDING_PROVIDER=builtin");
    assert_fine(f);
    READ(f, 0, NULL);
    assert_fine(f);
}

/* With nothing said of the form, vectors come from where they always came. */
static void the_identity_is_plain_until_documents_are_sent_otherwise(
    void **state)
{
    struct fixture *f = *state;
    const struct config_embedding *e = &f->config.embedding;
    char first[64];

    READ(f, 0, "EMBEDDING_QUERY_PREFIX=query: ", "OPENAI_API_KEY=k",
        "EMBEDDING_EXTRA={\"user\":\"me\"}", "EMBEDDING_HEADERS=X-A: b",
        "EMBEDDING_QUERY_EXTRA={\"input_type\":\"query\"}");
    assert_fine(f);
    assert_string_equal(e->identity, "openai");
    assert_string_equal(e->queries.prefix, "query: ");
    assert_string_equal(e->documents.extra, "\"user\":\"me\"");
    assert_string_equal(
        e->queries.extra, "\"user\":\"me\",\"input_type\":\"query\"");
    READ(f, 0, "EMBEDDING_DOCUMENT_PREFIX= passage: ");
    assert_string_equal(e->documents.prefix, " passage: ");
    assert_memory_equal(e->identity, "openai+", 7);
    snprintf(first, sizeof(first), "%s", e->identity);
    READ(f, 0, "EMBEDDING_DOCUMENT_PREFIX=passage: ");
    assert_string_not_equal(e->identity, first);
    READ(f, 0, "EMBEDDING_EXTRA={\"b\":1, \"a\":2}");
    snprintf(first, sizeof(first), "%s", e->identity);
    READ(f, 0, "EMBEDDING_EXTRA={\"a\":2,\"b\":1,\"c\":3}",
        "EMBEDDING_EXTRA_NEUTRAL=user, c");
    assert_string_equal(e->identity, first);
}

static void extra_fields_are_an_object_of_others_than_ours(void **state)
{
    struct fixture *f = *state;

    READ(f, 0, "EMBEDDING_EXTRA=[1]", "EMBEDDING_QUERY_EXTRA={\"a\":");
    assert_fault(f, "EMBEDDING_EXTRA=\"[1]\": allowed is a JSON object");
    assert_fault(f, "EMBEDDING_QUERY_EXTRA=");
    READ(f, 0, "EMBEDDING_EXTRA={\"encoding_format\":\"float\"}");
    assert_fault(f, "encoding_format comes from EMBEDDING_ENCODING");
    READ(f, 0, "EMBEDDING_HEADERS=X-Key: secret-1\nno header");
    assert_fault(f, "EMBEDDING_HEADERS=***: ");
    assert_null(strstr(problems(f), "secret-1"));
}

static void a_profile_presets_what_is_not_set(void **state)
{
    struct fixture *f = *state;
    const struct config_embedding *e = &f->config.embedding;

    READ(f, NEED_EMBEDDER, "EMBEDDING_PROFILE=Mistral");
    assert_fine(f);
    assert_string_equal(e->api_url, "https://api.mistral.ai/v1");
    assert_int_equal(e->limits.tokens, 16384);
    assert_int_equal(e->limits.inputs, 512);
    assert_false(e->send_dimensions);
    READ(f, 0, "EMBEDDING_PROFILE=nim", "OPENAI_API_URL=http://nim:8000/v1",
        "EMBEDDING_SEND_DIMENSIONS=true",
        "EMBEDDING_QUERY_EXTRA={\"input_type\":\"q\"}");
    assert_string_equal(e->api_url, "http://nim:8000/v1");
    assert_true(e->send_dimensions);
    assert_string_equal(e->documents.extra, "\"input_type\":\"passage\"");
    assert_string_equal(e->queries.extra, "\"input_type\":\"q\"");
    READ(f, NEED_EMBEDDER, "EMBEDDING_PROFILE=azure", "OPENAI_API_KEY=k",
        "OPENAI_API_URL=unix:/run/proxy.sock:/x?api-version=1");
    assert_fine(f);
    assert_true(e->key_as_api_key);
}

static void a_key_must_fit_into_a_header(void **state)
{
    struct fixture *f = *state;

    READ(f, 0, "OPENAI_API_KEY=sk-1\r\nX-Evil: 1");
    assert_fault(f, "OPENAI_API_KEY=***: ");
    assert_null(strstr(problems(f), "Evil"));
    READ(f, 0, "ADMIN_TOKEN=s\xC3\xA4");
    assert_fault(f, "ADMIN_TOKEN=***: ");
}

static void unknown_names_are_warned_of_with_the_nearest(void **state)
{
    struct fixture *f = *state;

    READ(f, 0, "BATCH_SYNC_LIMTI=5", "BATCH_SYNC_ENABLE=", "OTHER=1",
        "BATCH_SYNC_CATCH_UP=true", "BATCH_SYNC_MAX_DELETE_PERCENT=10",
        "BATCH_SYNC_LIMIT_FILE=/x");
    assert_int_equal(f->status, 0);
    assert_string_equal(warnings(f),
        "\"BATCH_SYNC_LIMTI\" is not a known variable; did you mean "
        "BATCH_SYNC_LIMIT?\n"
        "\"BATCH_SYNC_ENABLE\" is not a known variable; did you mean "
        "BATCH_SYNC_ENABLED?\n"
        "\"BATCH_SYNC_LIMIT_FILE\" is not a known variable; did you mean "
        "BATCH_SYNC_LIMIT?\n");
}

/* What documentation and messages are made of. */
static void every_row_of_the_table_is_sound(void **state)
{
    size_t n;
    const struct config_key *keys = config_keys(&n);
    struct fixture *f = *state;
    char line[256];

    assert_true(n > 40);
    for (size_t i = 0; i < n; i++) {
        const char *help = keys[i].help;

        assert_true(strlen(help) > 10 && help[strlen(help) - 1] != '.');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(keys[i].name, keys[k].name);
        assert_true(!keys[i].secret || keys[i].file);
        if (keys[i].fallback == NULL)
            continue;
        snprintf(line, sizeof(line), "%s=%s", keys[i].name, keys[i].fallback);
        READ(f, 0, line);
        assert_fine(f);
    }
}

static void the_processs_environment_is_read(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(setenv("BATCH_SYNC_LIMIT", "77", 1), 0);
    assert_int_equal(setenv("BATCH_SYNC_LIMITS", "77", 1), 0);
    f->status =
        config_from_environment(&f->config, 0, &f->problems, &f->warnings);
    assert_int_equal(f->config.sync.limit, 77);
    assert_non_null(strstr(warnings(f), "BATCH_SYNC_LIMITS"));
    unsetenv("BATCH_SYNC_LIMIT");
    unsetenv("BATCH_SYNC_LIMITS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        READING(an_empty_environment_gives_the_defaults),
        READING(the_other_sides_have_defaults_too),
        READING(values_are_taken_without_the_space_around),
        READING(an_empty_value_counts_as_none),
        READING(booleans_have_eight_spellings_in_any_case),
        READING(whole_numbers_have_a_range),
        READING(all_faults_are_told_at_once_a_line_each),
        READING(long_and_broken_values_are_shown_fit_for_a_log),
        READING(the_embedder_needs_a_key_or_an_address),
        READING(the_identity_is_plain_until_documents_are_sent_otherwise),
        READING(extra_fields_are_an_object_of_others_than_ours),
        READING(a_profile_presets_what_is_not_set),
        READING(a_key_must_fit_into_a_header),
        READING(unknown_names_are_warned_of_with_the_nearest),
        READING(every_row_of_the_table_is_sound),
        READING(the_processs_environment_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
