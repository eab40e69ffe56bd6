#include "base/log.h"

#include "base/buf.h"
#include "base/text.h"
#include <stdarg.h>
#include <time.h>

enum { MESSAGE_BYTES = 8 * 1024, NAME_BYTES = 256, LINE_BYTES = 64 * 1024 };

static struct {
    FILE *stream; /* borrowed; NULL: the standard error stream */
    enum log_level least;
} sink = {NULL, LOG_INFO};

void log_init(FILE *stream, enum log_level least)
{
    sink.stream = stream;
    sink.least = least;
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    return names[level];
}

static void add_time(struct buf *line)
{
    struct timespec now;
    char iso[ISO_BYTES];

    clock_gettime(CLOCK_REALTIME, &now);
    iso_from_ms((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, iso);
    buf_printf(line, "{\"time\":\"%s\"", iso);
}

/* ,"name":"value", whatever bytes the value has */
static void log_add_text(struct buf *line, const char *name, struct str value)
{
    struct buf valid;

    buf_printf(line, ",\"%s\":", name);
    if (utf8_valid(value)) {
        buf_json_str(line, value);
        return;
    }
    buf_init(&valid, value.len * 3);
    utf8_repair(&valid, value);
    buf_json_str(line, buf_view(&valid));
    buf_free(&valid);
}

/* What does not fit ends in "...", never in half a code point. */
static struct str format(char out[MESSAGE_BYTES], const char *fmt, va_list args)
{
    int len = vsnprintf(out, MESSAGE_BYTES, fmt, args);
    size_t end = MESSAGE_BYTES - 4;

    if (len < 0)
        return STR("(a message that cannot be formatted)");
    if (len < MESSAGE_BYTES)
        return (struct str){out, (size_t)len};
    while (end > 0 && ((unsigned char)out[end] & 0xC0) == 0x80)
        end--;
    memcpy(out + end, "...", 4);
    return (struct str){out, end + 3};
}

static struct str name_of(const char *z)
{
    return (struct str){z, strnlen(z, NAME_BYTES)};
}

static void add_ctx(struct buf *line, const struct log_ctx *ctx)
{
    if (ctx->run != NULL)
        log_add_text(line, "run", name_of(ctx->run));
    if (ctx->service != NULL)
        log_add_text(line, "service", name_of(ctx->service));
    if (ctx->page != 0)
        buf_printf(line, ",\"page\":%d", ctx->page);
}

/* One write a line, so that lines of several threads do not mix. */
void log_write(
    enum log_level level, const struct log_ctx *ctx, const char *fmt, ...)
{
    FILE *stream = sink.stream != NULL ? sink.stream : stderr;
    char message[MESSAGE_BYTES];
    struct buf line;
    va_list args;

    if (level < sink.least)
        return;
    buf_init(&line, LINE_BYTES);
    add_time(&line);
    log_add_text(&line, "level", str_of(level_name(level)));
    va_start(args, fmt);
    log_add_text(&line, "message", format(message, fmt, args));
    va_end(args);
    if (ctx != NULL)
        add_ctx(&line, ctx);
    buf_puts(&line, "}\n");
    if (line.error == 0) {
        fwrite(line.data, 1, line.len, stream);
        fflush(stream);
    }
    buf_free(&line);
}
