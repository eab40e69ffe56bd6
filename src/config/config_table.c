/* Every environment variable, one row each. */
#include "config/config_table.h"

#include <limits.h>
#include <stddef.h>

#define TO(path) .member = offsetof(struct config_raw, path)
#define RANGE(lo, hi) .kind = CONFIG_INT, .least = (lo), .most = (hi)
#define TEXT .kind = CONFIG_TEXT
#define NAME .kind = CONFIG_NAME
#define VERBATIM .kind = CONFIG_VERBATIM
#define BOOL .kind = CONFIG_BOOL
#define HTTP_URL .kind = CONFIG_HTTP_URL
#define ADDRESS .kind = CONFIG_ADDRESS
#define CHOICE(list) .kind = CONFIG_CHOICE, .choices = (list)
#define SECRET .secret = true, .file = true

static const struct config_key rows[] = {
    {"BATCH_SYNC_ENABLED", "true", "false: every run is refused as disabled",
        BOOL, TO(c.sync.enabled)},
    {"BATCH_SYNC_SCHEDULE", "0 2 * * *",
        "when to run: a cron expression of 5 fields, or 6 with seconds "
        "first",
        TEXT, TO(c.schedule.cron)},
    {"BATCH_SYNC_SCHEDULES", NULL,
        "schedules of single services beside that one: lines of the form "
        "name=expression",
        TEXT, TO(c.schedule.own)},
    {"BATCH_SYNC_VERIFY_SCHEDULE", NULL,
        "when to verify what is stored, which mends nothing: a cron expression",
        TEXT, TO(c.schedule.verify)},
    {"BATCH_SYNC_IF_RUNNING", "skip",
        "what a scheduled run does that meets another run: skip, or queue, "
        "which keeps one; those of BATCH_SYNC_SCHEDULES always queue",
        CHOICE("skip|queue"), TO(if_running)},
    {"BATCH_SYNC_TIMEZONE", "UTC",
        "the time zone of the schedule, an IANA name", NAME,
        TO(c.schedule.timezone)},
    {"BATCH_SYNC_JITTER_SECONDS", "0",
        "start up to this many seconds late, so that replicas spread out",
        RANGE(0, 86400), TO(c.schedule.jitter_s)},
    {"BATCH_SYNC_ON_STARTUP", "false", "also run 5 seconds after the start",
        BOOL, TO(c.schedule.on_startup)},
    {"BATCH_SYNC_CATCH_UP", "false",
        "after the start, run once if a scheduled time was missed", BOOL,
        TO(c.schedule.catch_up)},
    {"BATCH_SYNC_SERVICES", NULL,
        "the services to sync, comma separated; default: the coordinator's "
        "list",
        NAME, TO(c.sync.services)},
    {"BATCH_SYNC_FALLBACK_SERVICES",
        "managementreporting-service,assessment-service,devlab-service",
        "the services to sync when the coordinator lists none", NAME,
        TO(c.sync.fallback_services)},
    {"DEFAULT_TENANT_ID", "default-tenant", "the tenant to sync", NAME,
        TO(c.sync.tenant)},
    {"SCHEMA_DIR", NULL,
        "the folder with the schemas; default: the installed one", NAME,
        TO(c.sync.schema_dir)},
    {"BATCH_SYNC_LIMIT", "1000", "items per page", RANGE(1, 100000),
        TO(c.sync.limit)},
    {"BATCH_SYNC_CHUNK_SIZE", "50",
        "items that are embedded and stored together", RANGE(1, 2048),
        TO(c.sync.chunk_size)},
    {"BATCH_SYNC_WORKERS", "5", "chunks that are embedded at the same time",
        RANGE(1, 256), TO(c.sync.workers)},
    {"BATCH_SYNC_FETCHES", "1",
        "pages of one service that are asked for at the same time, where the "
        "source tells its total",
        RANGE(1, 16), TO(c.sync.fetches)},
    {"BATCH_SYNC_PARALLEL_SERVICES", "1",
        "services that one process syncs at the same time, over the same "
        "workers and the same window of pages",
        RANGE(1, 16), TO(c.sync.parallel)},
    {"BATCH_SYNC_MAX_PAGES", "0",
        "pages of one service before its run ends with an error; 0: no limit",
        RANGE(0, INT_MAX), TO(c.sync.max_pages)},
    {"BATCH_SYNC_MAX_ITEM_BYTES", "8388608",
        "bytes of one item, as JSON; a larger one becomes a dead letter",
        RANGE(1024, 1 << 30), TO(c.sync.max_item_bytes)},
    {"BATCH_SYNC_TIMEOUT", "300",
        "seconds that one call to the coordinator may take", RANGE(1, 86400),
        TO(c.sync.timeout_s)},
    {"BATCH_SYNC_TRIES", "5", "attempts per page or request", RANGE(1, 100),
        TO(c.sync.tries)},
    {"BATCH_SYNC_RETRY_BASE_MS", "500",
        "milliseconds before the second attempt; doubles with each further "
        "one",
        RANGE(1, 600000), TO(c.sync.retry_base_ms)},
    {"BATCH_SYNC_GRACE_SECONDS", "8",
        "seconds that running chunks get to finish after SIGTERM",
        RANGE(0, 3600), TO(c.sync.grace_s)},
    {"BATCH_SYNC_OVERLAP_SECONDS", "300",
        "how far before the start of the last run an incremental run "
        "reaches back",
        RANGE(0, 31536000), TO(c.sync.overlap_s)},
    {"BATCH_SYNC_LEASE_SECONDS", "30",
        "seconds of silence after which a replica loses its service",
        RANGE(1, 3600), TO(c.sync.lease_s)},
    {"BATCH_SYNC_MAX_DELETE_PERCENT", "30",
        "the largest share of a service's items that one run may delete",
        RANGE(0, 100), TO(c.sync.max_delete_percent)},
    {"BATCH_SYNC_HISTORY_DAYS", "90",
        "days after which runs that ended, resolved dead letters, dropped "
        "fires and delivered webhooks are deleted",
        RANGE(1, 36500), TO(c.sync.history_days)},

    {"COORDINATOR_ENABLED", "true",
        "false: every run is refused because the coordinator is disabled", BOOL,
        TO(c.coordinator.enabled)},
    {"COORDINATOR_GRPC_ENDPOINT", NULL,
        "the coordinator's gRPC server: host, host:port, a URL, unix: or dns:",
        TEXT, TO(c.coordinator.grpc_endpoint)},
    {"COORDINATOR_GRPC_URL", NULL,
        "the same; used if COORDINATOR_GRPC_ENDPOINT is not set", TEXT,
        TO(c.coordinator.grpc_url)},
    {"COORDINATOR_URL", NULL,
        "the coordinator's HTTP address, a URL or a host; its host is also the "
        "default gRPC host",
        ADDRESS, TO(url)},
    {"COORDINATOR_SERVICE_URL", NULL,
        "the same; used if COORDINATOR_URL is not set", ADDRESS,
        TO(service_url)},
    {"COORDINATOR_HTTP_URL", NULL,
        "the HTTP address for the list of services; default: COORDINATOR_URL",
        ADDRESS, TO(http_url)},
    {"COORDINATOR_GRPC_PORT", "50051", "the gRPC port where none is given",
        RANGE(1, 65535), TO(grpc_port)},
    {"GRPC_USE_SSL", NULL,
        "use TLS for gRPC; default: if the address says so (https://, "
        "grpcs://)",
        BOOL, TO(c.coordinator.use_tls)},
    {"GRPC_ROOT_CERT", NULL,
        "root certificates for that, PEM or base64-encoded PEM; default: "
        "the system's",
        TEXT, .file = true, TO(root_cert)},
    {"GRPC_MAX_MESSAGE_BYTES", "67108864", "the largest page that is accepted",
        RANGE(1024, INT_MAX), TO(c.coordinator.max_message_bytes)},
    {"COORDINATOR_SIGNATURE_ENABLED", "true",
        "false: calls are not signed even if there is a key", BOOL, TO(sign)},
    {"RAG_PRIVATE_KEY", NULL,
        "the EC P-256 key that signs calls, PEM or base64-encoded PEM", TEXT,
        SECRET, TO(key)},

    {"EMBEDDING_PROVIDER", "openai",
        "openai: an OpenAI-compatible server; static: a model of "
        "EMBEDDING_MODEL_PATH, in process; builtin: in process, words only",
        CHOICE("openai|builtin|static"), TO(c.embedding.provider)},
    {"EMBEDDING_PROFILE", "none",
        "presets for a provider; what is set here still wins",
        CHOICE("none|azure|gemini|nim|voyage|mistral|tei|ollama"), TO(profile)},
    {"OPENAI_API_URL", "https://api.openai.com/v1",
        "where the embeddings come from, an http(s) URL or unix:/socket:/path; "
        "/embeddings is added unless it ends so, a query is kept",
        .kind = CONFIG_API_URL, TO(c.embedding.api_url)},
    {"OPENAI_API_KEY", NULL,
        "the API key for that server; default: none is sent",
        .kind = CONFIG_TOKEN, SECRET, TO(c.embedding.api_key)},
    {"EMBEDDING_MODEL", "text-embedding-3-small", "the embedding model", NAME,
        TO(c.embedding.model)},
    {"EMBEDDING_MODEL_PATH", NULL,
        "the folder of a static model (model.safetensors, tokenizer.json, "
        "config.json)",
        TEXT, TO(c.embedding.model_path)},
    {"EMBEDDING_DIMENSIONS", "1536",
        "the length of the vectors; above 2000 they are not indexed",
        RANGE(1, 16000), TO(c.embedding.dimensions)},
    {"EMBEDDING_ENCODING", "base64",
        "how vectors are asked for; none leaves the field out; whatever comes "
        "is understood",
        CHOICE("base64|float|none"), TO(c.embedding.encoding)},
    {"EMBEDDING_SEND_DIMENSIONS", "true",
        "false: for servers that do not know the field", BOOL,
        TO(c.embedding.send_dimensions)},
    {"EMBEDDING_MAX_TOKENS", "8191",
        "tokens the model accepts at once; longer texts are stored in "
        "pieces",
        RANGE(1, 1000000), TO(c.embedding.max_tokens)},
    {"EMBEDDING_MAX_INPUTS", "2048", "texts one request may carry",
        RANGE(1, 1000000), TO(c.embedding.limits.inputs)},
    {"EMBEDDING_MAX_REQUEST_TOKENS", "300000",
        "estimated tokens one request may carry", RANGE(1, INT_MAX),
        TO(c.embedding.limits.tokens)},
    {"EMBEDDING_TIMEOUT", "60", "seconds that one embedding request may take",
        RANGE(1, 3600), TO(c.embedding.timeout_s)},
    {"EMBEDDING_MAX_WAIT", "600",
        "seconds that a run waits when the provider asks it to; when it asks "
        "for more, the run ends with \"try later\"",
        RANGE(1, 86400), TO(c.embedding.limits.max_wait_s)},
    {"EMBEDDING_PRICE_PER_MILLION_TOKENS", NULL,
        "what a million tokens cost, for `batchsync plan`; default: money is "
        "not told",
        TEXT, TO(price)},
    {"EMBEDDING_BUDGET_RUN", "0",
        "tokens that one run may be billed: it stops before the request that "
        "would cross them, and the next run goes on; 0: no limit",
        RANGE(0, INT_MAX), TO(c.embedding.budget_run)},
    {"EMBEDDING_BUDGET_DAY", "0",
        "tokens that the runs of all replicas may be billed together in a day, "
        "in UTC; 0: no limit",
        RANGE(0, INT_MAX), TO(c.embedding.budget_day)},
    {"EMBEDDING_DOCUMENT_PREFIX", NULL,
        "put before each text that is stored, white space included; texts are "
        "embedded anew when it changes",
        VERBATIM, TO(c.embedding.documents.prefix)},
    {"EMBEDDING_QUERY_PREFIX", NULL, "put before the text of a search",
        VERBATIM, TO(c.embedding.queries.prefix)},
    {"EMBEDDING_EXTRA", NULL,
        "a JSON object whose members are added to each request; texts are "
        "embedded anew when it changes",
        TEXT, TO(extra)},
    {"EMBEDDING_QUERY_EXTRA", NULL,
        "the same for searches, on top of EMBEDDING_EXTRA", TEXT,
        TO(query_extra)},
    {"EMBEDDING_EXTRA_NEUTRAL", "user",
        "members of EMBEDDING_EXTRA that do not change the vectors, comma "
        "separated",
        NAME, TO(extra_neutral)},
    {"EMBEDDING_HEADERS", NULL,
        "more headers for each request, lines of the form Name: value", TEXT,
        SECRET, TO(c.embedding.headers)},
    {"EMBEDDING_CA_FILE", NULL,
        "a PEM file of certificates to trust besides the system's", NAME,
        TO(c.embedding.ca_file)},
    {"BATCH_SYNC_FULL_TEXT", "false",
        "build an index over the words of the texts, for searches", BOOL,
        TO(c.full_text)},
    {"KG_ENABLED", "true", "link stored items to their nearest neighbours",
        BOOL, TO(c.graph.enabled)},

    {"DATABASE_URL", NULL,
        "the PostgreSQL database: a URL or a keyword=value string",
        .kind = CONFIG_DATABASE, SECRET, TO(c.database.url)},
    {"MIGRATE_ON_START", "true",
        "create the tables if the database has none of them", BOOL,
        TO(c.database.migrate_on_start)},

    {"BATCH_SYNC_WEBHOOK_URL", NULL,
        "where failures, recoveries, refused deletes, incomplete passes and "
        "new dead letters are told; default: nowhere",
        HTTP_URL, SECRET, TO(c.webhook.url)},
    {"BATCH_SYNC_WEBHOOK_SECRET", NULL,
        "what signs those messages: whsec_ and the base64 of 24 to 64 bytes",
        TEXT, SECRET, TO(c.webhook.secret)},

    {"HOST", "0.0.0.0", "the address the HTTP server listens on", NAME,
        TO(c.http.host)},
    {"PORT", "3000", "the port the HTTP server listens on; 0: any free one",
        RANGE(0, 65535), TO(c.http.port)},
    {"ADMIN_TOKEN", NULL,
        "the Bearer token for /admin/; a file may hold several, a line each, "
        "and is read again when it changes; without one only clients on this "
        "machine are allowed",
        .kind = CONFIG_TOKENS, SECRET, TO(c.http.admin_token)},
    {"VIEWER_TOKEN", NULL,
        "the same for those who may look and search, and see no payloads; "
        "default: nobody",
        .kind = CONFIG_TOKENS, SECRET, TO(c.http.viewer_token)},
    {"BATCHSYNC_URL", NULL,
        "the running service that status, runs, run, cancel and dead-letters "
        "talk to; default: they look into the database",
        HTTP_URL, TO(c.client.url)},
    {"BATCHSYNC_TOKEN", NULL,
        "the token of that service, the first line counts",
        .kind = CONFIG_TOKENS, SECRET, TO(c.client.token)},
    {"LOG_LEVEL", "info", "the lowest level that is logged",
        CHOICE("debug|info|warn|error|verbose|silly|http"), TO(c.log_level)},
};

const struct config_key *config_keys(size_t *n)
{
    *n = sizeof(rows) / sizeof(rows[0]);
    return rows;
}
