/* What BERT's normaliser and pre-tokenizer do to one character. */
#ifndef EMBED_BERT_TEXT_H
#define EMBED_BERT_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* BertNormalizer's settings. */
struct bert_rules {
    bool clean_text;           /* drop control characters */
    bool handle_chinese_chars; /* each ideograph is a word */
    bool strip_accents;        /* decompose, drop accents */
    bool lowercase;
};

enum bert_kind {
    BERT_SPACE, /* ends a word */
    BERT_ALONE, /* a word by itself: punctuation, ideographs */
    BERT_LETTER /* part of a word */
};

enum { BERT_CHARS = 18 /* that one may decompose into */ };

/*
 * What becomes of the character: so many (0: dropped) in chars[], each of its
 * kind. A space is one character.
 */
struct bert_char {
    int32_t point;
    enum bert_kind kind;
};
int bert_text_read(const struct bert_rules *rules, int32_t point,
    struct bert_char chars[BERT_CHARS]);

#endif
