/*
 * Lines on a terminal that are redrawn in place: a frame is built line by line
 * and replaces the one before. Each is cut at the terminal's width, which is
 * asked for anew at every frame, so that a window may be resized at any time.
 * Colors are left out where NO_COLOR is set.
 *
 *   if (live_lines_begin(&l)) {          false: there is no terminal
 *       live_lines_put(&l, LIVE_GOOD, "%d stored", n);
 *       live_lines_next(&l);
 *       live_lines_end(&l);
 *   }
 */
#ifndef CLI_LIVE_LINES_H
#define CLI_LIVE_LINES_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdio.h>

enum { LIVE_LINES_MOST = 64 };

enum live_color { LIVE_PLAIN, LIVE_GOOD, LIVE_WARN, LIVE_BAD, LIVE_DIM };

struct live_lines {
    FILE *terminal; /* borrowed; NULL: nothing is drawn */
    bool colors;
    int columns, rows;           /* of the terminal, at the last frame */
    struct buf frame;            /* being built */
    int width;                   /* of its last line, in columns */
    int widths[LIVE_LINES_MOST]; /* of the frame's lines */
    size_t n;                    /* lines in the frame */
    int shown[LIVE_LINES_MOST];  /* the same of what is on the screen */
    size_t nshown;
};

/* Draws on `out` if that is a terminal (NULL: it is not). */
void live_lines_init(struct live_lines *l, FILE *out);

/* How many lines fit, at most LIVE_LINES_MOST. */
size_t live_lines_room(const struct live_lines *l);

bool live_lines_begin(struct live_lines *l);

/* Appends to the line, without control characters, up to the width. */
void live_lines_put(struct live_lines *l, enum live_color color,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Ends the line. */
void live_lines_next(struct live_lines *l);

/* Replaces what is on the screen by the frame. */
void live_lines_end(struct live_lines *l);

/* Erases what is on the screen, so that other lines may be written. */
void live_lines_clear(struct live_lines *l);

#endif
