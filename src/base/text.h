/* UTF-8, dates and times as text. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * The code point at s.p[*at] and moves *at past it; a byte that is not valid
 * UTF-8 (surrogates included) gives -1 and moves by one.
 */
int32_t utf8_next(struct str s, size_t *at);

/* Writes a code point of at most U+10FFFF; returns its bytes. */
enum { UTF8_BYTES = 4 };
size_t utf8_put(int32_t point, char out[UTF8_BYTES]);

bool utf8_valid(struct str s);

/* Valid, and of what one can see: no control character, none that changes the
 * direction of text, none without width. */
bool utf8_visible(struct str s);

/* Appends s with each invalid byte run as U+FFFD; returns how many. */
size_t utf8_repair(struct buf *out, struct str s);

/* Bytes of the longest prefix of at most `chars` code points. */
size_t utf8_prefix(struct str s, size_t chars);

/* The longest prefix of at most `bytes` that ends between code points. */
struct str utf8_cut(struct str s, size_t bytes);

/* Without JavaScript's white space at both ends (String.prototype.trim). */
struct str text_trim(struct str s);

/* "2026-11-23T15:38:38.805Z" */
enum { ISO_BYTES = 32 };
void iso_from_ms(int64_t epoch_ms, char out[ISO_BYTES]);

/*
 * ISO-8601 date or date with time (T or a space, seconds and fraction
 * optional, Z or an offset; no offset means UTC) to epoch milliseconds. As in
 * JavaScript, YYYY and YYYY-MM are dates, years may be +-YYYYYY, t and z small,
 * 24:00 is the next midnight, and a day the month lacks (up to 31) runs over
 * into the next month. Nothing may stand around it.
 */
bool iso_to_ms(struct str s, int64_t *epoch_ms);

/*
 * Removes the first line from *lines, without its newline; false: none is
 * left.
 */
bool text_next_line(struct str *lines, struct str *line);

/* Calendar date of an instant in UTC, and its first instant; the day may lie
 * past the month's end. */
void civil_from_ms(int64_t epoch_ms, int64_t *year, int *month, int *day);
int64_t civil_to_ms(int64_t year, int month, int day);

/* Levenshtein distance of two names, for "did you mean"; of names longer than
 * 128 bytes just the longer one's length. */
size_t edit_distance(struct str a, struct str b);

#endif
