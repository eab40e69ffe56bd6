/*
 * W3C Trace Context: the header `traceparent`, by which what one request
 * causes in several programs is found together.
 *
 *   00-<trace id, 32 hex digits>-<the caller's span, 16>-<flags, 2>
 */
#ifndef BASE_IO_TRACE_CONTEXT_H
#define BASE_IO_TRACE_CONTEXT_H

#include "base/str.h"
#include <stdint.h>

enum { TRACEPARENT_BYTES = 56, TRACE_ID_BYTES = 33 }; /* with the NUL */

struct trace_context {
    char id[TRACE_ID_BYTES]; /* "": there is none */
    uint8_t flags;           /* 1: it is recorded */
    uint64_t spans;          /* given out; of the first one: where from */
};

/*
 * Reads a header; false, and *t is none, when it is not one that the
 * recommendation allows (which says to begin a trace of one's own then).
 */
bool trace_context_read(struct trace_context *t, struct str header);

/* Begins a trace of its own, from 16 random bytes. */
void trace_context_make(struct trace_context *t, const uint8_t random[16]);

/* The caller's trace, or one of its own where the header is none. */
void trace_context_begin(struct trace_context *t, struct str header);

/* The header of the next request, with a span of its own; "" without a trace.
 */
void trace_context_next(struct trace_context *t, char out[TRACEPARENT_BYTES]);

#endif
