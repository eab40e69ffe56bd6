/*
 * Where the lines of the log go: a descriptor that is written only as far as it
 * takes bytes at once, because whoever reads it may have stopped. What it does
 * not take waits in a bounded buffer; a line that does not fit any more is
 * dropped, counted, and told when there is room again.
 */
#ifndef BASE_IO_LOG_SINK_H
#define BASE_IO_LOG_SINK_H

#include "base/buf.h"
#include <stdio.h>

enum { LOG_SINK_BYTES = 1024 * 1024 }; /* that may wait */

struct log_sink {
    FILE *stream;     /* borrowed; NULL: the standard error stream */
    struct buf queue; /* owned; from `at` on it has not been written */
    size_t at;
    uint64_t dropped; /* lines, ever */
    uint64_t untold;  /* of those */
};

/* What waited for another stream goes there first, within a second. */
void log_sink_open(struct log_sink *s, FILE *stream);

/* Takes a line with its end, or drops it. Never waits. */
void log_sink_put(struct log_sink *s, struct str line);

/* Writes what waits, as far as it is taken. Never waits. */
void log_sink_flush(struct log_sink *s);

/* The lines that were dropped since this was last asked, when there is room
 * for a line that says so. */
uint64_t log_sink_untold(struct log_sink *s);

#endif
