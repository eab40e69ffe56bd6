/*
 * BERT's tokenizer, as a tokenizer.json describes it: BertNormalizer,
 * BertPreTokenizer, WordPiece. A text becomes the numbers of its tokens,
 * without special ones; words that the vocabulary cannot spell are left out.
 */
#ifndef EMBED_WORDPIECE_H
#define EMBED_WORDPIECE_H

#include "base/err.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

struct wordpiece;

/*
 * Reads a tokenizer.json. Whatever it asks for that is not handled is refused
 * by name: ERR_INVALID. ERR_NOMEM.
 */
int wordpiece_load(struct wordpiece **w, struct str json, struct err *err);

/* NULL is fine. */
void wordpiece_free(struct wordpiece *w);

/* The largest token number, plus one. */
size_t wordpiece_tokens(const struct wordpiece *w);

/* Working memory, kept from text to text. All zeroes to begin with. */
struct wordpiece_work {
    uint32_t *ids; /* out: n, in the text's order; owned */
    size_t n, size;
    char *word; /* the one that is being read, normalised; owned */
    size_t word_len, word_size, word_chars;
    uint32_t *hashes; /* of its beginnings; owned */
    size_t hashes_size;
};

/* Fills work->ids. ERR_NOMEM. */
int wordpiece_encode(
    const struct wordpiece *w, struct wordpiece_work *work, struct str text);

void wordpiece_work_free(struct wordpiece_work *work);

#endif
