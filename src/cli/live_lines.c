#include "cli/live_lines.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    FRAME_BYTES = 64 * 1024,
    PART_BYTES = 512,
    USUAL_COLUMNS = 80,
    USUAL_ROWS = 24
};

static bool live_lines_can_draw(FILE *out)
{
    const char *term = getenv("TERM");

    return out != NULL && fileno(out) >= 0 && isatty(fileno(out)) &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

void live_lines_init(struct live_lines *l, FILE *out)
{
    const char *no_color = getenv("NO_COLOR");

    *l = (struct live_lines){.columns = USUAL_COLUMNS, .rows = USUAL_ROWS};
    l->colors = no_color == NULL || no_color[0] == '\0';
    if (live_lines_can_draw(out))
        l->terminal = out;
}

static void live_lines_measure(struct live_lines *l)
{
    struct winsize size;
    int fd = fileno(l->terminal);

    if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return;
    l->columns = size.ws_col;
    l->rows = size.ws_row > 0 ? size.ws_row : USUAL_ROWS;
}

size_t live_lines_room(const struct live_lines *l)
{
    size_t room = l->rows > 2 ? (size_t)l->rows - 1 : 1;

    return room < LIVE_LINES_MOST ? room : LIVE_LINES_MOST;
}

bool live_lines_begin(struct live_lines *l)
{
    if (l->terminal == NULL)
        return false;
    live_lines_measure(l);
    buf_init(&l->frame, FRAME_BYTES);
    l->n = 0;
    l->width = 0;
    return true;
}

/* Bytes of `text` that fill at most `columns`; one code point fills one. */
static size_t live_lines_cut(const char *text, int columns, int *used)
{
    size_t i = 0;

    *used = 0;
    for (; text[i] != '\0'; i++) {
        bool begins = ((unsigned char)text[i] & 0xc0) != 0x80;

        if (begins && *used == columns)
            break;
        *used += begins;
    }
    return i;
}

void live_lines_put(
    struct live_lines *l, enum live_color color, const char *format, ...)
{
    static const char *const codes[] = {
        "", "\033[32m", "\033[33m", "\033[31m", "\033[2m"};
    bool colored = l->colors && color != LIVE_PLAIN;
    char part[PART_BYTES];
    size_t len;
    int used;
    va_list args;

    va_start(args, format);
    vsnprintf(part, sizeof(part), format, args);
    va_end(args);
    for (char *c = part; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    /* The last column stays free: a full line would wrap on some terminals. */
    len = live_lines_cut(part, l->columns - 1 - l->width, &used);
    l->width += used;
    buf_printf(&l->frame, "%s%.*s%s", colored ? codes[color] : "", (int)len,
        part, colored ? "\033[0m" : "");
}

void live_lines_next(struct live_lines *l)
{
    if (l->n < LIVE_LINES_MOST)
        l->widths[l->n++] = l->width;
    l->width = 0;
    buf_puts(&l->frame, "\n");
}

/* A terminal that became narrower has wrapped what was there. */
static void live_lines_put_erase(const struct live_lines *l, FILE *out)
{
    int rows = 0;

    for (size_t i = 0; i < l->nshown; i++)
        rows += l->shown[i] > l->columns
                    ? (l->shown[i] + l->columns - 1) / l->columns
                    : 1;
    if (rows > 0)
        fprintf(out, "\033[%dA\r\033[J", rows);
}

void live_lines_end(struct live_lines *l)
{
    live_lines_put_erase(l, l->terminal);
    fwrite(l->frame.data, 1, l->frame.len, l->terminal);
    fflush(l->terminal);
    buf_free(&l->frame);
    memcpy(l->shown, l->widths, sizeof(l->shown));
    l->nshown = l->n;
}

void live_lines_clear(struct live_lines *l)
{
    if (l->terminal == NULL || l->nshown == 0)
        return;
    live_lines_measure(l);
    live_lines_put_erase(l, l->terminal);
    fflush(l->terminal);
    l->nshown = 0;
}
