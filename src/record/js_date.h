/*
 * The instant that JavaScript's `new Date(text)` means, with UTC as the local
 * zone: readers of the stored rows compare with what a Node program wrote.
 */
#ifndef RECORD_JS_DATE_H
#define RECORD_JS_DATE_H

#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * Reads UTF-8 text: the ISO forms of the language's standard, and else what
 * the engine V8 makes of it (RFC 2822, Date.prototype.toString, month names,
 * slashes, AM and PM). False where JavaScript has "Invalid Date".
 */
bool js_date_parse(struct str text, int64_t *epoch_ms);

/* The instant of a number of epoch milliseconds, whose fraction is dropped;
 * false where JavaScript has "Invalid Date". */
bool js_date_clip(double ms, int64_t *epoch_ms);

#endif
