/* Pages over the wire: what the coordinator gets, what comes of its answer. */
#include "unit/source/coordinator_world.h"

#include "base/json.h"

/* --- what the coordinator gets ----------------------------------------- */

static Rag__V1__RouteRequest *seen_request(struct world *w)
{
    Rag__V1__RouteRequest *request = rag__v1__route_request__unpack(
        NULL, w->request.len, (const uint8_t *)w->request.data);

    assert_non_null(request);
    return request;
}

static void has_entry(const Rag__V1__RouteRequest *request, size_t i,
    const char *key, const char *value)
{
    assert_true(i < request->n_metadata);
    assert_string_equal(request->metadata[i]->key, key);
    assert_string_equal(request->metadata[i]->value, value);
}

static void a_page_is_asked_for_field_by_field(void **state)
{
    struct world *w = *state;
    Rag__V1__RouteRequest *request;

    fetch(w, (struct page_req){.page = 7, .limit = 250});
    assert_int_equal(w->page.op.err.code, 0);
    assert_string_equal(w->method.data, "/rag.v1.CoordinatorService/Route");
    request = seen_request(w);
    assert_string_equal(request->tenant_id, TENANT);
    assert_string_equal(request->user_id, "system");
    assert_string_equal(
        request->query_text, "sync_assessment-service_batch_page_7");
    assert_int_equal(request->n_metadata, 8);
    has_entry(request, 0, "target_service", "assessment-service");
    has_entry(request, 1, "sync_type", "batch");
    has_entry(request, 2, "page", "7");
    has_entry(request, 3, "limit", "250");
    has_entry(request, 4, "requester_service", "rag-service");
    has_entry(request, 5, "source", "rag-batch-sync");
    has_entry(request, 6, "timestamp", "2026-11-23T15:38:38.805Z");
    assert_string_equal(request->metadata[7]->key, "envelope_json");
    rag__v1__route_request__free_unpacked(request, NULL);
}

/* A file's bytes in the arena. */
static struct str read_data(struct world *w, const char *name)
{
    char path[512];
    char *data;
    long size;
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", TEST_DATA, name);
    f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    size = ftell(f);
    rewind(f);
    data = arena_alloc(&w->arena, (size_t)size);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)size, f), size);
    fclose(f);
    return (struct str){data, (size_t)size};
}

static yyjson_val *sample(struct world *w, const char *part)
{
    struct err err;
    yyjson_val *root;

    assert_int_equal(
        json_parse(&w->arena, read_data(w, "route-service-down.json"), &root,
            NULL, &err),
        0);
    return json_member(root, part);
}

static void the_envelope_is_the_sample_byte_for_byte(void **state)
{
    struct world *w = *state;
    yyjson_val *metadata;
    Rag__V1__RouteRequest *request;

    fetch(w, (struct page_req){.page = 1});
    metadata = json_member(sample(w, "request"), "metadata");
    request = seen_request(w);
    has_entry(request, 7, "envelope_json",
        json_str(json_member(metadata, "envelope_json")).p);
    rag__v1__route_request__free_unpacked(request, NULL);
}

static void since_is_asked_for_when_it_is_set(void **state)
{
    struct world *w = *state;
    Rag__V1__RouteRequest *request;

    fetch(w, (struct page_req){.since = "2026-11-01T00:00:00.000Z"});
    request = seen_request(w);
    assert_int_equal(request->n_metadata, 9);
    has_entry(request, 7, "since", "2026-11-01T00:00:00.000Z");
    assert_string_equal(request->metadata[8]->key, "envelope_json");
    assert_non_null(strstr(request->metadata[8]->value,
        "\"timestamp\":\"2026-11-23T15:38:38.805Z\","
        "\"since\":\"2026-11-01T00:00:00.000Z\"}}}"));
    rag__v1__route_request__free_unpacked(request, NULL);
}

static void odd_names_are_escaped(void **state)
{
    struct world *w = *state;
    Rag__V1__RouteRequest *request;

    fetch(w, (struct page_req){.service = "a\"b\\c\n\xc3\xa9"});
    request = seen_request(w);
    has_entry(request, 0, "target_service", "a\"b\\c\n\xc3\xa9");
    assert_non_null(strstr(request->metadata[7]->value,
        "\"target_service\":\"a\\\"b\\\\c\\n\xc3\xa9\""));
    rag__v1__route_request__free_unpacked(request, NULL);
}

static void a_name_that_is_not_utf8_fails(void **state)
{
    struct world *w = *state;

    fetch(w, (struct page_req){.service = "a\xff"});
    assert_int_equal(w->page.op.err.code, ERR_INVALID);
    assert_string_equal(
        w->page.op.err.msg, "coordinator: the service name is not UTF-8");
    fetch(w, (struct page_req){.tenant = "\xff"});
    assert_int_equal(w->page.op.err.code, ERR_INVALID);
}

/* --- signature --------------------------------------------------------- */

static void an_unsigned_call_has_no_such_headers(void **state)
{
    struct world *w = *state;

    fetch(w, (struct page_req){.page = 1});
    assert_int_equal(w->headers.len, 0);
}

static bool verifies(EVP_PKEY *key, struct str message, struct str signature)
{
    uint8_t der[256];
    long len = base64_decode(signature, der, sizeof(der));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int rc;

    assert_true(len > 0);
    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key);
    rc = EVP_DigestVerify(
        ctx, der, (size_t)len, (const uint8_t *)message.p, message.len);
    EVP_MD_CTX_free(ctx);
    return rc == 1;
}

static void a_signed_call_has_the_four_headers(void **state)
{
    static const char payload[] =
        "{\"tenant_id\":\"" TENANT "\",\"user_id\":\"system\","
        "\"query_text\":\"sync_assessment-service_batch_page_1\","
        "\"requester_service\":\"rag-service\",\"timestamp\":1795448318805}";
    static const char start_of[] = "x-service-name: rag-service\n"
                                   "x-timestamp: 1795448318805\n"
                                   "x-requester-service: rag-service\n"
                                   "x-signature: ";
    struct world *w = *state;
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1], message[128];
    struct str signature;

    with_key(w);
    fetch(w, (struct page_req){.page = 1});
    assert_int_equal(strncmp(w->headers.data, start_of, strlen(start_of)), 0);
    signature = str_of(w->headers.data + strlen(start_of));
    signature.len--;
    sha256_of(STR(payload), digest);
    hex_encode(digest, sizeof(digest), hex);
    snprintf(message, sizeof(message), "educoreai-rag-service-%s", hex);
    assert_true(verifies(w->key, str_of(message), signature));
    message[30] ^= 1;
    assert_false(verifies(w->key, str_of(message), signature));
}

static void a_key_that_cannot_be_read_stops_the_start(void **state)
{
    struct world *w = *state;
    struct coordinator_options options = {
        .config = &w->config, .timeout_ms = 1000};
    struct coordinator *c = NULL;
    struct err err;

    w->config.private_key = "not a key";
    assert_int_equal(
        coordinator_init(&c, &w->loop, &options, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "RAG_PRIVATE_KEY: "));
    assert_null(strstr(err.msg, "not a key"));
    assert_null(c);
}

/* --- answers ----------------------------------------------------------- */

static void says_fields(
    struct world *w, const char *envelope, char *fields[][2], size_t n)
{
    Rag__V1__RouteResponse response = RAG__V1__ROUTE_RESPONSE__INIT;
    Rag__V1__RouteResponse__NormalizedFieldsEntry entries[4];
    Rag__V1__RouteResponse__NormalizedFieldsEntry *list[4];

    for (size_t i = 0; i < n; i++) {
        rag__v1__route_response__normalized_fields_entry__init(&entries[i]);
        entries[i].key = fields[i][0];
        entries[i].value = fields[i][1];
        list[i] = &entries[i];
    }
    response.n_normalized_fields = n;
    response.normalized_fields = list;
    response.envelope_json = (char *)(uintptr_t)envelope;
    buf_reset(&w->body);
    rag__v1__route_response__pack(
        &response, buf_grow(&w->body,
                       rag__v1__route_response__get_packed_size(&response)));
    w->reply = (struct rpc_reply){.body = buf_view(&w->body)};
}

static void an_answer_is_handed_on_as_it_is(void **state)
{
    struct world *w = *state;
    char *fields[][2] = {{"successful_service", "assessment-service"},
        {"has_more", "true"}, {"odd", ""}};

    says_fields(w, "{ \"data\":\n[1, 2] }", fields, 3);
    fetch(w, (struct page_req){.page = 1});
    assert_int_equal(w->page.op.err.code, 0);
    assert_true(str_eq(w->page.envelope.json, STR("{ \"data\":\n[1, 2] }")));
    assert_int_equal(w->page.envelope.nfields, 3);
    assert_true(
        str_eq(w->page.envelope.fields[0].name, STR("successful_service")));
    assert_true(
        str_eq(w->page.envelope.fields[0].value, STR("assessment-service")));
    assert_true(str_eq(w->page.envelope.fields[1].value, STR("true")));
    assert_int_equal(w->page.envelope.fields[2].value.len, 0);
}

static void an_empty_answer_has_no_envelope(void **state)
{
    struct world *w = *state;

    fetch(w, (struct page_req){.page = 1});
    assert_int_equal(w->page.op.err.code, 0);
    assert_int_equal(w->page.envelope.json.len, 0);
    assert_int_equal(w->page.envelope.nfields, 0);
}

static void nonsense_is_no_route_response(void **state)
{
    struct world *w = *state;

    w->reply.body = STR("\xff\xff\xff");
    fetch(w, (struct page_req){.page = 1});
    assert_int_equal(w->page.op.err.code, ERR_PROTOCOL);
    assert_string_equal(
        w->page.op.err.msg, "coordinator: the answer is not a RouteResponse");
}

/* The call's limit is 2 MiB, the arena's 1 MiB. */
static void an_answer_past_the_arena_is_too_large(void **state)
{
    struct world *w = *state;
    size_t len = 3 << 19;
    char *big = malloc(len + 1);

    assert_non_null(big);
    memset(big, ' ', len);
    big[len] = '\0';
    says_fields(w, big, NULL, 0);
    free(big);
    fetch(w, (struct page_req){.page = 1});
    assert_int_equal(w->page.op.err.code, ERR_TOO_LARGE);
}

static void an_answer_past_the_message_limit_is_too_large(void **state)
{
    struct world *w = *state;

    w->config.max_message_bytes = 1000;
    reopen(w, 20000);
    assert_non_null(buf_grow(&w->body, 1001));
    w->reply.body = buf_view(&w->body);
    fetch(w, (struct page_req){.page = 1});
    assert_int_equal(w->page.op.err.code, ERR_TOO_LARGE);
}

static void the_coordinator_s_text_comes_along(void **state)
{
    struct world *w = *state;

    w->reply = (struct rpc_reply){
        .status = 2, .text = "No active services available\n    at x"};
    fetch(w, (struct page_req){.page = 1});
    assert_int_equal(w->page.op.err.code, ERR_INVALID);
    assert_string_equal(w->page.op.err.msg,
        "coordinator: UNKNOWN: No active services available");
    w->reply = (struct rpc_reply){.status = 13, .text = "Error: x\n    at y"};
    fetch(w, (struct page_req){.page = 1});
    assert_int_equal(w->page.op.err.code, ERR_SOURCE);
    assert_string_equal(w->page.op.err.msg, "coordinator: INTERNAL: Error: x");
}

/* --- cancel, deadline, close ------------------------------------------- */

static void a_deadline_is_a_timeout(void **state)
{
    struct world *w = *state;

    reopen(w, 50);
    w->reply.hang = true;
    fetch(w, (struct page_req){.page = 1});
    assert_int_equal(w->page.op.err.code, ERR_TIMEOUT);
}

static void a_canceled_page_comes_back_once(void **state)
{
    struct world *w = *state;

    w->reply.hang = true;
    start(w, (struct page_req){.page = 1});
    op_cancel(&w->page.op);
    op_cancel(&w->page.op);
    assert_int_equal(w->called, 0);
    loop_run(&w->loop);
    assert_int_equal(w->called, 1);
    assert_int_equal(w->page.op.err.code, ERR_CANCELED);
}

static void close_ends_a_pending_page(void **state)
{
    struct world *w = *state;

    w->reply.hang = true;
    start(w, (struct page_req){.page = 1});
    coordinator_close(w->coordinator);
    w->coordinator = NULL;
    assert_int_equal(w->called, 0);
    loop_run(&w->loop);
    assert_int_equal(w->called, 1);
    assert_int_equal(w->page.op.err.code, ERR_CANCELED);
}

static void close_after_cancel(void **state)
{
    struct world *w = *state;

    w->reply.hang = true;
    start(w, (struct page_req){.page = 1});
    op_cancel(&w->page.op);
    coordinator_close(w->coordinator);
    w->coordinator = NULL;
    loop_run(&w->loop);
    assert_int_equal(w->called, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WIRE_TEST(a_page_is_asked_for_field_by_field),
        WIRE_TEST(the_envelope_is_the_sample_byte_for_byte),
        WIRE_TEST(since_is_asked_for_when_it_is_set),
        WIRE_TEST(odd_names_are_escaped),
        WIRE_TEST(a_name_that_is_not_utf8_fails),
        WIRE_TEST(an_unsigned_call_has_no_such_headers),
        WIRE_TEST(a_signed_call_has_the_four_headers),
        WIRE_TEST(a_key_that_cannot_be_read_stops_the_start),
        WIRE_TEST(an_answer_is_handed_on_as_it_is),
        WIRE_TEST(an_empty_answer_has_no_envelope),
        WIRE_TEST(nonsense_is_no_route_response),
        WIRE_TEST(an_answer_past_the_arena_is_too_large),
        WIRE_TEST(an_answer_past_the_message_limit_is_too_large),
        WIRE_TEST(the_coordinator_s_text_comes_along),
        WIRE_TEST(a_deadline_is_a_timeout),
        WIRE_TEST(a_canceled_page_comes_back_once),
        WIRE_TEST(close_ends_a_pending_page),
        WIRE_TEST(close_after_cancel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
