/* What wordpiece.c and wordpiece_file.c share. */
#ifndef EMBED_WORDPIECE_FILE_H
#define EMBED_WORDPIECE_FILE_H

#include "embed/static/bert_text.h"
#include "embed/static/wordpiece.h"

/* What hashes of tokens begin with: those that begin a word, the others. */
enum { WORD_BEGINS = 0x811C9DC5u, WORD_GOES_ON = 0x2545F491u };

struct token {
    uint32_t at, len, id; /* its bytes, without the "##" */
};

struct token_slot {
    uint32_t hash, which; /* of a token; index into tokens plus one, 0 free */
};

struct wordpiece {
    struct bert_rules rules;
    struct bert_char ascii[128]; /* what becomes of those; point -1: nothing */
    struct token *tokens;        /* owned */
    size_t ntokens;
    char *bytes;              /* the tokens'; owned */
    struct token_slot *slots; /* owned */
    size_t nslots;            /* a power of two */
    int shift;                /* 32 - log2(nslots) */
    size_t longest;           /* token, in bytes */
    size_t most_chars, most_id;
};

uint32_t wordpiece_hash_step(uint32_t h, char c);

/* Puts tokens[which], of that hash, into the table, which has room. */
void wordpiece_place(struct wordpiece *w, uint32_t hash, uint32_t which);

#endif
