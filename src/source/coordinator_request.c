#include "source/coordinator_request.h"

#include "coordinator.pb-c.h"

#include <inttypes.h>
#include <stdio.h>

/* Names are short; a request that reaches the caps is not a valid one. */
enum { ROUTE_TEXT_BYTES = 64 << 10, ROUTE_BYTES = 256 << 10 };

#define ROUTE_USER "system"
#define ROUTE_SELF "rag-service"

/* Services test for this value, in every kind of run. */
#define ROUTE_SYNC_TYPE "batch"

static void request_add(struct route *r, const char *name, const char *value)
{
    r->entries[r->n++] = (struct route_entry){name, value};
}

/* The order is that of the envelope's metadata. */
static void coordinator_request_add_entries(
    struct route *r, const struct route_params *p)
{
    snprintf(r->page, sizeof(r->page), "%d", p->page);
    snprintf(r->limit, sizeof(r->limit), "%d", p->limit);
    iso_from_ms(p->now_ms, r->timestamp);
    request_add(r, "target_service", p->service);
    request_add(r, "sync_type", ROUTE_SYNC_TYPE);
    request_add(r, "page", r->page);
    request_add(r, "limit", r->limit);
    request_add(r, "requester_service", ROUTE_SELF);
    request_add(r, "source", "rag-batch-sync");
    request_add(r, "timestamp", r->timestamp);
    if (p->since != NULL)
        request_add(r, "since", p->since);
}

/* `,"name":"value"`, without the comma after an opening brace. */
static void coordinator_request_json_pair(
    struct buf *out, const char *name, struct str value)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        buf_char(out, ',');
    buf_json_str(out, str_of(name));
    buf_char(out, ':');
    buf_json_str(out, value);
}

static void request_id(char out[64], int64_t now_ms, uint64_t nonce)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char tail[10] = "";

    for (int i = 8; i >= 0; i--) {
        tail[i] = digits[nonce % 36];
        nonce /= 36;
    }
    snprintf(out, 64, "rag-%" PRId64 "-%s", now_ms, tail);
}

static void coordinator_request_write_envelope(
    struct route *r, const struct route_params *p)
{
    struct buf *out = &r->envelope_json;
    char id[64];

    request_id(id, p->now_ms, p->nonce);
    buf_char(out, '{');
    coordinator_request_json_pair(out, "version", STR("1.0"));
    coordinator_request_json_pair(out, "timestamp", str_of(r->timestamp));
    coordinator_request_json_pair(out, "request_id", str_of(id));
    coordinator_request_json_pair(out, "tenant_id", str_of(p->tenant));
    coordinator_request_json_pair(out, "user_id", STR(ROUTE_USER));
    coordinator_request_json_pair(out, "source", STR(ROUTE_SELF));
    buf_puts(out, ",\"payload\":{");
    coordinator_request_json_pair(out, "query_text", buf_view(&r->query_text));
    buf_puts(out, ",\"metadata\":{");
    for (size_t i = 0; i < r->n; i++)
        coordinator_request_json_pair(
            out, r->entries[i].name, str_of(r->entries[i].value));
    buf_puts(out, "}}}");
}

/* The generated structs want char pointers, though packing only reads. */
static char *coordinator_request_unconst(const char *z)
{
    return (char *)(uintptr_t)z;
}

static void coordinator_request_pack(struct route *r, const char *tenant)
{
    Rag__V1__RouteRequest message = RAG__V1__ROUTE_REQUEST__INIT;
    Rag__V1__RouteRequest__MetadataEntry entries[ROUTE_ENTRIES];
    Rag__V1__RouteRequest__MetadataEntry *list[ROUTE_ENTRIES];
    uint8_t *out;

    for (size_t i = 0; i < r->n; i++) {
        rag__v1__route_request__metadata_entry__init(&entries[i]);
        entries[i].key = coordinator_request_unconst(r->entries[i].name);
        entries[i].value = coordinator_request_unconst(r->entries[i].value);
        list[i] = &entries[i];
    }
    message.tenant_id = coordinator_request_unconst(tenant);
    message.user_id = coordinator_request_unconst(ROUTE_USER);
    message.query_text = r->query_text.data;
    message.n_metadata = r->n;
    message.metadata = list;
    out =
        buf_grow(&r->packed, rag__v1__route_request__get_packed_size(&message));
    if (out != NULL)
        rag__v1__route_request__pack(&message, out);
}

static int coordinator_request_check_text(
    const char *what, const char *text, struct err *err)
{
    if (text == NULL || utf8_valid(str_of(text)))
        return 0;
    return err_set(err, ERR_INVALID, "the %s is not UTF-8", what);
}

static int request_check(const struct route_params *p, struct err *err)
{
    int rc = coordinator_request_check_text("tenant", p->tenant, err);

    if (rc == 0)
        rc = coordinator_request_check_text("service name", p->service, err);
    if (rc == 0)
        rc = coordinator_request_check_text("since", p->since, err);
    return rc;
}

int route_build(struct route *r, const struct route_params *p, struct err *err)
{
    int rc = request_check(p, err);

    *r = (struct route){.n = 0};
    buf_init(&r->query_text, ROUTE_TEXT_BYTES);
    buf_init(&r->envelope_json, ROUTE_BYTES);
    buf_init(&r->packed, 2 * ROUTE_BYTES);
    if (rc < 0)
        return rc;
    coordinator_request_add_entries(r, p);
    buf_printf(&r->query_text, "sync_%s_" ROUTE_SYNC_TYPE "_page_%d",
        p->service, p->page);
    coordinator_request_write_envelope(r, p);
    if (r->query_text.error != 0 || r->envelope_json.error != 0)
        return err_set(err, ERR_TOO_LARGE, "the request is too long");
    request_add(r, "envelope_json", r->envelope_json.data);
    coordinator_request_pack(r, p->tenant);
    if (r->packed.error != 0)
        return err_set(err, r->packed.error, "the request is too long");
    return 0;
}

void route_free(struct route *r)
{
    buf_free(&r->query_text);
    buf_free(&r->envelope_json);
    buf_free(&r->packed);
}

static void coordinator_request_sha256_hex(
    struct str data, char out[2 * SHA256_BYTES + 1])
{
    uint8_t digest[SHA256_BYTES];

    sha256_of(data, digest);
    hex_encode(digest, sizeof(digest), out);
}

void route_sign_message(
    struct buf *out, const char *tenant, struct str query_text, int64_t now_ms)
{
    struct buf payload;
    char hex[2 * SHA256_BYTES + 1];

    buf_init(&payload, ROUTE_BYTES);
    buf_char(&payload, '{');
    coordinator_request_json_pair(&payload, "tenant_id", str_of(tenant));
    coordinator_request_json_pair(&payload, "user_id", STR(ROUTE_USER));
    coordinator_request_json_pair(&payload, "query_text", query_text);
    coordinator_request_json_pair(
        &payload, "requester_service", STR(ROUTE_SELF));
    buf_printf(&payload, ",\"timestamp\":%" PRId64 "}", now_ms);
    coordinator_request_sha256_hex(buf_view(&payload), hex);
    buf_printf(out, "educoreai-" ROUTE_SELF "-%s", hex);
    buf_free(&payload);
}
