/*
 * One line on a terminal that shows how far a run is, redrawn in place at most
 * ten times a second and erased at the end. Log lines on the same terminal go
 * through progress_log(), which erases the line first.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "sync/linker.h"
#include "sync/ports.h"
#include <stdio.h>

struct progress {
    FILE *terminal; /* borrowed; NULL: nothing is drawn */
    FILE *log;      /* owned; writes to `terminal` */
    bool shown;     /* the line is on the screen */
    size_t position, nservices;
    char service[64];
    int page;
    uint64_t items; /* of the service, in pages that are done */
    uint64_t rows;  /* stored since the last of them */
    uint64_t service_began_ms;
    bool linking;    /* the run is over */
    uint64_t linked; /* items */
    struct linker_progress linker;
    uint64_t drawn_ms;
};

/* Draws only when `err` is a terminal. *p must stay where it is. */
void progress_init(struct progress *p, FILE *err);

/* The stream for log lines, borrowed until progress_end(). */
FILE *progress_log(struct progress *p);

/* Takes in an event; times are of a monotonic clock. */
void progress_event(
    struct progress *p, const struct run_event *event, uint64_t now_ms);

/* Erases the line until it is drawn again. */
void progress_clear(struct progress *p);

/* The run is over and its items are being linked: `linked` so far. */
void progress_linking(
    struct progress *p, uint64_t linked, const struct linker_progress *linker);

/* Draws the line, unless it was drawn less than a tenth of a second ago. */
void progress_draw(struct progress *p, uint64_t now_ms);

/* The text of the line, without control characters, at most `columns`. */
void progress_text(const struct progress *p, uint64_t now_ms, int columns,
    char *out, size_t size);

/* Erases the line and frees. */
void progress_end(struct progress *p);

#endif
