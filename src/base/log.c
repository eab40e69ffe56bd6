#include "base/log.h"

#include "base/buf.h"
#include "base/io/log_fold.h"
#include "base/io/log_sink.h"
#include "base/text.h"
#include <stdarg.h>
#include <time.h>

enum { MESSAGE_BYTES = 8 * 1024, NAME_BYTES = 256, LINE_BYTES = 64 * 1024 };

static struct {
    enum log_level least;
    uint64_t messages[LOG_LEVELS];
    struct log_sink sink;
    struct log_fold fold;
    char traced_run[64], trace_id[64];
} logs = {.least = LOG_INFO};

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    return names[level];
}

static void log_add_time(struct buf *line)
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
static struct str log_format(
    char out[MESSAGE_BYTES], const char *fmt, va_list args)
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

static struct str log_name_of(const char *z)
{
    return (struct str){z, strnlen(z, NAME_BYTES)};
}

static void log_add_ctx(struct buf *line, const struct log_ctx *ctx)
{
    if (ctx->run != NULL)
        log_add_text(line, "run", log_name_of(ctx->run));
    if (ctx->run != NULL && logs.trace_id[0] != '\0' &&
        strcmp(ctx->run, logs.traced_run) == 0)
        log_add_text(line, "trace_id", str_of(logs.trace_id));
    if (ctx->service != NULL)
        log_add_text(line, "service", log_name_of(ctx->service));
    if (ctx->page != 0)
        buf_printf(line, ",\"page\":%d", ctx->page);
}

static uint64_t log_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The time, and the members that the text has. */
static void log_put(struct str members)
{
    struct buf line;

    buf_init(&line, LINE_BYTES + NAME_BYTES);
    log_add_time(&line);
    buf_str(&line, members);
    buf_puts(&line, "}\n");
    if (line.error == 0)
        log_sink_put(&logs.sink, buf_view(&line));
    buf_free(&line);
}

/* What was held back. */
static void log_tell(void *arg, const struct log_fold_entry *e, bool same)
{
    struct buf members;

    (void)arg;
    buf_init(&members, LINE_BYTES + NAME_BYTES);
    buf_puts(&members, e->text);
    buf_printf(&members, ",\"%s\":%llu", same ? "repeated" : "more_like_this",
        (unsigned long long)e->held);
    log_put(buf_view(&members));
    buf_free(&members);
}

static void log_tell_dropped(void)
{
    uint64_t n = log_sink_untold(&logs.sink);
    char text[160];

    if (n == 0)
        return;
    snprintf(text, sizeof(text),
        ",\"level\":\"warn\",\"message\":\"%llu lines of the log were dropped, "
        "because nobody had read it\"",
        (unsigned long long)n);
    log_put(str_of(text));
}

/* Warnings written by one place of the program are of one kind. */
static uint64_t log_kind(enum log_level level, const char *fmt)
{
    return level >= LOG_WARN ? (uint64_t)(uintptr_t)fmt : 0;
}

void log_write(
    enum log_level level, const struct log_ctx *ctx, const char *fmt, ...)
{
    char message[MESSAGE_BYTES];
    struct log_fold_line line = {log_kind(level, fmt), (int)level, STR("")};
    struct buf members;
    va_list args;

    if (level < logs.least)
        return;
    logs.messages[level]++;
    buf_init(&members, LINE_BYTES);
    log_add_text(&members, "level", str_of(log_level_name(level)));
    va_start(args, fmt);
    log_add_text(&members, "message", log_format(message, fmt, args));
    va_end(args);
    if (ctx != NULL)
        log_add_ctx(&members, ctx);
    line.text = buf_view(&members);
    log_tell_dropped();
    if (members.error == 0 &&
        log_fold_pass(&logs.fold, &line, log_now_ms(), log_tell, NULL))
        log_put(line.text);
    buf_free(&members);
}

void log_tick(void)
{
    log_sink_flush(&logs.sink);
    log_tell_dropped();
    if (logs.fold.due_ms != 0)
        log_fold_flush(&logs.fold, log_now_ms(), false, log_tell, NULL);
}

void log_trace(const char *run, const char *trace_id)
{
    snprintf(logs.traced_run, sizeof(logs.traced_run), "%s", run);
    snprintf(logs.trace_id, sizeof(logs.trace_id), "%s", trace_id);
}

uint64_t log_messages(enum log_level level)
{
    return logs.messages[level];
}

uint64_t log_dropped(void)
{
    return logs.sink.dropped;
}

void log_init(FILE *stream, enum log_level least)
{
    log_fold_flush(&logs.fold, log_now_ms(), true, log_tell, NULL);
    log_tell_dropped();
    log_fold_clear(&logs.fold);
    log_sink_open(&logs.sink, stream);
    logs.least = least;
}
