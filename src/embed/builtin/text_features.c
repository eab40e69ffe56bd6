/*
 * A text's words are case-folded and counted. A distinct word that came n
 * times adds about 1 + ln n times its weight: the word itself, heavier the
 * longer it is (short words are mostly the grammar's), and each run of 3 to 5
 * of its code points, its ends marked, so that inflected and compound forms
 * resemble each other. Where writing has no spaces each character is a word,
 * and so is each pair of neighbours.
 *
 * Every feature's hash chooses a dimension and a sign; the sums, divided by
 * their length, are the vector. Only that last division is not in integers,
 * and IEEE 754 fixes its result and that of the square root.
 */
#include "embed/builtin/text_features.h"

#include "base/err.h"
#include "base/text.h"
#include "embed/builtin/text_fold.h"
#include <math.h>
#include <stdlib.h>

enum {
    GRAM_MIN = 3,
    GRAM_MAX = 5,
    EDGE = 1, /* stands for a word's beginning and end in its grams */
    GRAM_WEIGHT = 4,
    FIRST_SLOTS = 256,
    SQUARABLE = 1 << 23 /* times 16,000 dimensions fits 64 bits */
};

struct text_word {
    uint64_t hash;
    size_t at;      /* of its code points */
    uint32_t len;   /* code points */
    uint32_t count; /* times it came */
};

/* Different kinds of features of the same code points must not meet. */
enum feature { FEATURE_WORD = 1, FEATURE_GRAM = 2, FEATURE_NOTHING = 3 };

/* Mixes 64 bits so that each depends on all. */
static uint64_t features_mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93u;
    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93u;
    return x ^ (x >> 32);
}

static uint64_t text_features_hash_step(uint64_t h, int32_t point)
{
    return ((h ^ (uint32_t)point) * 0x9E3779B97F4A7C15u) ^ (h >> 29);
}

static uint64_t text_features_hash_points(
    const int32_t *p, size_t n, enum feature kind)
{
    uint64_t h = kind;

    for (size_t i = 0; i < n; i++)
        h = text_features_hash_step(h, p[i]);
    return features_mix(h);
}

/* The array with room for `need` > 0 elements; NULL: no memory, it stays. */
static void *features_grown(
    void *array, size_t *size, size_t need, size_t element)
{
    size_t more = *size < 64 ? 64 : *size;
    void *p;

    if (need <= *size)
        return array;
    while (more < need)
        more *= 2;
    p = realloc(array, more * element);
    if (p != NULL)
        *size = more;
    return p;
}

/* The table over the words. */

static uint32_t *text_features_find_slot(struct text_features *f, uint64_t hash)
{
    size_t i = hash & (f->nslots - 1);

    while (f->slots[i] != 0 && f->words[f->slots[i] - 1].hash != hash)
        i = (i + 1) & (f->nslots - 1);
    return &f->slots[i];
}

static int text_features_grow_slots(struct text_features *f)
{
    size_t n = f->nslots == 0 ? FIRST_SLOTS : f->nslots * 2;
    uint32_t *slots = calloc(n, sizeof(*slots));

    if (slots == NULL)
        return ERR_NOMEM;
    free(f->slots);
    f->slots = slots;
    f->nslots = n;
    for (size_t i = 0; i < f->nwords; i++)
        *text_features_find_slot(f, f->words[i].hash) = (uint32_t)i + 1;
    return 0;
}

static int text_features_add_new_word(
    struct text_features *f, struct text_word word)
{
    struct text_word *words =
        features_grown(f->words, &f->words_size, f->nwords + 1, sizeof(*words));

    if (words == NULL)
        return ERR_NOMEM;
    f->words = words;
    f->words[f->nwords++] = word;
    return 0;
}

/* Counts the word points[at .. at + len). */
static int text_features_count_word(
    struct text_features *f, size_t at, size_t len)
{
    uint64_t hash =
        text_features_hash_points(f->points + at, len, FEATURE_WORD);
    uint32_t *slot;

    if (f->nwords * 2 >= f->nslots && text_features_grow_slots(f) < 0)
        return ERR_NOMEM;
    slot = text_features_find_slot(f, hash);
    if (*slot != 0) {
        f->words[*slot - 1].count++;
        return 0;
    }
    if (text_features_add_new_word(
            f, (struct text_word){hash, at, (uint32_t)len, .count = 1}) < 0)
        return ERR_NOMEM;
    *slot = (uint32_t)f->nwords;
    return 0;
}

/* A run of letters ends here. */
static int text_features_end_word(struct text_features *f, size_t from)
{
    return f->npoints > from
               ? text_features_count_word(f, from, f->npoints - from)
               : 0;
}

/* The newest point as a word, and with its neighbour, if there is one. */
static int text_features_end_alone(struct text_features *f, bool has_neighbour)
{
    int rc = text_features_count_word(f, f->npoints - 1, 1);

    if (rc == 0 && has_neighbour)
        rc = text_features_count_word(f, f->npoints - 2, 2);
    return rc;
}

static int text_features_count_words(struct text_features *f, struct str text)
{
    enum text_kind before = TEXT_BREAK;
    size_t from = 0, at = 0;
    int rc = 0;

    while (at < text.len && rc == 0) {
        int32_t point = utf8_next(text, &at);
        enum text_kind kind = text_kind_of(point);

        if (kind == TEXT_SILENT)
            continue;
        if (kind != TEXT_LETTER && before == TEXT_LETTER)
            rc = text_features_end_word(f, from);
        if (kind == TEXT_LETTER && before != TEXT_LETTER)
            from = f->npoints;
        if (kind != TEXT_BREAK)
            f->points[f->npoints++] = text_fold(point);
        if (kind == TEXT_ALONE && rc == 0)
            rc = text_features_end_alone(f, before == TEXT_ALONE);
        before = kind;
    }
    return rc == 0 && before == TEXT_LETTER ? text_features_end_word(f, from)
                                            : rc;
}

/* From words to sums. */

static void add_feature(
    struct text_features *f, int dimensions, uint64_t hash, int64_t weight)
{
    uint64_t place = (hash >> 32) * (uint64_t)dimensions >> 32;

    f->sums[place] += hash & 1 ? weight : -weight;
}

/* 16 (1 + ln n), the logarithm by halves from a table. */
static int64_t text_features_count_weight(uint32_t n)
{
    static const uint8_t first[] = {
        0, 16, 27, 34, 38, 42, 45, 47, 49, 51, 53, 54, 56, 57, 58, 59};
    int64_t weight = 0;

    for (; n >= sizeof(first); n /= 2)
        weight += 11;
    return weight + first[n];
}

static int64_t text_features_word_weight(
    const struct text_word *w, const int32_t *points)
{
    static const uint8_t by_length[] = {0, 4, 5, 8, 11, 14, 16};

    if (text_kind_of(points[w->at]) == TEXT_ALONE)
        return w->len == 1 ? 10 : 16;
    return w->len < sizeof(by_length) ? by_length[w->len] : 16;
}

static void text_features_add_grams_from(struct text_features *f,
    int dimensions, const struct text_word *w, size_t start, int64_t weight)
{
    const int32_t *p = f->points + w->at;
    size_t size = w->len + 2; /* with both ends */
    uint64_t h = FEATURE_GRAM;

    for (size_t i = start; i < size && i < start + GRAM_MAX; i++) {
        h = text_features_hash_step(
            h, i == 0 || i == size - 1 ? EDGE : p[i - 1]);
        if (i - start + 1 >= GRAM_MIN && i - start + 1 < size)
            add_feature(f, dimensions, features_mix(h), weight);
    }
}

static void text_features_add_word(
    struct text_features *f, int dimensions, const struct text_word *w)
{
    int64_t weight = text_features_count_weight(w->count);

    add_feature(f, dimensions, w->hash,
        weight * text_features_word_weight(w, f->points));
    if (text_kind_of(f->points[w->at]) == TEXT_ALONE)
        return;
    for (size_t start = 0; start + GRAM_MIN <= w->len + 2; start++)
        text_features_add_grams_from(
            f, dimensions, w, start, weight * GRAM_WEIGHT);
}

/* Nothing to go by, or everything canceled out: some place, always the same. */
static void text_features_set_anyhow(
    struct str text, int dimensions, float *vector)
{
    uint64_t h = FEATURE_NOTHING;

    for (size_t i = 0; i < text.len; i++)
        h = text_features_hash_step(h, (unsigned char)text.p[i]);
    h = features_mix(h);
    memset(vector, 0, (size_t)dimensions * sizeof(*vector));
    vector[(h >> 32) * (uint64_t)dimensions >> 32] = h & 1 ? 1 : -1;
}

/* False when all sums are zero. */
static bool text_features_set_vector(
    const struct text_features *f, int dimensions, float *vector)
{
    int64_t most = 0, divisor = 1, squares = 0;
    double length;

    for (int i = 0; i < dimensions; i++)
        most = llabs(f->sums[i]) > most ? llabs(f->sums[i]) : most;
    while (most / divisor >= SQUARABLE)
        divisor *= 2;
    for (int i = 0; i < dimensions; i++)
        squares += (f->sums[i] / divisor) * (f->sums[i] / divisor);
    length = sqrt((double)squares);
    for (int i = 0; i < dimensions && squares > 0; i++)
        vector[i] = (float)((double)(f->sums[i] / divisor) / length);
    return squares > 0;
}

/* A text has at most one code point a byte. */
static int text_features_make_room(
    struct text_features *f, size_t bytes, size_t dimensions)
{
    int32_t *points =
        features_grown(f->points, &f->points_size, bytes + 1, sizeof(*points));
    int64_t *sums;

    if (points == NULL)
        return ERR_NOMEM;
    f->points = points;
    sums = features_grown(f->sums, &f->sums_size, dimensions, sizeof(*sums));
    if (sums == NULL)
        return ERR_NOMEM;
    f->sums = sums;
    return 0;
}

static int begin_text(struct text_features *f, struct str text, int dimensions)
{
    if (text_features_make_room(f, text.len, (size_t)dimensions) < 0)
        return ERR_NOMEM;
    f->npoints = 0;
    f->nwords = 0;
    if (f->slots != NULL)
        memset(f->slots, 0, f->nslots * sizeof(*f->slots));
    memset(f->sums, 0, (size_t)dimensions * sizeof(*f->sums));
    return 0;
}

int text_features_embed(
    struct text_features *f, struct str text, int dimensions, float *vector)
{
    if (begin_text(f, text, dimensions) < 0 ||
        text_features_count_words(f, text) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < f->nwords; i++)
        text_features_add_word(f, dimensions, &f->words[i]);
    if (!text_features_set_vector(f, dimensions, vector))
        text_features_set_anyhow(text, dimensions, vector);
    return 0;
}

void text_features_free(struct text_features *f)
{
    free(f->points);
    free(f->words);
    free(f->slots);
    free(f->sums);
    *f = (struct text_features){.points = NULL};
}
