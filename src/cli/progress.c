#define _GNU_SOURCE /* fopencookie */
#include "cli/progress.h"

#include "cli/report.h"
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { REDRAW_MS = 100, LINE_BYTES = 256, COLUMNS = 80 };

static void erase(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", p->terminal);
    p->shown = false;
}

static ssize_t log_line(void *cookie, const char *data, size_t size)
{
    struct progress *p = cookie;

    erase(p);
    size = fwrite(data, 1, size, p->terminal);
    fflush(p->terminal);
    return (ssize_t)size;
}

void progress_init(struct progress *p, FILE *err)
{
    int fd = fileno(err);

    *p = (struct progress){.terminal = NULL};
    if (fd < 0 || !isatty(fd))
        return;
    p->log = fopencookie(p, "w", (cookie_io_functions_t){.write = log_line});
    if (p->log == NULL)
        return;
    setvbuf(p->log, NULL, _IOLBF, BUFSIZ);
    p->terminal = err;
}

FILE *progress_log(struct progress *p)
{
    return p->log;
}

void progress_event(
    struct progress *p, const struct run_event *event, uint64_t now_ms)
{
    if (event->kind == EVENT_RUN_BEGIN)
        p->nservices = event->nservices;
    if (event->kind == EVENT_STORED)
        p->rows += event->rows;
    if (event->service == NULL)
        return;
    if (event->kind == EVENT_SERVICE_BEGIN) {
        snprintf(p->service, sizeof(p->service), "%s", event->service);
        p->position = event->position;
        p->service_began_ms = now_ms;
        p->page = 0;
        p->items = p->rows = 0;
    }
    if (event->page > p->page)
        p->page = event->page;
    if (event->counts != NULL && event->counts->received > p->items) {
        p->items = event->counts->received;
        p->rows = 0;
    }
}

void progress_clear(struct progress *p)
{
    if (p->terminal == NULL)
        return;
    erase(p);
    fflush(p->terminal);
}

void progress_linking(
    struct progress *p, uint64_t linked, const struct linker_progress *linker)
{
    p->linking = true;
    p->linked = linked;
    p->linker = *linker;
}

/* Rows are items or pieces of items: close enough until the page is done. */
static void add_items(
    const struct progress *p, uint64_t now_ms, char *out, size_t size)
{
    uint64_t items = p->items + p->rows;
    uint64_t ms = now_ms - p->service_began_ms;
    char number[REPORT_NUMBER_BYTES], rate[REPORT_NUMBER_BYTES];

    if (p->linking && p->linker.method != LINK_NONE) {
        report_number((uint64_t)p->linker.per_second, rate);
        snprintf(
            out, size, "  %s  %s/s", link_method_name(p->linker.method), rate);
    }
    if (items == 0 || ms == 0 || p->linking)
        return;
    report_number(items, number);
    report_number(items * 1000 / ms, rate);
    snprintf(out, size, "  %s items  %s items/s", number, rate);
}

void progress_text(const struct progress *p, uint64_t now_ms, int columns,
    char *out, size_t size)
{
    char number[REPORT_NUMBER_BYTES];
    size_t at;

    report_number(p->linked, number);
    if (p->linking)
        snprintf(out, size, "linking %s", number);
    else if (p->service[0] == '\0')
        snprintf(out, size, "listing the services");
    else
        snprintf(out, size, "service %zu/%zu %s", p->position + 1, p->nservices,
            p->service);
    at = strlen(out);
    if (p->page > 0 && !p->linking)
        snprintf(out + at, size - at, "  page %d", p->page);
    at = strlen(out);
    add_items(p, now_ms, out + at, size - at);
    for (char *c = out; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    if (columns > 0 && (size_t)columns < size)
        out[columns] = '\0';
}

static int terminal_columns(const struct progress *p)
{
    struct winsize size;

    if (ioctl(fileno(p->terminal), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return COLUMNS;
    return size.ws_col;
}

void progress_draw(struct progress *p, uint64_t now_ms)
{
    char line[LINE_BYTES];

    if (p->terminal == NULL ||
        (p->drawn_ms != 0 && now_ms - p->drawn_ms < REDRAW_MS))
        return;
    p->drawn_ms = now_ms;
    progress_text(p, now_ms, terminal_columns(p) - 1, line, sizeof(line));
    fprintf(p->terminal, "\r\033[K%s", line);
    fflush(p->terminal);
    p->shown = true;
}

void progress_end(struct progress *p)
{
    if (p->terminal == NULL)
        return;
    erase(p);
    fflush(p->terminal);
    fclose(p->log);
    p->log = NULL;
    p->terminal = NULL;
}
