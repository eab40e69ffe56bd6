/*
 * Logs: one JSON object a line, {"time","level","message","run","trace_id",
 * "service","page"}, on a stream chosen at start-up. Never the text of a
 * record, and nothing per item at info level.
 *
 * Writing never waits (base/io/log_sink.h). A line that is the same as one of
 * the last ten seconds is folded into it, and after 64 warnings of one place of
 * the program the others are: what was held back is told once, with "repeated"
 * or "more_like_this". All of it is called on one thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>
#include <stdio.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVELS };

/* What a line is about; NULL and 0 members are left out. All borrowed. */
struct log_ctx {
    const char *run, *service;
    int page;
};

/* The one mutable global of the program. `stream` is borrowed. What waits for
 * the stream before is written, or given up after a second. */
void log_init(FILE *stream, enum log_level least);

/* To be called regularly: writes what waits, and what was held back. */
void log_tick(void);

/* Lines that were dropped because nobody read the log; for metrics. */
uint64_t log_dropped(void);

/* Messages of that level so far, those too that were folded into others. */
uint64_t log_messages(enum log_level level);

/* The level's name in the log. */
const char *log_level_name(enum log_level level);

/* From now on the lines of that run have "trace_id", too. One run at a time. */
void log_trace(const char *run, const char *trace_id);

/* ctx may be NULL. */
void log_write(enum log_level level, const struct log_ctx *ctx, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

#define log_debug(ctx, ...) log_write(LOG_DEBUG, ctx, __VA_ARGS__)
#define log_info(ctx, ...) log_write(LOG_INFO, ctx, __VA_ARGS__)
#define log_warn(ctx, ...) log_write(LOG_WARN, ctx, __VA_ARGS__)
#define log_error(ctx, ...) log_write(LOG_ERROR, ctx, __VA_ARGS__)

#endif
