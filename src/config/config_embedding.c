/*
 * What the embedder's variables come to: the presets of a profile, headers and
 * extra fields that are well-formed, and the name of what vectors come from.
 */
#include "config/config_table.h"

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { DIGEST_BYTES = 8, EXTRA_BYTES = 64 * 1024 };

/* In the order of the variable's choices. */
enum profile { NONE, AZURE, GEMINI, NIM, VOYAGE, MISTRAL, TEI, OLLAMA };

/* What holds for every model of a provider; docs/providers.md says why. */
static const struct preset {
    enum profile profile;
    const char *name, *value;
} presets[] = {
    {GEMINI, "OPENAI_API_URL",
        "https://generativelanguage.googleapis.com/v1beta/openai"},
    {GEMINI, "EMBEDDING_ENCODING", "float"},
    {GEMINI, "EMBEDDING_MAX_INPUTS", "100"},
    {GEMINI, "EMBEDDING_MAX_TOKENS", "2048"},
    {NIM, "OPENAI_API_URL", "https://integrate.api.nvidia.com/v1"},
    {NIM, "EMBEDDING_ENCODING", "float"},
    {NIM, "EMBEDDING_SEND_DIMENSIONS", "false"},
    {NIM, "EMBEDDING_EXTRA", "{\"input_type\":\"passage\"}"},
    {NIM, "EMBEDDING_QUERY_EXTRA", "{\"input_type\":\"query\"}"},
    {VOYAGE, "OPENAI_API_URL", "https://api.voyageai.com/v1"},
    {VOYAGE, "EMBEDDING_SEND_DIMENSIONS", "false"},
    {VOYAGE, "EMBEDDING_MAX_INPUTS", "1000"},
    {VOYAGE, "EMBEDDING_MAX_REQUEST_TOKENS", "120000"},
    {VOYAGE, "EMBEDDING_EXTRA",
        "{\"input_type\":\"document\",\"truncation\":false}"},
    {VOYAGE, "EMBEDDING_QUERY_EXTRA", "{\"input_type\":\"query\"}"},
    {MISTRAL, "OPENAI_API_URL", "https://api.mistral.ai/v1"},
    {MISTRAL, "EMBEDDING_ENCODING", "float"},
    {MISTRAL, "EMBEDDING_SEND_DIMENSIONS", "false"},
    {MISTRAL, "EMBEDDING_MAX_INPUTS", "512"},
    {MISTRAL, "EMBEDDING_MAX_REQUEST_TOKENS", "16384"},
    {TEI, "EMBEDDING_ENCODING", "float"},
    {TEI, "EMBEDDING_SEND_DIMENSIONS", "false"},
    {TEI, "EMBEDDING_MAX_INPUTS", "32"},
    {TEI, "EMBEDDING_MAX_TOKENS", "512"},
    {OLLAMA, "OPENAI_API_URL", "http://localhost:11434/v1"},
    {OLLAMA, "EMBEDDING_ENCODING", "float"},
    {OLLAMA, "EMBEDDING_SEND_DIMENSIONS", "false"},
    {OLLAMA, "EMBEDDING_MAX_TOKENS", "2048"},
};

enum { NPRESETS = sizeof(presets) / sizeof(presets[0]) };

bool config_preset_url(int profile)
{
    for (size_t i = 0; i < NPRESETS; i++)
        if ((int)presets[i].profile == profile &&
            strcmp(presets[i].name, "OPENAI_API_URL") == 0)
            return true;
    return false;
}

static void config_embedding_apply_presets(struct config_reading *r)
{
    struct config_raw *raw = r->raw;

    for (size_t i = 0; i < NPRESETS; i++)
        if ((int)presets[i].profile == raw->profile &&
            !config_is_set(r, presets[i].name))
            config_set(raw, config_key_named(presets[i].name),
                str_of(presets[i].value));
    raw->c.embedding.key_as_api_key = raw->profile == AZURE;
    raw->c.embedding.limits.inputs_chosen =
        config_is_set(r, "EMBEDDING_MAX_INPUTS");
    raw->c.embedding.limits.tokens_chosen =
        config_is_set(r, "EMBEDDING_MAX_REQUEST_TOKENS");
}

/* Name: value, with a name that HTTP allows and nothing unprintable. */
static bool config_embedding_is_header(struct str line)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    size_t name = 0;

    while (name < line.len && line.p[name] != ':') {
        char c = line.p[name++];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                (c >= '0' && c <= '9') || strchr(marks, c) != NULL))
            return false;
    }
    for (size_t i = name; i < line.len; i++)
        if (((unsigned char)line.p[i] < ' ' && line.p[i] != '\t') ||
            line.p[i] == 0x7F)
            return false;
    return name > 0 && name < line.len;
}

static void config_embedding_check_headers(struct config_reading *r)
{
    struct str lines = str_of(r->raw->c.embedding.headers), line;

    while (text_next_line(&lines, &line)) {
        line = text_trim(line);
        if (line.len > 0 && !config_embedding_is_header(line)) {
            config_fault(r, config_key_named("EMBEDDING_HEADERS"), line,
                "allowed are lines of the form Name: value");
            return;
        }
    }
}

/* Members of the request that have variables of their own. */
static const char *config_embedding_variable_of(struct str member)
{
    static const struct {
        const char *member, *variable;
    } own[] = {
        {"model", "EMBEDDING_MODEL"},
        {"input", "the texts themselves"},
        {"dimensions", "EMBEDDING_DIMENSIONS and EMBEDDING_SEND_DIMENSIONS"},
        {"encoding_format", "EMBEDDING_ENCODING"},
    };

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (str_eq(member, str_of(own[i].member)))
            return own[i].variable;
    return NULL;
}

/* The members of the object; a fault, and none, where it is not one. */
static size_t config_embedding_read_extra(struct config_reading *r,
    struct arena *a, const char *name, const char *text,
    struct json_entry **members)
{
    const struct config_key *key = config_key_named(name);
    yyjson_val *root = NULL;
    struct err err = {0};
    long n;

    *members = NULL;
    if (text == NULL)
        return 0;
    if (json_parse(a, str_of(text), &root, NULL, &err) < 0 ||
        !yyjson_is_obj(root)) {
        config_fault(r, key, str_of(text), "allowed is a JSON object%s%s",
            err.code != 0 ? ": " : "", err.msg);
        return 0;
    }
    n = json_entries(a, root, members);
    if (n < 0)
        abort();
    for (long i = 0; i < n; i++) {
        const char *variable = config_embedding_variable_of((*members)[i].key);

        if (variable != NULL)
            config_fault(r, key, str_of(text), "%.*s comes from %s",
                STR_ARG((*members)[i].key), variable);
    }
    return (size_t)n;
}

static bool config_embedding_has_member(
    const struct json_entry *members, size_t n, struct str key)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(members[i].key, key))
            return true;
    return false;
}

static void config_embedding_write_member(
    struct buf *out, const struct json_entry *member)
{
    if (out->len > 0)
        buf_char(out, ',');
    buf_json_str(out, member->key);
    buf_char(out, ':');
    json_write(out, member->value, NULL);
}

static char *config_embedding_members_text(struct buf *out)
{
    char *z = out->len == 0 ? NULL : config_copy(buf_view(out));

    buf_free(out);
    return z;
}

static bool config_embedding_is_neutral(const char *list, struct str key)
{
    while (list != NULL && *list != '\0') {
        size_t len = strcspn(list, ",");

        if (str_eq(text_trim((struct str){list, len}), key))
            return true;
        list += len + (list[len] == ',');
    }
    return false;
}

static int config_embedding_member_order(const void *a, const void *b)
{
    struct str x = ((const struct json_entry *)a)->key;
    struct str y = ((const struct json_entry *)b)->key;
    int order = memcmp(x.p, y.p, x.len < y.len ? x.len : y.len);

    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

/*
 * "openai", or "openai+<digest>" where documents are sent in a form of their
 * own: rows and runs carry it, so vectors of two forms never pass for one.
 * Sorts the members.
 */
static char *config_embedding_identity_of(
    const struct config_raw *raw, struct json_entry *members, size_t n)
{
    const char *prefix = raw->c.embedding.documents.prefix;
    char name[sizeof("openai+") + 2 * DIGEST_BYTES] = "openai";
    uint8_t digest[SHA256_BYTES];
    struct buf text;

    buf_init(&text, EXTRA_BYTES * 2);
    if (n > 0)
        qsort(members, n, sizeof(*members), config_embedding_member_order);
    for (size_t i = 0; i < n; i++)
        if (!config_embedding_is_neutral(raw->extra_neutral, members[i].key))
            config_embedding_write_member(&text, &members[i]);
    if (text.len > 0 || prefix != NULL) {
        struct sha256 s;

        sha256_init(&s);
        sha256_add_field(&s, str_of(prefix));
        sha256_add_field(&s, buf_view(&text));
        sha256_end(&s, digest);
        name[strlen("openai")] = '+';
        hex_encode(digest, DIGEST_BYTES, name + strlen("openai+"));
    }
    buf_free(&text);
    return config_copy(str_of(name));
}

static void config_embedding_derive_extra(
    struct config_reading *r, struct arena *a)
{
    struct config_raw *raw = r->raw;
    struct json_entry *all, *of_query;
    struct buf documents, queries;
    size_t n =
        config_embedding_read_extra(r, a, "EMBEDDING_EXTRA", raw->extra, &all);
    size_t nquery = config_embedding_read_extra(
        r, a, "EMBEDDING_QUERY_EXTRA", raw->query_extra, &of_query);

    buf_init(&documents, EXTRA_BYTES * 2);
    buf_init(&queries, EXTRA_BYTES * 2);
    for (size_t i = 0; i < n; i++) {
        config_embedding_write_member(&documents, &all[i]);
        if (!config_embedding_has_member(of_query, nquery, all[i].key))
            config_embedding_write_member(&queries, &all[i]);
    }
    for (size_t i = 0; i < nquery; i++)
        config_embedding_write_member(&queries, &of_query[i]);
    raw->c.embedding.documents.extra =
        config_embedding_members_text(&documents);
    raw->c.embedding.queries.extra = config_embedding_members_text(&queries);
    raw->c.embedding.identity = config_embedding_identity_of(raw, all, n);
}

enum { CA_FILE_BYTES = 8 << 20 }; /* the system's has a quarter of one */

/* Certificates, of which libcurl will say too little when they are none, and no
 * key, which nobody is to see. */
static void config_embedding_check_ca_file(struct config_reading *r)
{
    const char *path = r->raw->c.embedding.ca_file, *fault = NULL;
    struct err err = {.code = 0};
    struct buf pem;

    if (path == NULL)
        return;
    buf_init(&pem, CA_FILE_BYTES);
    if (file_read(path, &pem, NULL, &err) < 0)
        fault = err.msg;
    else if (pem.len > 0 && strstr(pem.data, "PRIVATE KEY-----") != NULL)
        fault = "the file holds a private key; only certificates belong there";
    else if (pem.len == 0 || strstr(pem.data, "-----BEGIN ") == NULL)
        fault = "the file holds no certificates in PEM format";
    if (fault != NULL)
        config_fault(r, config_key_named("EMBEDDING_CA_FILE"), str_of(path),
            "%s", fault);
    if (pem.data != NULL)
        explicit_bzero(pem.data, pem.len);
    buf_free(&pem);
}

enum { PRICE_MOST = 1000000, PRICE_TOKENS = 1000000 };

/* Digits with at most one point: a price has no exponent. */
static void config_embedding_derive_price(struct config_reading *r)
{
    const char *text = r->raw->price;
    double price = text == NULL ? 0 : strtod(text, NULL);

    if (text == NULL)
        return;
    if (text[strspn(text, "0123456789.")] != '\0' || text[0] == '.' ||
        strchr(text, '.') != strrchr(text, '.') || price > PRICE_MOST) {
        config_fault(r, config_key_named("EMBEDDING_PRICE_PER_MILLION_TOKENS"),
            str_of(text), "must be a number from 0 to %d, such as 0.02",
            PRICE_MOST);
        return;
    }
    r->raw->c.embedding.priced = true;
    r->raw->c.embedding.price_per_token = price / PRICE_TOKENS;
}

void config_derive_embedding(struct config_reading *r)
{
    struct arena a;

    config_embedding_apply_presets(r);
    config_embedding_check_headers(r);
    config_embedding_check_ca_file(r);
    config_embedding_derive_price(r);
    arena_init(&a, 0);
    config_embedding_derive_extra(r, &a);
    arena_free(&a);
}
