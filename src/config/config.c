#include "config/config_table.h"

#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>

extern char **environ;

enum { FILE_BYTES = 64 * 1024 };

/* {NULL, 0} when the variable is not set or empty. */
static struct str config_value_of(
    const struct config_reading *r, const char *name)
{
    struct str value = text_trim(str_of(r->get(r->arg, name)));

    return value.len > 0 ? value : (struct str){NULL, 0};
}

static struct str config_value_of_file(
    const struct config_reading *r, const struct config_key *key, char name[64])
{
    snprintf(name, 64, "%s_FILE", key->name);
    return key->file ? config_value_of(r, name) : (struct str){NULL, 0};
}

const struct config_key *config_key_named(const char *name)
{
    size_t n;
    const struct config_key *keys = config_keys(&n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    abort(); /* the name is a literal in the program */
}

bool config_is_set(const struct config_reading *r, const char *name)
{
    char file_name[64];

    return config_value_of(r, name).len > 0 ||
           config_value_of_file(r, config_key_named(name), file_name).len > 0;
}

static void config_not_allowed(
    struct config_reading *r, const struct config_key *key, struct str value)
{
    struct buf allowed;

    buf_init(&allowed, ERR_MSG_BYTES);
    config_allowed(&allowed, key);
    config_fault(r, key, value, "must be %s", allowed.data);
    buf_free(&allowed);
}

/* What is wrong with the content of a file; NULL: nothing. */
static const char *config_file_fault(struct str value)
{
    if (value.len == 0)
        return "the file is empty";
    if (memchr(value.p, '\0', value.len) != NULL)
        return "the file is not text: it contains NUL bytes";
    return NULL;
}

/* The value in a file, to be freed; NULL, with *err: there is none. */
static char *config_file_value(
    const char *path, struct file_stamp *stamp, struct err *err)
{
    struct buf bytes;
    const char *fault;
    char *value = NULL;

    buf_init(&bytes, FILE_BYTES);
    if (file_read(path, &bytes, stamp, err) == 0) {
        struct str text = text_trim(buf_view(&bytes));

        fault = config_file_fault(text);
        if (fault == NULL)
            value = config_copy(text);
        else
            err_set(err, ERR_CONFIG, "%s", fault);
    }
    if (bytes.data != NULL)
        explicit_bzero(bytes.data, bytes.len);
    buf_free(&bytes);
    return value;
}

static void config_warn_open_file(
    struct config_reading *r, const char *name, struct str path)
{
    buf_printf(r->warnings, "%s=", name);
    config_show(r->warnings, path);
    buf_puts(r->warnings,
        ": every user of this machine may read this file; take that right "
        "away (chmod o-r)\n");
}

/* The value in the file that NAME_FILE names; a fault names the file. */
static char *config_secret_of_file(struct config_reading *r,
    const struct config_key *key, const char *name, struct str path)
{
    char *z = config_copy(path), *value;
    struct file_stamp stamp;
    struct err err;

    value = config_file_value(z, &stamp, &err);
    if (value == NULL) {
        buf_printf(r->problems, "%s=", name);
        config_show(r->problems, path);
        buf_printf(r->problems, ": %s\n", err.msg);
        r->faults++;
    } else if (stamp.others_may_read && key->secret) {
        config_warn_open_file(r, name, path);
    }
    free(z);
    return value;
}

char *config_reread(const char *name, const char *path,
    struct file_stamp *stamp, struct err *err)
{
    const struct config_key *key = config_key_named(name);
    char *value = config_file_value(path, stamp, err);
    struct buf allowed;

    if (value == NULL || config_fits(key, str_of(value)))
        return value;
    free(value);
    buf_init(&allowed, ERR_MSG_BYTES);
    config_allowed(&allowed, key);
    err_set(err, ERR_CONFIG, "its content must be %s", allowed.data);
    buf_free(&allowed);
    return NULL;
}

static void config_read_key(
    struct config_reading *r, const struct config_key *key)
{
    char file_name[64];
    struct str value = config_value_of(r, key->name);
    struct str path = config_value_of_file(r, key, file_name);
    char *content = NULL;

    if (key->kind == CONFIG_VERBATIM && value.len > 0)
        value = str_of(r->get(r->arg, key->name));
    /* The default first, so that a wrong value leaves something usable. */
    if (key->fallback != NULL)
        config_set(r->raw, key, str_of(key->fallback));
    if (path.len > 0 && value.len > 0) {
        config_fault(
            r, key, value, "%s is set too; set only one of the two", file_name);
        return;
    }
    if (path.len > 0) {
        content = config_secret_of_file(r, key, file_name, path);
        value = str_of(content);
    }
    if (value.len > 0 && config_set(r->raw, key, value) < 0)
        config_not_allowed(r, key, value);
    free(content);
}

static bool config_is_key(const struct config_key *key, struct str name)
{
    struct str own = str_of(key->name), rest;

    if (name.len < own.len || memcmp(name.p, own.p, own.len) != 0)
        return false;
    rest = (struct str){name.p + own.len, name.len - own.len};
    return rest.len == 0 || (key->file && str_eq(rest, STR("_FILE")));
}

static void config_warn_if_unknown(struct str name, struct buf *warnings)
{
    size_t n, distance, least = SIZE_MAX;
    const struct config_key *keys = config_keys(&n);
    const char *nearest = "";

    for (size_t i = 0; i < n; i++) {
        if (config_is_key(&keys[i], name))
            return;
        distance = edit_distance(name, str_of(keys[i].name));
        if (distance < least) {
            least = distance;
            nearest = keys[i].name;
        }
    }
    config_show(warnings, name);
    buf_printf(
        warnings, " is not a known variable; did you mean %s?\n", nearest);
}

static void config_warn_unknown(char **names, struct buf *warnings)
{
    static const char prefix[] = "BATCH_SYNC_";

    for (; *names != NULL; names++)
        if (strncmp(*names, prefix, strlen(prefix)) == 0)
            config_warn_if_unknown(
                (struct str){*names, strcspn(*names, "=")}, warnings);
}

static void config_free_raw(struct config_raw *raw)
{
    free(raw->url);
    free(raw->service_url);
    free(raw->http_url);
    free(raw->root_cert);
    free(raw->key);
    free(raw->extra);
    free(raw->price);
    free(raw->query_extra);
    free(raw->extra_neutral);
}

int config_read(struct config *c, unsigned needs, config_getenv get, void *arg,
    char **names, struct buf *problems, struct buf *warnings)
{
    struct config_raw raw = {0};
    struct config_reading r = {.raw = &raw,
        .get = get,
        .arg = arg,
        .problems = problems,
        .warnings = warnings};
    size_t n;
    const struct config_key *keys = config_keys(&n);

    for (size_t i = 0; i < n; i++)
        config_read_key(&r, &keys[i]);
    config_derive(&r, needs);
    if (names != NULL)
        config_warn_unknown(names, warnings);
    config_free_raw(&raw);
    *c = raw.c;
    return r.faults > 0 ? ERR_CONFIG : 0;
}

static const char *config_from_process(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

int config_from_environment(struct config *c, unsigned needs,
    struct buf *problems, struct buf *warnings)
{
    return config_read(
        c, needs, config_from_process, NULL, environ, problems, warnings);
}

void config_free(struct config *c)
{
    char *const owned[] = {c->sync.services, c->sync.fallback_services,
        c->sync.tenant, c->sync.schema_dir, c->schedule.cron,
        c->schedule.verify, c->schedule.timezone, c->coordinator.grpc_target,
        c->coordinator.grpc_endpoint, c->coordinator.grpc_url,
        c->coordinator.http_url, c->coordinator.root_pem,
        c->coordinator.private_key, c->embedding.api_url, c->embedding.api_key,
        c->embedding.model, c->embedding.model_path, c->embedding.identity,
        c->embedding.headers, c->embedding.ca_file,
        c->embedding.documents.prefix, c->embedding.documents.extra,
        c->embedding.queries.prefix, c->embedding.queries.extra,
        c->database.url, c->http.host, c->http.admin_token,
        c->http.admin_token_file, c->http.viewer_token,
        c->http.viewer_token_file, c->schedule.own, c->webhook.url,
        c->webhook.secret};

    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
        free(owned[i]);
    free(c->client.url);
    free(c->client.token);
    *c = (struct config){0};
}
