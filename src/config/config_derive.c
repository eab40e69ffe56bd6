/* The members that are computed from more than one variable. */
#include "config/config_table.h"

#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include <stdlib.h>

/* Hands over the string: the one it came from is NULL then. */
static char *derive_take(char **from)
{
    char *z = *from;

    *from = NULL;
    return z;
}

static char *config_derive_target_named(
    struct config_reading *r, const char *name, const char *value)
{
    char *target = config_target(str_of(value), r->raw->grpc_port);

    if (target == NULL)
        config_fault(r, config_key_named(name), str_of(value),
            "must be host, host:port, the same behind http://, https://, "
            "grpc://, grpcs:// or dns:///, or unix:PATH");
    return target;
}

/*
 * Whether a call goes through TLS. The address of the gRPC side itself must
 * not say something else than GRPC_USE_SSL; that of the HTTP side decides only
 * where GRPC_USE_SSL is not set.
 */
static void derive_tls(struct config_reading *r, const char *url)
{
    struct config_raw *raw = r->raw;
    const char *own = raw->c.coordinator.grpc_endpoint != NULL
                          ? raw->c.coordinator.grpc_endpoint
                          : raw->c.coordinator.grpc_url;
    enum config_scheme scheme =
        config_scheme_of(str_of(own != NULL ? own : url));
    bool *use_tls = &raw->c.coordinator.use_tls;

    if (scheme == SCHEME_NONE)
        return;
    if (!config_is_set(r, "GRPC_USE_SSL"))
        *use_tls = scheme == SCHEME_TLS;
    else if (own != NULL && *use_tls != (scheme == SCHEME_TLS))
        config_fault(r,
            config_key_named(raw->c.coordinator.grpc_endpoint != NULL
                                 ? "COORDINATOR_GRPC_ENDPOINT"
                                 : "COORDINATOR_GRPC_URL"),
            str_of(own),
            "its scheme contradicts GRPC_USE_SSL=%s: must agree with it, or "
            "one of the two must go",
            *use_tls ? "true" : "false");
}

static void derive_target(struct config_reading *r)
{
    struct config_raw *raw = r->raw;
    const char *url = raw->url != NULL ? raw->url : raw->service_url;
    char **target = &raw->c.coordinator.grpc_target;

    if (raw->c.coordinator.grpc_endpoint != NULL)
        *target = config_derive_target_named(
            r, "COORDINATOR_GRPC_ENDPOINT", raw->c.coordinator.grpc_endpoint);
    else if (raw->c.coordinator.grpc_url != NULL)
        *target = config_derive_target_named(
            r, "COORDINATOR_GRPC_URL", raw->c.coordinator.grpc_url);
    else
        *target = config_target_at(
            str_of(url != NULL ? url : "localhost"), raw->grpc_port);
    derive_tls(r, url);
}

static void derive_http_url(struct config_raw *raw)
{
    char **from = raw->http_url != NULL ? &raw->http_url
                  : raw->url != NULL    ? &raw->url
                                        : &raw->service_url;

    raw->c.coordinator.http_url = derive_take(from);
}

/* Kept unless a key is in it, which nobody is to see. */
static void derive_keep_root(struct config_reading *r, char *pem)
{
    if (strstr(pem, "PRIVATE KEY-----") == NULL) {
        r->raw->c.coordinator.root_pem = pem;
        return;
    }
    explicit_bzero(pem, strlen(pem));
    free(pem);
    config_fault(r, config_key_named("GRPC_ROOT_CERT"), STR("-----BEGIN ***"),
        "this is a private key; certificates belong here, and the key that "
        "signs calls into RAG_PRIVATE_KEY");
}

/* The root certificates, given as PEM or as base64-encoded PEM. */
static void derive_root(struct config_reading *r)
{
    static const char mark[] = "-----BEGIN ";
    struct config_raw *raw = r->raw;
    struct str text = str_of(raw->root_cert);
    char *pem;
    long len;

    if (raw->root_cert == NULL)
        return;
    if (strstr(raw->root_cert, mark) != NULL) {
        derive_keep_root(r, derive_take(&raw->root_cert));
        return;
    }
    pem = config_copy(text);
    len = base64_decode(text, pem, text.len);
    pem[len < 0 ? 0 : len] = '\0';
    if (strstr(pem, mark) != NULL) {
        derive_keep_root(r, pem);
        return;
    }
    free(pem);
    config_fault(r, config_key_named("GRPC_ROOT_CERT"),
        text.p[0] == '/' ? text : STR("-----BEGIN ***"),
        "must be PEM or base64-encoded PEM");
}

/* A key that does not work must stop the start, not the first call. */
static void config_derive_check_key(struct config_reading *r)
{
    struct sign_key *key;
    struct err err;

    if (r->raw->c.coordinator.private_key == NULL)
        return;
    if (sign_key_load(&key, str_of(r->raw->c.coordinator.private_key), &err) <
        0)
        config_fault(r, config_key_named("RAG_PRIVATE_KEY"), STR(""),
            "%s; set an EC P-256 key as PEM or base64-encoded PEM", err.msg);
    sign_key_free(key);
}

struct str config_webhook_key(const char *secret)
{
    static const char prefix[] = "whsec_";
    struct str s = str_of(secret);

    if (strncmp(secret, prefix, sizeof(prefix) - 1) != 0)
        return s;
    return (struct str){s.p + sizeof(prefix) - 1, s.len - sizeof(prefix) + 1};
}

/* The bounds are those of Standard Webhooks. */
static void config_derive_check_webhook(struct config_reading *r)
{
    enum { KEY_LEAST = 24, KEY_MOST = 64 };
    const struct config_webhook *c = &r->raw->c.webhook;
    const char *want = "must be whsec_ and the base64 of 24 to 64 bytes, as "
                       "from: echo whsec_$(openssl rand -base64 32)";
    uint8_t key[KEY_MOST];
    long len;

    if (c->secret == NULL && c->url != NULL)
        config_fault(r, config_key_named("BATCH_SYNC_WEBHOOK_SECRET"), STR(""),
            "BATCH_SYNC_WEBHOOK_URL is set, so it %s", want);
    if (c->secret == NULL)
        return;
    len = base64_decode(config_webhook_key(c->secret), key, sizeof(key));
    explicit_bzero(key, sizeof(key));
    if (len < KEY_LEAST)
        config_fault(r, config_key_named("BATCH_SYNC_WEBHOOK_SECRET"),
            str_of(c->secret), "%s", want);
}

static void config_derive_need(struct config_reading *r, const char *message)
{
    buf_puts(r->problems, message);
    r->faults++;
}

static void config_derive_check_needs(struct config_reading *r, unsigned needs)
{
    if ((needs & NEED_COORDINATOR) != 0)
        config_derive_check_key(r);
    if ((needs & NEED_DATABASE) != 0 && !config_is_set(r, "DATABASE_URL"))
        config_derive_need(r,
            "DATABASE_URL is not set: set it to a PostgreSQL URL, or "
            "DATABASE_URL_FILE to the path of a file that contains one\n");
    if ((needs & NEED_EMBEDDER) != 0 &&
        r->raw->c.embedding.provider == PROVIDER_OPENAI &&
        !config_is_set(r, "OPENAI_API_KEY") &&
        !config_is_set(r, "OPENAI_API_URL") &&
        r->raw->c.embedding.headers == NULL &&
        !config_preset_url(r->raw->profile))
        config_derive_need(r,
            "neither OPENAI_API_KEY nor OPENAI_API_URL is set: set one of "
            "them, or EMBEDDING_PROVIDER=builtin\n");
    if (r->raw->c.embedding.provider == PROVIDER_STATIC &&
        !config_is_set(r, "EMBEDDING_MODEL_PATH"))
        config_derive_need(r,
            "EMBEDDING_MODEL_PATH is not set: EMBEDDING_PROVIDER=static "
            "needs the folder of a model\n");
}

/* The words of other loggers, between ours. */
static void derive_log_level(struct config_raw *raw)
{
    static const int levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR,
        LOG_DEBUG /* verbose */, LOG_DEBUG /* silly */, LOG_INFO /* http */};

    raw->c.log_level = levels[raw->c.log_level];
}

/* Its file is read again later. */
static char *derive_path(const struct config_reading *r, const char *name)
{
    struct str path = text_trim(str_of(r->get(r->arg, name)));

    return path.len > 0 ? config_copy(path) : NULL;
}

void config_derive(struct config_reading *r, unsigned needs)
{
    struct config_raw *raw = r->raw;

    raw->c.sync.tenant_chosen = config_is_set(r, "DEFAULT_TENANT_ID");
    derive_target(r);
    raw->c.http.admin_token_file = derive_path(r, "ADMIN_TOKEN_FILE");
    raw->c.http.viewer_token_file = derive_path(r, "VIEWER_TOKEN_FILE");
    derive_log_level(raw);
    derive_http_url(raw);
    derive_root(r);
    config_derive_schedule(r);
    config_derive_check_webhook(r);
    config_derive_embedding(r);
    if (raw->c.embedding.provider == PROVIDER_STATIC &&
        !config_is_set(r, "EMBEDDING_DIMENSIONS"))
        raw->c.embedding.dimensions = 0;
    if (raw->sign)
        raw->c.coordinator.private_key = derive_take(&raw->key);
    config_derive_check_needs(r, needs);
}
