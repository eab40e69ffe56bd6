/* Shared by the files of config/; not for other rooms. */
#ifndef CONFIG_CONFIG_TABLE_H
#define CONFIG_CONFIG_TABLE_H

#include "config/config.h"

/*
 * What the table's rows fill: the configuration itself, and what it is
 * derived from. Strings are owned.
 */
struct config_raw {
    struct config c;
    char *url;           /* COORDINATOR_URL */
    char *service_url;   /* COORDINATOR_SERVICE_URL */
    char *http_url;      /* COORDINATOR_HTTP_URL */
    char *root_cert;     /* GRPC_ROOT_CERT as it came */
    char *key;           /* RAG_PRIVATE_KEY as it came */
    char *extra;         /* EMBEDDING_EXTRA as it came */
    char *query_extra;   /* EMBEDDING_QUERY_EXTRA as it came */
    char *extra_neutral; /* EMBEDDING_EXTRA_NEUTRAL */
    char *price;         /* EMBEDDING_PRICE_PER_MILLION_TOKENS */
    int profile;         /* EMBEDDING_PROFILE */
    int grpc_port;       /* COORDINATOR_GRPC_PORT */
    int if_running;      /* BATCH_SYNC_IF_RUNNING */
    bool sign;           /* COORDINATOR_SIGNATURE_ENABLED */
};

/* A copy, to be freed; aborts when out of memory. */
char *config_copy(struct str s);

/*
 * Parses `value` as the key requires and stores it in *raw. Returns 0, or
 * ERR_INVALID when it is not what config_allowed() describes.
 */
int config_set(
    struct config_raw *raw, const struct config_key *key, struct str value);

/* Is it what config_allowed() describes, as far as its text says? */
bool config_fits(const struct config_key *key, struct str value);

/* Appends what a key's value may be, "a whole number from 1 to 9". */
void config_allowed(struct buf *out, const struct config_key *key);

/* Is it http:// or https:// with a host and, if any, a valid port? */
bool config_is_http_url(struct str url);

/* The same, or such a URL without its scheme: a host, perhaps with a port. */
bool config_is_address(struct str s);

/* An address as a URL: a bare one gets http:// and, if it is an IPv6 address,
 * brackets. To be freed. */
char *config_http_url(struct str address);

/* Does the scheme ask for TLS, or for none? A bare address says neither. */
enum config_scheme { SCHEME_NONE, SCHEME_PLAIN, SCHEME_TLS };
enum config_scheme config_scheme_of(struct str address);

/* Is it one of those, or unix:/path/of/socket with a ":/path" behind it? */
bool config_is_api_url(struct str url);

/*
 * host:port for gRPC from host:port, a URL, or a name of gRPC's own (dns:,
 * ipv4:, ipv6:, unix:); NULL when it is none of these. Without a port it gets
 * `port`, with https:// 443. To be freed.
 */
char *config_target(struct str text, int port);

/* host:port from the host of an HTTP URL and another port. To be freed. */
char *config_target_at(struct str http_url, int port);

/* One reading of the environment; all borrowed. */
struct config_reading {
    struct config_raw *raw;
    config_getenv get;
    void *arg;
    struct buf *problems; /* a line for each fault */
    struct buf *warnings; /* a line for each */
    int faults;
};

/* Is the variable set, or NAME_FILE? */
bool config_is_set(const struct config_reading *r, const char *name);

/* The row of a name that is in the table. */
const struct config_key *config_key_named(const char *name);

/* After all rows are read: computes the members that depend on several
 * rows, and checks across rows. */
void config_derive(struct config_reading *r, unsigned needs);

/* What the embedder's variables come to: presets, headers, extra fields. */
void config_derive_embedding(struct config_reading *r);

/* Checks the schedules (config_schedule.c). */
void config_derive_schedule(struct config_reading *r);

/* Does the profile say where the provider is? */
bool config_preset_url(int profile);

/* Appends any bytes in quotes: on one line, as valid UTF-8, shortened. */
void config_show(struct buf *out, struct str value);

/* Is there a word in it that begins as the keys of well-known issuers do? */
bool config_is_marked_secret(struct str s);

/* Reports `NAME="value": message`, the value masked as the key asks. */
void config_fault(struct config_reading *r, const struct config_key *key,
    struct str value, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
