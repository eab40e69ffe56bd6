/*
 * In which format a scraper gets the metrics. OpenMetrics is the text format,
 * but for the names of counters' families and for its end.
 */
#define _GNU_SOURCE /* memmem */
#include "metrics/metrics_impl.h"

#include "base/text.h"
#include <string.h>

/* "# TYPE batchsync_x_total counter": there the family is batchsync_x. */
static void put_open_line(struct buf *out, struct str line)
{
    static const char total[] = "_total ";
    size_t keyword = strlen("# HELP ");
    const char *space;
    struct str name;

    if (line.len < keyword || line.p[0] != '#') {
        buf_str(out, line);
        buf_char(out, '\n');
        return;
    }
    name = (struct str){line.p + keyword, line.len - keyword};
    space = memchr(name.p, ' ', name.len);
    if (space != NULL)
        name.len = (size_t)(space - name.p);
    if (name.len >= sizeof(total) - 2 && space != NULL &&
        memcmp(space + 1 - (sizeof(total) - 1), total, sizeof(total) - 1) == 0)
        name.len -= sizeof(total) - 2;
    buf_add(out, line.p, keyword);
    buf_str(out, name);
    if (space != NULL)
        buf_add(out, space, line.len - (size_t)(space - line.p));
    buf_char(out, '\n');
}

static void exposition_open(struct str text, struct buf *out)
{
    struct str line;

    while (text_next_line(&text, &line))
        put_open_line(out, line);
    buf_puts(out, "# EOF\n");
}

void metrics_write(
    struct metrics *m, enum metrics_format format, struct buf *out)
{
    struct buf text;

    if (format == METRICS_TEXT) {
        metrics_write_text(m, out);
        return;
    }
    buf_init(&text, METRICS_TEXT_BYTES);
    metrics_write_text(m, &text);
    if (text.error != 0)
        out->error = text.error;
    exposition_open(buf_view(&text), out);
    buf_free(&text);
}

const char *metrics_content_type(enum metrics_format format)
{
    return format == METRICS_TEXT
               ? "text/plain; version=0.0.4; charset=utf-8"
               : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

enum metrics_format metrics_format_for(struct str accept)
{
    static const char open[] = "application/openmetrics-text";

    return memmem(accept.p, accept.len, open, sizeof(open) - 1) != NULL
               ? METRICS_OPEN
               : METRICS_TEXT;
}
