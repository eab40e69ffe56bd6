/*
 * Configuration from the environment: one table row per variable
 * (config_table.c). Reading never stops at the first fault: every wrong value
 * is reported.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/io/file.h"
#include <stdbool.h>
#include <stddef.h>

enum embedding_provider { PROVIDER_OPENAI, PROVIDER_BUILTIN, PROVIDER_STATIC };
enum embedding_encoding { ENCODING_BASE64, ENCODING_FLOAT, ENCODING_NONE };

/* Strings are owned by the struct config, and NULL where nothing is set. */
struct config_sync {
    bool enabled;            /* BATCH_SYNC_ENABLED */
    char *services;          /* BATCH_SYNC_SERVICES, comma separated */
    char *fallback_services; /* BATCH_SYNC_FALLBACK_SERVICES */
    char *tenant;            /* DEFAULT_TENANT_ID */
    bool tenant_chosen;      /* and it is set */
    char *schema_dir;        /* SCHEMA_DIR; NULL: where the program's are */
    int limit;               /* BATCH_SYNC_LIMIT, items a page */
    int chunk_size;          /* BATCH_SYNC_CHUNK_SIZE, items */
    int workers;             /* BATCH_SYNC_WORKERS, embedding slots */
    int fetches;             /* BATCH_SYNC_FETCHES, pages asked for at once */
    int parallel;            /* BATCH_SYNC_PARALLEL_SERVICES */
    int max_pages;           /* BATCH_SYNC_MAX_PAGES; 0: no limit */
    int max_item_bytes;      /* BATCH_SYNC_MAX_ITEM_BYTES, 8 MiB */
    int timeout_s;           /* BATCH_SYNC_TIMEOUT, one coordinator call */
    int tries;               /* BATCH_SYNC_TRIES, 5 */
    int retry_base_ms;       /* BATCH_SYNC_RETRY_BASE_MS, 500 */
    int grace_s;             /* BATCH_SYNC_GRACE_SECONDS, 8 */
    int overlap_s;           /* BATCH_SYNC_OVERLAP_SECONDS */
    int lease_s;             /* BATCH_SYNC_LEASE_SECONDS */
    int max_delete_percent;  /* BATCH_SYNC_MAX_DELETE_PERCENT */
    int history_days;        /* BATCH_SYNC_HISTORY_DAYS */
};

struct config_schedule {
    char *cron;      /* BATCH_SYNC_SCHEDULE */
    char *own;       /* BATCH_SYNC_SCHEDULES, checked; NULL: none */
    char *verify;    /* BATCH_SYNC_VERIFY_SCHEDULE, checked; NULL: none */
    bool queues;     /* BATCH_SYNC_IF_RUNNING is queue */
    char *timezone;  /* BATCH_SYNC_TIMEZONE */
    int jitter_s;    /* BATCH_SYNC_JITTER_SECONDS */
    bool catch_up;   /* BATCH_SYNC_CATCH_UP */
    bool on_startup; /* BATCH_SYNC_ON_STARTUP */
};

struct config_coordinator {
    bool enabled;          /* COORDINATOR_ENABLED */
    char *grpc_target;     /* host:port, from the first variable that is set */
    char *grpc_endpoint;   /* COORDINATOR_GRPC_ENDPOINT; NULL: not set */
    char *grpc_url;        /* COORDINATOR_GRPC_URL; NULL: not set */
    char *http_url;        /* COORDINATOR_HTTP_URL or COORDINATOR_URL or
                              COORDINATOR_SERVICE_URL; NULL: none */
    bool use_tls;          /* GRPC_USE_SSL, or the address's scheme */
    char *root_pem;        /* GRPC_ROOT_CERT, decoded; NULL: the system's */
    char *private_key;     /* RAG_PRIVATE_KEY; NULL: unsigned. Also NULL when
                              COORDINATOR_SIGNATURE_ENABLED is false */
    int max_message_bytes; /* GRPC_MAX_MESSAGE_BYTES */
};

/* What is sent with the texts of documents, or with those of searches. */
struct config_embedding_side {
    char *prefix; /* EMBEDDING_DOCUMENT_PREFIX, EMBEDDING_QUERY_PREFIX */
    char *extra;  /* JSON members, without the braces, from EMBEDDING_EXTRA;
                     for queries merged with EMBEDDING_QUERY_EXTRA */
};

struct config_embedding_limits {
    int inputs;     /* EMBEDDING_MAX_INPUTS, texts a request */
    int tokens;     /* EMBEDDING_MAX_REQUEST_TOKENS, estimated */
    int max_wait_s; /* EMBEDDING_MAX_WAIT */
    bool inputs_chosen, tokens_chosen; /* set, so that none is learnt */
};

struct config_embedding {
    enum embedding_provider provider; /* EMBEDDING_PROVIDER */
    char *identity; /* what vectors come from: "openai", with a digest of the
                       documents' prefix and extra fields where there are any */
    char *api_url;  /* OPENAI_API_URL, no trailing slash */
    char *api_key;  /* OPENAI_API_KEY; NULL: none is sent */
    bool key_as_api_key; /* in a header `api-key`, not as a Bearer token */
    char *headers;       /* EMBEDDING_HEADERS, checked lines */
    char *ca_file;       /* EMBEDDING_CA_FILE */
    struct config_embedding_side documents, queries;
    struct config_embedding_limits limits;
    char *model;                      /* EMBEDDING_MODEL */
    char *model_path;                 /* EMBEDDING_MODEL_PATH */
    int dimensions;                   /* EMBEDDING_DIMENSIONS, 1 .. 16000; 0: as
                                         many as the static model has */
    enum embedding_encoding encoding; /* EMBEDDING_ENCODING */
    bool send_dimensions;             /* EMBEDDING_SEND_DIMENSIONS */
    int max_tokens;                   /* EMBEDDING_MAX_TOKENS, a text */
    int timeout_s;                    /* EMBEDDING_TIMEOUT, one request, 60 */
    bool priced;                /* EMBEDDING_PRICE_PER_MILLION_TOKENS is set */
    double price_per_token;     /* from it; in whatever currency */
    int budget_run, budget_day; /* EMBEDDING_BUDGET_RUN, EMBEDDING_BUDGET_DAY,
                                   tokens; 0: none */
};

struct config_database {
    char *url;             /* DATABASE_URL */
    bool migrate_on_start; /* MIGRATE_ON_START */
};

struct config_http {
    char *host;              /* HOST */
    int port;                /* PORT; 0: any free one */
    char *admin_token;       /* ADMIN_TOKEN, a line each; NULL: loopback clients
                                only */
    char *admin_token_file;  /* ADMIN_TOKEN_FILE; NULL: not set */
    char *viewer_token;      /* VIEWER_TOKEN, a line each; NULL: none */
    char *viewer_token_file; /* VIEWER_TOKEN_FILE; NULL: not set */
};

struct config_webhook {
    char *url;    /* BATCH_SYNC_WEBHOOK_URL; NULL: nobody is told */
    char *secret; /* BATCH_SYNC_WEBHOOK_SECRET, checked; set where url is */
};

struct config_graph {
    bool enabled; /* KG_ENABLED */
};

/* Where commands that look at a running service find it. */
struct config_client {
    char *url;   /* BATCHSYNC_URL; NULL: not set */
    char *token; /* BATCHSYNC_TOKEN, a line each; NULL: none */
};

struct config {
    struct config_sync sync;
    struct config_schedule schedule;
    struct config_coordinator coordinator;
    struct config_embedding embedding;
    struct config_database database;
    struct config_graph graph;
    struct config_webhook webhook;
    struct config_http http;
    bool full_text; /* BATCH_SYNC_FULL_TEXT */
    int log_level;  /* LOG_LEVEL, enum log_level */
    struct config_client client;
};

/* What a subcommand requires; everything else may be missing. */
enum config_need {
    NEED_DATABASE = 1,    /* DATABASE_URL must be set */
    NEED_COORDINATOR = 2, /* the key must be readable */
    NEED_EMBEDDER = 4     /* neither OPENAI key nor URL: an error */
};

/* Reads a variable; NULL when it is not set. arg is the caller's. */
typedef const char *(*config_getenv)(void *arg, const char *name);

/*
 * Fills *c. Faults go to *problems, a line each: the name, the value (secrets
 * masked) and what it must be; warnings (unknown BATCH_SYNC_* names with the
 * nearest known one) to *warnings. `names` lists the environment's names
 * (environ form, NULL: skip that check). Returns 0, or ERR_CONFIG when there
 * is a fault; config_free() is needed in both cases.
 */
int config_read(struct config *c, unsigned needs, config_getenv get, void *arg,
    char **names, struct buf *problems, struct buf *warnings);

/* The process's environment. */
int config_from_environment(struct config *c, unsigned needs,
    struct buf *problems, struct buf *warnings);

void config_free(struct config *c);

/* Takes the next line "name=expression" of config_schedule.own; false: there
 * is none, or (*name is not empty) it is no such line. */
bool config_next_schedule(
    struct str *lines, struct str *name, struct str *expression);

enum { CONFIG_SCHEDULES = 100 }; /* the most lines */

/* The base64 of a webhook's secret, behind its prefix "whsec_". */
struct str config_webhook_key(const char *secret);

/*
 * Reads the file that NAME_FILE named again. Returns its value, checked as at
 * the start, to be freed; NULL, with the reason in *err: it cannot be used.
 */
char *config_reread(const char *name, const char *path,
    struct file_stamp *stamp, struct err *err);

/*
 * Appends `url` with every password replaced by ***, for messages: in a
 * database URL, its parameters or a keyword=value string.
 */
void config_mask_url(struct buf *out, const char *url);

/* Appends the URL without its user and password, and without its query. */
void config_public_url(struct buf *out, const char *url);

enum config_kind {
    CONFIG_TEXT,     /* any text */
    CONFIG_NAME,     /* any text but a URL or a key: it is shown in messages */
    CONFIG_VERBATIM, /* any text, with the white space around it */
    CONFIG_BOOL,     /* true, false, 1, 0, yes, no, on, off */
    CONFIG_INT,      /* a whole number, least .. most */
    CONFIG_CHOICE,   /* one of `choices` */
    CONFIG_HTTP_URL, /* http:// or https:// */
    CONFIG_ADDRESS,  /* the same, or a bare host, read as http:// */
    CONFIG_API_URL,  /* http:// or https://, or unix:/path/of/socket */
    CONFIG_DATABASE, /* a PostgreSQL URL or keyword=value string */
    CONFIG_TOKEN,    /* visible ASCII, fit for a header */
    CONFIG_TOKENS    /* such tokens, a line each */
};

/* A variable of the environment: a row of the table in config_table.c. */
struct config_key {
    const char *name;
    const char *fallback; /* the default as text; NULL: none */
    const char *help;     /* one line, no full stop */
    enum config_kind kind;
    const char *choices; /* CONFIG_CHOICE: "one|other" */
    int least, most;     /* CONFIG_INT */
    bool secret;         /* masked in messages; also read from NAME_FILE */
    bool file;           /* also read from NAME_FILE */
    size_t member;       /* config.c's own: where the value goes */
};

/* All variables, *n of them, in the order of the documentation. */
const struct config_key *config_keys(size_t *n);

#endif
