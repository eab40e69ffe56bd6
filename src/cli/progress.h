/*
 * What a run does, for whoever watches a command: on a terminal a live line a
 * service, redrawn in place at most ten times a second and erased at the end;
 * elsewhere a plain line when a service has ended, and now and then while it
 * lasts. Log lines on the same terminal go through progress_log(), which erases
 * the live ones first.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/live_lines.h"
#include "sync/linker.h"
#include "sync/ports.h"
#include <stdio.h>

struct progress_service {
    char name[64]; /* "": not begun by this process */
    bool ended;
    bool good; /* how it ended */
    int page;
    struct counts counts; /* of pages that are done */
    uint64_t rows;        /* stored since the last of them */
    uint64_t announced;   /* items, by the source; 0: it does not say */
    uint64_t began_ms, took_ms;
};

struct progress {
    struct live_lines lines;
    FILE *plain; /* borrowed; where plain lines go, or NULL */
    FILE *log;   /* owned; writes to the terminal; NULL: there is none */
    struct progress_service *services; /* owned; nservices, by position */
    size_t nservices;
    bool linking;    /* the run is over */
    uint64_t linked; /* items */
    struct linker_progress linker;
    uint64_t drawn_ms;
};

/*
 * Draws on `err` if that is a terminal; else writes plain lines to `plain`
 * (NULL: none). *p must stay where it is.
 */
void progress_init(struct progress *p, FILE *err, FILE *plain);

/* The stream for log lines, borrowed until progress_end(); NULL: nothing is
 * drawn. */
FILE *progress_log(struct progress *p);

/* Takes in an event; times are of a monotonic clock. */
void progress_event(
    struct progress *p, const struct run_event *event, uint64_t now_ms);

/* Erases the lines until they are drawn again. */
void progress_clear(struct progress *p);

/* The run is over and its items are being linked: `linked` so far. */
void progress_linking(
    struct progress *p, uint64_t linked, const struct linker_progress *linker);

/* Draws, unless that was done a moment ago. */
void progress_draw(struct progress *p, uint64_t now_ms);

/* Erases the lines and frees. */
void progress_end(struct progress *p);

/* The parts of a service's line, for others that show one. */
struct progress_shown {
    const char *name;
    uint64_t items, announced, stored, unchanged, failed; /* 0: none */
    uint64_t ms; /* since it began, or what it took */
    bool ended, good;
};
void progress_put(struct live_lines *lines, const struct progress_shown *s);

#endif
