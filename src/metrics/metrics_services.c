/* The families with a label set for each service. */
#include "metrics/metrics_impl.h"

#include <stdio.h>

static const char *const item_outcomes[ITEM_OUTCOMES] = {
    "stored", "unchanged", "deleted", "failed", "collision"};

static void metrics_services_write_ends(
    struct buf *out, struct str labels, const void *value)
{
    const struct service_numbers *s = value;

    exposition_sample(out, "services_total", labels, "outcome=\"success\"");
    exposition_number(out, s->successes);
    exposition_sample(out, "services_total", labels, "outcome=\"failed\"");
    exposition_number(out, s->failures);
}

static void metrics_services_write_read(
    struct buf *out, struct str labels, const void *value)
{
    exposition_sample(out, "pages_read_total", labels, "");
    exposition_number(out, ((const struct service_numbers *)value)->pages_read);
}

static void metrics_services_write_pages(
    struct buf *out, struct str labels, const void *value)
{
    exposition_sample(out, "pages_total", labels, "");
    exposition_number(out, ((const struct service_numbers *)value)->pages);
}

static void metrics_services_write_items(
    struct buf *out, struct str labels, const void *value)
{
    const struct service_numbers *s = value;
    char more[64];

    for (int i = 0; i < ITEM_OUTCOMES; i++) {
        snprintf(more, sizeof(more), "outcome=\"%s\"", item_outcomes[i]);
        exposition_sample(out, "items_total", labels, more);
        exposition_number(out, s->items[i]);
    }
}

static void metrics_services_exposition_write_known(
    struct buf *out, struct str labels, const void *value)
{
    exposition_sample(out, "items_known_failures_total", labels, "");
    exposition_number(
        out, ((const struct service_numbers *)value)->known_failures);
}

static void metrics_services_write_repaired(
    struct buf *out, struct str labels, const void *value)
{
    exposition_sample(out, "items_repaired_total", labels, "");
    exposition_number(out, ((const struct service_numbers *)value)->repaired);
}

static void metrics_services_write_contested(
    struct buf *out, struct str labels, const void *value)
{
    exposition_sample(out, "items_contested_total", labels, "");
    exposition_number(out, ((const struct service_numbers *)value)->contested);
}

static void metrics_services_write_embedded(
    struct buf *out, struct str labels, const void *value)
{
    exposition_sample(out, "items_embedded_total", labels, "");
    exposition_number(out, ((const struct service_numbers *)value)->embedded);
}

static void metrics_services_write_tokens(
    struct buf *out, struct str labels, const void *value)
{
    const struct service_numbers *s = value;

    exposition_sample(out, "embedding_tokens_total", labels, "kind=\"billed\"");
    exposition_number(out, s->tokens);
    exposition_sample(
        out, "embedding_tokens_total", labels, "kind=\"estimated\"");
    exposition_number(out, s->tokens_guess);
}

static void metrics_services_write_refused(
    struct buf *out, struct str labels, const void *value)
{
    const struct service_numbers *s = value;

#define X(name)                                                           \
    exposition_sample(                                                    \
        out, "embedding_refusals_total", labels, "reason=\"" #name "\""); \
    exposition_number(out, s->refused[EMBED_REFUSED_##name]);
    EMBED_REFUSALS_MAP(X)
#undef X
}

static void metrics_services_write_complete(
    struct buf *out, struct str labels, const void *value)
{
    const struct service_numbers *s = value;

    if (!s->passed)
        return;
    exposition_sample(out, "service_complete", labels, "");
    exposition_number(out, s->complete);
}

static void metrics_services_write_letters(
    struct buf *out, struct str labels, const void *value)
{
    exposition_sample(out, "dead_letters", labels, "");
    exposition_number(out, ((const struct service_numbers *)value)->letters);
}

static void metrics_services_write_success(
    struct buf *out, struct str labels, const void *value)
{
    const struct service_numbers *s = value;

    if (s->success_ms == 0)
        return;
    exposition_sample(
        out, "service_last_success_timestamp_seconds", labels, "");
    exposition_seconds(out, (uint64_t)s->success_ms);
}

void metrics_write_services(const struct metrics *m, struct buf *out)
{
    exposition_family(
        out, "services_total", "counter", "Services synced, by their outcome.");
    exposition_each(out, &m->services, metrics_services_write_ends);
    exposition_family(out, "pages_read_total", "counter",
        "Pages that were read and understood.");
    exposition_each(out, &m->services, metrics_services_write_read);
    exposition_family(out, "pages_total", "counter",
        "Pages that were finished, stored or failed.");
    exposition_each(out, &m->services, metrics_services_write_pages);
    exposition_family(out, "items_total", "counter", "Items, by outcome.");
    exposition_each(out, &m->services, metrics_services_write_items);
    exposition_family(out, "items_known_failures_total", "counter",
        "Failed items that were already known as dead letters.");
    exposition_each(out, &m->services, metrics_services_exposition_write_known);
    exposition_family(out, "items_repaired_total", "counter",
        "Stored items that another program had changed.");
    exposition_each(out, &m->services, metrics_services_write_repaired);
    exposition_family(out, "items_contested_total", "counter",
        "Items that another program keeps changing, left alone.");
    exposition_each(out, &m->services, metrics_services_write_contested);
    exposition_family(out, "items_embedded_total", "counter",
        "Items that the embedder answered.");
    exposition_each(out, &m->services, metrics_services_write_embedded);
    exposition_family(out, "embedding_tokens_total", "counter",
        "Tokens of the embedder's answers, as billed and as estimated.");
    exposition_each(out, &m->services, metrics_services_write_tokens);
    exposition_family(out, "embedding_refusals_total", "counter",
        "Requests to the embedder that brought no vectors, by reason.");
    exposition_each(out, &m->services, metrics_services_write_refused);
    exposition_family(out, "service_complete", "gauge",
        "1 if all came that the source announced, the last time the service "
        "was synced; 0 if not.");
    exposition_each(out, &m->services, metrics_services_write_complete);
    exposition_family(out, "service_last_success_timestamp_seconds", "gauge",
        "When the service's last success ended, since 1970, by the database.");
    exposition_each(out, &m->services, metrics_services_write_success);
    exposition_family(out, "dead_letters", "gauge",
        "Items that could not be stored, as last counted in the database.");
    exposition_each(out, &m->services, metrics_services_write_letters);
}
