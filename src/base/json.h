/*
 * JSON, and JavaScript's view of it; the home of yyjson (hot documents: pages,
 * embedding answers, schemas) and jansson (small ones: results, lists).
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include <jansson.h>
#include <stdint.h>
#include <yyjson.h>

/* Nested arrays and objects; walkers may recurse this deep. */
enum { JSON_MAX_DEPTH = 256 };

/*
 * Parses text whose memory goes with the arena. Numbers too big for 64 bits
 * stay raw (yyjson_is_raw). Lone surrogates and bytes that are not UTF-8
 * become U+FFFD and are counted into *replaced (may be NULL). A syntax error
 * is ERR_INVALID with the byte position and what is there; so is a document
 * nested deeper than JSON_MAX_DEPTH. While it parses it may take about five
 * times the text's bytes from the arena's budget (16 a value, and a copy of
 * the text), afterwards what the parsed values need; past the budget it is
 * ERR_NOMEM. `text` need not outlive the call.
 */
int json_parse(struct arena *a, struct str text, yyjson_val **root,
    size_t *replaced, struct err *err);

/*
 * The same of a document that may have flaws: one that is nested too deep or
 * has numbers that JSON does not know (NaN, Infinity) is read all the same,
 * and nothing but json_mend() may walk it before it is mended. Raw control
 * characters in strings are read as they are, a byte order mark in front is
 * skipped. `error_at`: the byte of a syntax error, 0 if there
 * was none; *flaws is set in any case.
 */
struct json_flaws {
    bool too_deep, odd_numbers;
    size_t error_at;
};
int json_parse_flawed(struct arena *a, struct str text, yyjson_val **root,
    size_t *replaced, struct json_flaws *flaws, struct err *err);

/*
 * Empties what is nested deeper than `depth` in the value, and makes numbers
 * that JSON does not know null. Returns what was wrong, in words (static);
 * NULL: nothing.
 */
const char *json_mend(yyjson_val *v, size_t depth);

/* A string's bytes; empty of any other value. */
static inline struct str json_str(yyjson_val *v)
{
    return yyjson_is_str(v) ? (struct str){yyjson_get_str(v), yyjson_get_len(v)}
                            : (struct str){NULL, 0};
}

/* The value of the last member of that name (as in JavaScript); NULL when
 * there is none or `object` is not an object. */
yyjson_val *json_member(yyjson_val *object, const char *name);
yyjson_val *json_member_str(yyjson_val *object, struct str name);

/* The number as JavaScript's double; raw ones are converted (Infinity when
 * no double holds them). NaN if `v` is not a number. */
double json_number(yyjson_val *v);

/* A whole number given as a number or a numeric string; false if it is not. */
bool json_int(yyjson_val *v, int64_t *out);

/* A boolean, or the strings "true" and "false". */
bool json_bool(yyjson_val *v, bool *out);

/*
 * What JavaScript's String(x) gives: shortest form that reads back, 1e+21,
 * NaN, Infinity, -0 as 0. Returns the length; out is NUL-terminated.
 */
enum { JS_NUMBER_BYTES = 32 };
size_t js_number(double x, char out[JS_NUMBER_BYTES]);

/*
 * An object's own members in JavaScript's order: integer-like keys ascending,
 * then the others as written; of a repeated key the first place and the last
 * value. An array's own keys are 0, 1, ... Returns the count (0 for a scalar),
 * or < 0 (ERR_NOMEM); *members lives in the arena, its keys in the document.
 */
struct json_entry {
    struct str key;
    yyjson_val *value;
};
long json_entries(
    struct arena *a, yyjson_val *object, struct json_entry **members);

/*
 * Appends the value as compact JSON: integers with the digits they came with,
 * other numbers as JavaScript writes them, NUL characters in strings and keys
 * dropped and counted into *nuls (may be NULL). A number that no double holds
 * (1e999) becomes null.
 */
void json_write(struct buf *out, yyjson_val *v, size_t *nuls);

/* About as many bytes as the value takes as compact JSON. */
size_t json_size(yyjson_val *v);

/*
 * Feeds the value (structure and bytes) to a SHA-256: equal values, equal
 * digests, whatever the white space; members count in the order they came.
 */
struct sha256;
void json_digest(struct sha256 *s, yyjson_val *v);

#endif
