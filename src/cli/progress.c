#define _GNU_SOURCE /* fopencookie */
#include "cli/progress.h"

#include "cli/report.h"
#include <stdlib.h>
#include <string.h>

enum { REDRAW_MS = 100, PLAIN_MS = 30 * 1000, NAME_COLUMNS = 24 };

static ssize_t progress_log_line(void *cookie, const char *data, size_t size)
{
    struct progress *p = cookie;

    live_lines_clear(&p->lines);
    size = fwrite(data, 1, size, p->lines.terminal);
    fflush(p->lines.terminal);
    return (ssize_t)size;
}

void progress_init(struct progress *p, FILE *err, FILE *plain)
{
    *p = (struct progress){.log = NULL};
    live_lines_init(&p->lines, err);
    if (p->lines.terminal == NULL) {
        p->plain = plain;
        return;
    }
    p->log = fopencookie(
        p, "w", (cookie_io_functions_t){.write = progress_log_line});
    if (p->log == NULL)
        abort();
    setvbuf(p->log, NULL, _IOLBF, BUFSIZ);
}

FILE *progress_log(struct progress *p)
{
    return p->log;
}

/* --- what is known ------------------------------------------------------ */

static void progress_run_begin(struct progress *p, const struct run_event *e)
{
    free(p->services);
    p->nservices = e->nservices;
    p->services = calloc(e->nservices + 1, sizeof(*p->services));
    if (p->services == NULL)
        abort();
}

static void progress_service_begin(
    struct progress *p, const struct run_event *e, uint64_t now_ms)
{
    struct progress_service *s = &p->services[e->position];

    *s = (struct progress_service){.began_ms = now_ms};
    snprintf(s->name, sizeof(s->name), "%s", e->service);
}

/* NULL: it has not begun. */
static struct progress_service *progress_find(
    struct progress *p, const char *name)
{
    struct progress_service *s = p->services;

    for (; s < p->services + p->nservices; s++)
        if (strncmp(s->name, name, sizeof(s->name) - 1) == 0)
            return s;
    return NULL;
}

static uint64_t progress_items(const struct progress_service *s)
{
    return s->counts.received + s->rows;
}

static void progress_plain(
    struct progress *p, const struct progress_service *s, const char *state)
{
    const struct counts *c = &s->counts;

    if (p->plain == NULL)
        return;
    fprintf(p->plain,
        "%s: %s: page %d, %llu items: %llu stored, %llu unchanged, "
        "%llu failed\n",
        s->name, state, s->page, (unsigned long long)c->received,
        (unsigned long long)c->stored, (unsigned long long)c->unchanged,
        (unsigned long long)c->failed);
    fflush(p->plain);
}

static void progress_service_event(
    struct progress *p, const struct run_event *e, uint64_t now_ms)
{
    struct progress_service *s = progress_find(p, e->service);

    if (s == NULL)
        return;
    if (e->page > s->page)
        s->page = e->page;
    if (e->announced > 0)
        s->announced = e->announced;
    s->rows += e->rows;
    if (e->counts != NULL) {
        s->counts = *e->counts;
        s->rows = 0;
    }
    if (e->kind != EVENT_SERVICE_END)
        return;
    s->ended = true;
    s->good = strcmp(e->outcome, "success") == 0;
    s->took_ms = now_ms - s->began_ms;
    progress_plain(p, s, e->outcome);
}

void progress_event(
    struct progress *p, const struct run_event *event, uint64_t now_ms)
{
    if (event->kind == EVENT_RUN_BEGIN)
        progress_run_begin(p, event);
    if (p->nservices == 0 || event->position >= p->nservices)
        return;
    if (event->kind == EVENT_SERVICE_BEGIN)
        progress_service_begin(p, event, now_ms);
    else if (event->service != NULL)
        progress_service_event(p, event, now_ms);
}

void progress_clear(struct progress *p)
{
    live_lines_clear(&p->lines);
}

void progress_linking(
    struct progress *p, uint64_t linked, const struct linker_progress *linker)
{
    p->linking = true;
    p->linked = linked;
    p->linker = *linker;
}

/* --- drawing ------------------------------------------------------------ */

static void progress_put_count(
    struct live_lines *l, enum live_color color, uint64_t n, const char *what)
{
    char number[REPORT_NUMBER_BYTES];

    report_number(n, number);
    live_lines_put(l, n == 0 ? LIVE_DIM : color, "  %s %s", number, what);
}

/* What is left, where the source says how much there is. */
static void progress_put_rest(
    struct live_lines *l, const struct progress_shown *s)
{
    char number[REPORT_NUMBER_BYTES];

    if (s->ended || s->announced <= s->items)
        return;
    report_number(s->announced, number);
    live_lines_put(l, LIVE_PLAIN, " of %s", number);
    report_number(s->announced - s->items, number);
    live_lines_put(l, LIVE_PLAIN, ", %s to go", number);
}

void progress_put(struct live_lines *l, const struct progress_shown *s)
{
    char number[REPORT_NUMBER_BYTES];

    live_lines_put(l,
        !s->ended ? LIVE_WARN
        : s->good ? LIVE_GOOD
                  : LIVE_BAD,
        "%s ",
        !s->ended ? ">"
        : s->good ? "+"
                  : "!");
    report_number(s->items, number);
    live_lines_put(l, LIVE_PLAIN, "%-*.*s  %s items", NAME_COLUMNS,
        NAME_COLUMNS, s->name, number);
    progress_put_rest(l, s);
    if (s->ms > 0 && s->items > 0) {
        report_number(s->items * 1000 / s->ms, number);
        live_lines_put(l, LIVE_PLAIN, "  %s/s", number);
    }
    progress_put_count(l, LIVE_GOOD, s->stored, "stored");
    progress_put_count(l, LIVE_PLAIN, s->unchanged, "unchanged");
    progress_put_count(l, LIVE_BAD, s->failed, "failed");
    live_lines_next(l);
}

static void progress_put_service(
    struct progress *p, const struct progress_service *s, uint64_t now_ms)
{
    /* Rows are items or pieces of items: close enough until the page is done.
     */
    progress_put(
        &p->lines, &(struct progress_shown){.name = s->name,
                       .items = progress_items(s),
                       .announced = s->announced,
                       .stored = s->counts.stored + s->rows,
                       .unchanged = s->counts.unchanged,
                       .failed = s->counts.failed,
                       .ms = s->ended ? s->took_ms : now_ms - s->began_ms,
                       .ended = s->ended,
                       .good = s->good});
}

static size_t progress_begun(const struct progress *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->nservices; i++)
        n += p->services[i].name[0] != '\0';
    return n;
}

/* The last ones that have begun, as many as fit, and a line about the rest. */
static void progress_put_services(struct progress *p, uint64_t now_ms)
{
    size_t begun = progress_begun(p), room = live_lines_room(&p->lines) - 1;
    size_t skip = begun > room ? begun - room : 0;

    for (size_t i = 0; i < p->nservices; i++)
        if (p->services[i].name[0] != '\0' && skip > 0)
            skip--;
        else if (p->services[i].name[0] != '\0')
            progress_put_service(p, &p->services[i], now_ms);
    if (begun == 0)
        live_lines_put(&p->lines, LIVE_PLAIN, "listing the services");
    else if (begun < p->nservices)
        live_lines_put(
            &p->lines, LIVE_DIM, "  %zu more to come", p->nservices - begun);
    if (begun < p->nservices || begun == 0)
        live_lines_next(&p->lines);
}

static void progress_draw_plain(struct progress *p, uint64_t now_ms)
{
    if (p->drawn_ms == 0)
        p->drawn_ms = now_ms;
    if (p->nservices == 0 || now_ms - p->drawn_ms < PLAIN_MS)
        return;
    p->drawn_ms = now_ms;
    for (size_t i = 0; i < p->nservices; i++)
        if (p->services[i].name[0] != '\0' && !p->services[i].ended)
            progress_plain(p, &p->services[i], "reading");
}

static void progress_put_linking(struct progress *p)
{
    char number[REPORT_NUMBER_BYTES];

    report_number(p->linked, number);
    live_lines_put(&p->lines, LIVE_PLAIN, "  linking, %s items", number);
    if (p->linker.method != LINK_NONE) {
        report_number((uint64_t)p->linker.per_second, number);
        live_lines_put(&p->lines, LIVE_PLAIN, "  %s  %s/s",
            link_method_name(p->linker.method), number);
    }
    live_lines_next(&p->lines);
}

void progress_draw(struct progress *p, uint64_t now_ms)
{
    if (p->lines.terminal == NULL) {
        progress_draw_plain(p, now_ms);
        return;
    }
    if ((p->drawn_ms != 0 && now_ms - p->drawn_ms < REDRAW_MS) ||
        !live_lines_begin(&p->lines))
        return;
    p->drawn_ms = now_ms;
    progress_put_services(p, now_ms);
    if (p->linking)
        progress_put_linking(p);
    live_lines_end(&p->lines);
}

void progress_end(struct progress *p)
{
    live_lines_clear(&p->lines);
    if (p->log != NULL)
        fclose(p->log);
    free(p->services);
    *p = (struct progress){.log = NULL};
}
