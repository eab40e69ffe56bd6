/* Letters and words for matching, without a table of all of Unicode. */
#ifndef EMBED_TEXT_FOLD_H
#define EMBED_TEXT_FOLD_H

#include <stdint.h>

enum text_kind {
    TEXT_BREAK,  /* white space, punctuation: ends a word */
    TEXT_SILENT, /* accents and vowel points as marks of their own: dropped */
    TEXT_LETTER, /* part of a word */
    TEXT_ALONE   /* a word by itself: ideographs, kana, emoji */
};

/* What a code point is; -1 (no valid UTF-8) is a break. */
enum text_kind text_kind_of(int32_t point);

/* Lower case for Latin, Greek and Cyrillic, Hebrew's final letters as the
 * usual ones; all others as they are. */
int32_t text_fold(int32_t point);

#endif
