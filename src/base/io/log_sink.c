#include "base/io/log_sink.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 4096, /* a pipe that is ready takes these at once */
    TOLD_BYTES = 1024,  /* kept free for the line about dropped ones */
    CLOSE_MS = 1000,
    STEP_MS = 100
};

static int sink_fd(const struct log_sink *s)
{
    return fileno(s->stream != NULL ? s->stream : stderr);
}

static size_t sink_waiting(const struct log_sink *s)
{
    return s->queue.len - s->at;
}

static void sink_clear(struct log_sink *s)
{
    s->at = 0;
    buf_free(&s->queue);
    buf_init(&s->queue, LOG_SINK_BYTES);
}

/* Can a piece be written at once, after at most that time? */
static bool sink_is_ready(int fd, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return poll(&p, 1, wait_ms) > 0 && (p.revents & POLLOUT) != 0;
}

/* False: nobody will ever read it. */
static bool sink_write_piece(struct log_sink *s, int fd)
{
    size_t len = sink_waiting(s) < PIECE_BYTES ? sink_waiting(s) : PIECE_BYTES;
    ssize_t n = write(fd, s->queue.data + s->at, len);

    if (n > 0)
        s->at += (size_t)n;
    return n >= 0 || errno == EINTR || errno == EAGAIN;
}

static void sink_drain(struct log_sink *s, int wait_ms)
{
    int fd = sink_fd(s);

    while (sink_waiting(s) > 0 && sink_is_ready(fd, wait_ms))
        if (!sink_write_piece(s, fd)) {
            sink_clear(s);
            return;
        }
    if (sink_waiting(s) == 0)
        sink_clear(s);
}

/* In memory, as tests have it. */
static void sink_put_stream(struct log_sink *s, struct str line)
{
    fwrite(line.p, 1, line.len, s->stream);
    fflush(s->stream);
}

/* Makes the room of what has been written free. */
static void sink_compact(struct log_sink *s)
{
    size_t left = sink_waiting(s);

    if (s->at == 0)
        return;
    memmove(s->queue.data, s->queue.data + s->at, left);
    s->queue.len = left;
    s->at = 0;
}

static bool sink_has_room(const struct log_sink *s, size_t bytes)
{
    return sink_waiting(s) + bytes <= LOG_SINK_BYTES;
}

void log_sink_put(struct log_sink *s, struct str line)
{
    if (sink_fd(s) < 0) {
        sink_put_stream(s, line);
        return;
    }
    if (s->queue.cap_bytes == 0)
        sink_clear(s);
    if (!sink_has_room(s, line.len + TOLD_BYTES)) {
        s->dropped++;
        s->untold++;
    } else {
        if (s->queue.len + line.len > LOG_SINK_BYTES)
            sink_compact(s);
        buf_str(&s->queue, line);
    }
    log_sink_flush(s);
}

void log_sink_flush(struct log_sink *s)
{
    if (sink_waiting(s) > 0)
        sink_drain(s, 0);
}

uint64_t log_sink_untold(struct log_sink *s)
{
    uint64_t n = s->untold;

    if (n == 0 || !sink_has_room(s, 2 * TOLD_BYTES))
        return 0;
    s->untold = 0;
    return n;
}

static int64_t sink_now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void log_sink_open(struct log_sink *s, FILE *stream)
{
    int64_t end_ms = sink_now_ms() + CLOSE_MS;

    while (sink_waiting(s) > 0 && sink_now_ms() < end_ms)
        sink_drain(s, STEP_MS);
    sink_clear(s);
    s->stream = stream;
}
