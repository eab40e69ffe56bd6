#include "cli/report.h"

#include "ops/services.h"
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

enum { DURATION_BYTES = 24, NAME_COLUMNS_MAX = 40 };

void report_number(uint64_t n, char out[REPORT_NUMBER_BYTES])
{
    char digits[REPORT_NUMBER_BYTES];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
    size_t at = 0;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

/* "340 ms", "4.2 s", "3 min 07 s", "2 h 05 min" */
static void report_duration_text(uint64_t ms, char out[DURATION_BYTES])
{
    uint64_t s = ms / 1000;

    if (ms < 1000)
        snprintf(out, DURATION_BYTES, "%" PRIu64 " ms", ms);
    else if (s < 60)
        snprintf(out, DURATION_BYTES, "%" PRIu64 ".%" PRIu64 " s", s,
            ms % 1000 / 100);
    else if (s < 3600)
        snprintf(out, DURATION_BYTES, "%" PRIu64 " min %02" PRIu64 " s", s / 60,
            s % 60);
    else
        snprintf(out, DURATION_BYTES, "%" PRIu64 " h %02" PRIu64 " min",
            s / 3600, s % 3600 / 60);
}

static const struct advice {
    int code;
    const char *text;
} advices[] = {
    {ERR_UNAVAILABLE, "run again later; stored items stay. "
                      "`batchsync check` says what is down"},
    {ERR_TIMEOUT, "run again later; stored items stay. "
                  "`batchsync check` says what is down"},
    {ERR_BUSY, "run again later; stored items stay"},
    {ERR_LATER, "run again later; stored items stay. Or raise "
                "EMBEDDING_MAX_WAIT"},
    {ERR_BUDGET, "the next run goes on from there; stored items stay"},
    {ERR_SOURCE,
        "this is the answer of the service or the coordinator; see its log"},
    {ERR_ANSWERED_BY, "is the service registered with the coordinator under "
                      "this name, and active?"},
    {ERR_REPEATED, "the service ignores the requested page number"},
    {ERR_INCOMPLETE, "look into the service; if its total counts something "
                     "else, set \"total\": \"ignore\" in its schema"},
    {ERR_AUTH, "correct the credentials, then run again"},
    {ERR_QUOTA,
        "raise the provider's quota, then run again; stored items stay"},
    {ERR_CANCELED, "run again: the run resumes where it stopped"},
    {ERR_FENCED, "another process has taken over this service"},
    {ERR_TOO_LARGE, "raise GRPC_MAX_MESSAGE_BYTES or lower BATCH_SYNC_LIMIT"},
    {ERR_CONFIG, "`batchsync check` shows what is wrong"},
    {ERR_DATABASE, "`batchsync check` shows what is wrong"},
};

const char *report_advice(const struct page_error *error)
{
    /* With a page it is an item, and the message explains it. */
    if (error->code == ERR_INVALID && error->page == 0)
        return "add a schema to SCHEMA_DIR, or add an alias to the schema that "
               "fits";
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
        if (advices[i].code == error->code)
            return advices[i].text;
    }
    return NULL;
}

static int report_name_columns(const struct run_result *result)
{
    size_t columns = strlen("service");

    for (size_t i = 0; i < result->nservices; i++) {
        size_t len = strlen(result->services[i].service);

        columns = len > columns ? len : columns;
    }
    return columns > NAME_COLUMNS_MAX ? NAME_COLUMNS_MAX : (int)columns;
}

static void report_print_row(FILE *out, int columns, const char *name,
    const struct counts *c, uint64_t duration_ms, const char *state)
{
    const uint64_t cells[] = {c->received, c->stored, c->unchanged, c->failed,
        c->embedded, c->collisions};
    const int widths[] = {11, 11, 11, 9, 11, 11};
    char text[REPORT_NUMBER_BYTES], duration[DURATION_BYTES];

    fprintf(out, "%-*.*s", columns, columns, name);
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        report_number(cells[i], text);
        fprintf(out, "%*s", widths[i], text);
    }
    report_duration_text(duration_ms, duration);
    fprintf(out, "%13s%s%s\n", duration, *state != '\0' ? "  " : "", state);
}

static const char *report_service_state(const struct service_result *s)
{
    if (s->success)
        return "";
    if (s->nerrors > 0 && s->errors[s->nerrors - 1].code == ERR_CANCELED)
        return "stopped";
    return s->counts.stored + s->counts.unchanged > 0 ? "partial" : "FAILED";
}

static void report_print_table(FILE *out, const struct run_result *result)
{
    int columns = report_name_columns(result);

    fprintf(out, "\n%-*s%11s%11s%11s%9s%11s%11s%13s\n", columns, "service",
        "items", "stored", "unchanged", "failed", "embedded", "collisions",
        "time");
    for (size_t i = 0; i < result->nservices; i++) {
        const struct service_result *s = &result->services[i];

        report_print_row(out, columns, s->service, &s->counts, s->duration_ms,
            report_service_state(s));
    }
    if (result->nservices > 1)
        report_print_row(
            out, columns, "all", &result->counts, result->duration_ms, "");
}

/* Has an earlier error of the service the same code? */
static bool report_advised(const struct service_result *s, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (s->errors[i].code == s->errors[at].code)
            return true;
    }
    return false;
}

/* Services that were not begun have the same error and nothing else. */
static bool report_same_error(
    const struct service_result *a, const struct service_result *b)
{
    return a->errors_total == 1 && b->errors_total == 1 && a->nerrors == 1 &&
           b->nerrors == 1 && a->errors->page == b->errors->page &&
           strcmp(a->errors->error, b->errors->error) == 0;
}

static void report_print_error_lines(FILE *out, const struct service_result *s)
{
    for (uint32_t i = 0; i < s->nerrors; i++) {
        const struct page_error *e = &s->errors[i];

        if (e->page > 0)
            fprintf(out, "  page %d: %s\n", e->page, e->error);
        else
            fprintf(out, "  %s\n", e->error);
    }
    if (s->errors_total > s->nerrors)
        fprintf(
            out, "  ... and %" PRIu32 " more\n", s->errors_total - s->nerrors);
    for (uint32_t i = 0; i < s->nerrors; i++) {
        const char *advice = report_advice(&s->errors[i]);

        if (advice != NULL && !report_advised(s, i))
            fprintf(out, "  -> %s\n", advice);
    }
}

static void report_print_errors(FILE *out, const struct run_result *result)
{
    for (size_t i = 0; i < result->nservices; i++) {
        const struct service_result *s = &result->services[i];

        if (s->errors_total == 0)
            continue;
        fprintf(out, "\n%s", s->service);
        while (i + 1 < result->nservices &&
               report_same_error(s, &result->services[i + 1]))
            fprintf(out, ", %s", result->services[++i].service);
        fputs(":\n", out);
        report_print_error_lines(out, s);
    }
}

static void report_print_note(
    FILE *out, uint64_t n, const char *one, const char *several)
{
    char number[REPORT_NUMBER_BYTES];

    if (n == 0)
        return;
    report_number(n, number);
    fprintf(out, "%s %s\n", number, n == 1 ? one : several);
}

static void report_print_notes(FILE *out, const struct counts *c)
{
    if (c->known_failures + c->repaired + c->deleted + c->delete_refused +
            c->nuls_dropped + c->replaced >
        0)
        fputc('\n', out);
    report_print_note(out, c->known_failures,
        "of the failed items was already known and has not changed",
        "of the failed items were already known and have not changed");
    report_print_note(out, c->repaired,
        "of the stored items was repaired: another program had changed it",
        "of the stored items were repaired: another program had changed them");
    report_print_note(out, c->deleted, "item deleted: no longer in its source",
        "items deleted: no longer in their source");
    report_print_note(out, c->delete_refused,
        "item is no longer in its source but was kept: deleting it would "
        "exceed "
        "BATCH_SYNC_MAX_DELETE_PERCENT",
        "items are no longer in their source but were kept: deleting them "
        "would "
        "exceed BATCH_SYNC_MAX_DELETE_PERCENT");
    report_print_note(out, c->nuls_dropped, "NUL character dropped",
        "NUL characters dropped");
    report_print_note(out, c->replaced, "invalid character replaced by U+FFFD",
        "invalid characters replaced by U+FFFD");
}

/* Those that fell short before, too: no error, but worth a line. */
static void report_print_incomplete(FILE *out, const struct run_result *result)
{
    for (size_t i = 0; i < result->nservices; i++) {
        const struct service_result *s = &result->services[i];

        if (s->success && s->pass.reason != NULL)
            fprintf(out, "\n%s: not complete, as before: %s\n", s->service,
                s->pass.reason);
    }
}

static void report_print_warnings(FILE *out, const struct run_result *result)
{
    for (size_t i = 0; i < result->nservices; i++) {
        const struct service_result *s = &result->services[i];
        struct warnings warnings;

        counts_warn(&s->counts, &warnings);
        for (size_t k = 0; k < warnings.n; k++)
            fprintf(out, "\n%s: %s\n", s->service, warnings.texts[k]);
        if (s->altered != NULL)
            fprintf(out, "\n%s: %s\n", s->service, s->altered);
    }
}

void report_print(FILE *out, const struct run_result *result)
{
    char items[REPORT_NUMBER_BYTES], duration[DURATION_BYTES];

    report_number(result->counts.received, items);
    report_duration_text(result->duration_ms, duration);
    fprintf(out, "%s: %s %s in %s; %zu %s, %s\n",
        run_status_name(result->status), items,
        result->counts.received == 1 ? "item" : "items", duration,
        result->nservices, result->nservices == 1 ? "service" : "services",
        services_source_text(result->source));
    if (result->nservices > 0)
        report_print_table(out, result);
    report_print_errors(out, result);
    report_print_incomplete(out, result);
    report_print_warnings(out, result);
    report_print_notes(out, &result->counts);
}

void report_refused(FILE *out, const struct err *err)
{
    fputs("batchsync: nothing done: ", out);
    if (err->code == ERR_DISABLED)
        fprintf(out, "%s is false\n",
            strcmp(err->msg, "disabled") == 0 ? "BATCH_SYNC_ENABLED"
                                              : "COORDINATOR_ENABLED");
    else if (err->code == ERR_ALREADY_RUNNING)
        fprintf(out,
            "%s; try again when it has ended (a lost process is given up after "
            "BATCH_SYNC_LEASE_SECONDS)\n",
            err->msg);
    else
        fprintf(out, "%s\n", err->msg);
}
