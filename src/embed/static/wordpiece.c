#include "embed/static/wordpiece.h"

#include "base/arena.h"
#include "base/text.h"
#include "embed/static/bert_text.h"
#include "embed/static/wordpiece_file.h"
#include <stdlib.h>
#include <string.h>

/* The table of tokens: twice as many slots as tokens, or more. */

uint32_t wordpiece_hash_step(uint32_t h, char c)
{
    return (h ^ (unsigned char)c) * 0x01000193u;
}

static size_t wordpiece_slot(const struct wordpiece *w, uint32_t hash)
{
    return (hash * 0x9E3779B1u) >> w->shift;
}

/* NULL: no such token. Most words are asked for in lengths that are none: a
 * slot tells them apart by itself, without a look at its token. */
static const struct token *wordpiece_find(
    const struct wordpiece *w, uint32_t hash, const char *p, size_t len)
{
    size_t mask = w->nslots - 1;

    for (size_t i = wordpiece_slot(w, hash); w->slots[i].which != 0;
         i = (i + 1) & mask) {
        const struct token *t = &w->tokens[w->slots[i].which - 1];

        if (w->slots[i].hash == hash && t->len == len &&
            memcmp(w->bytes + t->at, p, len) == 0)
            return t;
    }
    return NULL;
}

void wordpiece_place(struct wordpiece *w, uint32_t hash, uint32_t which)
{
    size_t i = wordpiece_slot(w, hash);

    while (w->slots[i].which != 0)
        i = (i + 1) & (w->nslots - 1);
    w->slots[i] = (struct token_slot){hash, which + 1};
}

/* --- a word --- */

static int wordpiece_add_id(struct wordpiece_work *work, uint32_t id)
{
    if (work->n == work->size) {
        size_t size = work->size == 0 ? 256 : 2 * work->size;
        uint32_t *ids = realloc(work->ids, size * sizeof(*ids));

        if (ids == NULL)
            return ERR_NOMEM;
        work->ids = ids;
        work->size = size;
    }
    work->ids[work->n++] = id;
    return 0;
}

static int wordpiece_room_for_hashes(struct wordpiece_work *work)
{
    uint32_t *hashes;

    if (work->hashes_size > work->word_size)
        return 0;
    hashes = realloc(work->hashes, (work->word_size + 1) * sizeof(*hashes));
    if (hashes == NULL)
        return ERR_NOMEM;
    work->hashes = hashes;
    work->hashes_size = work->word_size + 1;
    return 0;
}

/* The longest token that the word's rest, from `at` on, begins with. */
static const struct token *wordpiece_longest(
    const struct wordpiece *w, struct wordpiece_work *work, size_t at)
{
    const char *rest = work->word + at;
    size_t most = work->word_len - at;
    uint32_t h = at == 0 ? WORD_BEGINS : WORD_GOES_ON;

    if (most > w->longest)
        most = w->longest;
    for (size_t i = 0; i < most; i++)
        work->hashes[i] = h = wordpiece_hash_step(h, rest[i]);
    for (size_t len = most; len > 0; len--) {
        const struct token *t =
            wordpiece_find(w, work->hashes[len - 1], rest, len);

        if (t != NULL)
            return t;
    }
    return NULL;
}

/* A word that cannot be spelled to its end adds nothing. */
static int wordpiece_spell(
    const struct wordpiece *w, struct wordpiece_work *work)
{
    size_t before = work->n;

    if (wordpiece_room_for_hashes(work) < 0)
        return ERR_NOMEM;
    for (size_t at = 0; at < work->word_len;) {
        const struct token *t = wordpiece_longest(w, work, at);

        if (t == NULL) {
            work->n = before;
            return 0;
        }
        if (wordpiece_add_id(work, t->id) < 0)
            return ERR_NOMEM;
        at += t->len;
    }
    return 0;
}

static int wordpiece_end_word(
    const struct wordpiece *w, struct wordpiece_work *work)
{
    int rc = work->word_len == 0 || work->word_chars > w->most_chars
                 ? 0
                 : wordpiece_spell(w, work);

    work->word_len = work->word_chars = 0;
    return rc;
}

/* --- a text --- */

static int wordpiece_put(
    const struct wordpiece *w, struct wordpiece_work *work, int32_t point)
{
    /* A word that is too long is left out, however long it is. */
    if (work->word_chars++ >= w->most_chars)
        return 0;
    if (work->word_len + UTF8_BYTES > work->word_size) {
        size_t size = work->word_size == 0 ? 256 : 2 * work->word_size;
        char *word = realloc(work->word, size);

        if (word == NULL)
            return ERR_NOMEM;
        work->word = word;
        work->word_size = size;
    }
    work->word_len += utf8_put(point, work->word + work->word_len);
    return 0;
}

static int wordpiece_take(const struct wordpiece *w,
    struct wordpiece_work *work, const struct bert_char *c)
{
    if (c->kind != BERT_LETTER && wordpiece_end_word(w, work) < 0)
        return ERR_NOMEM;
    if (c->kind == BERT_SPACE)
        return 0;
    if (wordpiece_put(w, work, c->point) < 0)
        return ERR_NOMEM;
    return c->kind == BERT_ALONE ? wordpiece_end_word(w, work) : 0;
}

int wordpiece_encode(
    const struct wordpiece *w, struct wordpiece_work *work, struct str text)
{
    work->n = work->word_len = work->word_chars = 0;
    for (size_t at = 0; at < text.len;) {
        struct bert_char chars[BERT_CHARS];
        unsigned char first = (unsigned char)text.p[at];
        const struct bert_char *c = &w->ascii[first & 0x7F];
        int n = 1;

        if (first < 0x80 && w->ascii[first].point >= 0) {
            at++;
        } else {
            n = bert_text_read(&w->rules, utf8_next(text, &at), chars);
            c = chars;
        }
        for (int i = 0; i < n; i++)
            if (wordpiece_take(w, work, &c[i]) < 0)
                return ERR_NOMEM;
    }
    return wordpiece_end_word(w, work);
}

size_t wordpiece_tokens(const struct wordpiece *w)
{
    return w->most_id + 1;
}

void wordpiece_free(struct wordpiece *w)
{
    if (w == NULL)
        return;
    free(w->tokens);
    free(w->bytes);
    free(w->slots);
    free(w);
}

void wordpiece_work_free(struct wordpiece_work *work)
{
    free(work->ids);
    free(work->word);
    free(work->hashes);
    *work = (struct wordpiece_work){0};
}
