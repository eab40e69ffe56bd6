#include "corpus.h"

#include <stdio.h>
#include <string.h>

/*
 * A vector is cut from random pieces by the hash of its text: copying them,
 * encoded beforehand, keeps the embedder from costing more than what is
 * measured. A piece is 48 floats, 192 bytes, 256 characters of base64.
 */
enum {
    PIECES = 4096,
    PIECE = 48,
    PIECE_TEXT = PIECE * 4 / 3 * 4,
    TOPICS = 1024
};

static float pieces[PIECES][PIECE];
static char texts[PIECES][PIECE_TEXT];
static struct {
    char text[PIECE * FLOAT_TEXT]; /* each with a comma after it */
    uint16_t ends[PIECE];          /* of each float's, without its comma */
} floats[PIECES];

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static uint64_t next(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static size_t encode(const void *from, size_t len, char *out)
{
    const uint8_t *in = from;
    size_t n = 0;

    for (size_t i = 0; i < len; i += 3) {
        uint32_t three = (uint32_t)in[i] << 16;

        three |= i + 1 < len ? (uint32_t)in[i + 1] << 8 : 0;
        three |= i + 2 < len ? in[i + 2] : 0;
        out[n++] = alphabet[three >> 18];
        out[n++] = alphabet[three >> 12 & 63];
        out[n++] = i + 1 < len ? alphabet[three >> 6 & 63] : '=';
        out[n++] = i + 2 < len ? alphabet[three & 63] : '=';
    }
    return n;
}

static void print_floats(size_t piece)
{
    size_t n = 0;

    for (size_t k = 0; k < PIECE; k++) {
        n += (size_t)sprintf(
            floats[piece].text + n, "%.9g,", (double)pieces[piece][k]);
        floats[piece].ends[k] = (uint16_t)(n - 1);
    }
}

void vectors_init(void)
{
    uint64_t state = 1;

    for (size_t i = 0; i < PIECES; i++) {
        for (size_t k = 0; k < PIECE; k++)
            pieces[i][k] = ((float)(next(&state) >> 40) - 0x1p23F) * 0x1p-27F;
        encode(pieces[i], sizeof(pieces[i]), texts[i]);
        print_floats(i);
    }
}

static uint64_t hash(const char *text, size_t len) /* FNV-1a */
{
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)text[i]) * 0x100000001b3;
    return h;
}

/* Which pieces a text's vector is made of. */
struct cut {
    uint64_t topic, own; /* states to draw from */
    int own_from;        /* dimension */
};

static struct cut cut(const char *text, size_t len, int dimensions)
{
    uint64_t h = hash(text, len);

    return (struct cut){h % TOPICS, h, dimensions * 3 / 4 / PIECE * PIECE};
}

/* The piece that begins at a dimension; to be asked for in their order. */
static size_t draw(struct cut *c, int at)
{
    return next(at < c->own_from ? &c->topic : &c->own) % PIECES;
}

void vector_of(const char *text, size_t len, int dimensions, float *out)
{
    struct cut c = cut(text, len, dimensions);

    for (int at = 0; at < dimensions; at += PIECE) {
        int n = dimensions - at < PIECE ? dimensions - at : PIECE;

        memcpy(out + at, pieces[draw(&c, at)], (size_t)n * sizeof(float));
    }
}

size_t vector_base64(const char *text, size_t len, int dimensions, char *out)
{
    struct cut c = cut(text, len, dimensions);
    size_t n = 0;
    int at = 0;

    for (; at + PIECE <= dimensions; at += PIECE, n += PIECE_TEXT)
        memcpy(out + n, texts[draw(&c, at)], PIECE_TEXT);
    if (at < dimensions)
        n += encode(pieces[draw(&c, at)],
            (size_t)(dimensions - at) * sizeof(float), out + n);
    return n;
}

size_t vector_floats(const char *text, size_t len, int dimensions, char *out)
{
    struct cut c = cut(text, len, dimensions);
    size_t n = 0;

    for (int at = 0; at < dimensions; at += PIECE) {
        size_t piece = draw(&c, at);
        int left = dimensions - at < PIECE ? dimensions - at : PIECE;
        size_t end = floats[piece].ends[left - 1];

        memcpy(out + n, floats[piece].text, end);
        n += end;
        out[n++] = ',';
    }
    return n - 1;
}

static const char *const words[] = {"account", "answer", "balance", "border",
    "branch", "café", "change", "column", "course", "degree", "detail", "draft",
    "evening", "figure", "forest", "garden", "Größe", "harbour", "history",
    "island", "journal", "kitchen", "lesson", "letter", "market", "measure",
    "minute", "morning", "naïve", "number", "office", "orange", "pattern",
    "people", "picture", "planet", "problem", "quarter", "question", "reason",
    "record", "report", "river", "school", "season", "signal", "silver",
    "station", "street", "student", "summer", "system", "teacher", "theory",
    "travel", "valley", "village", "weather", "window", "winter", "wonder",
    "yellow", "\\\"zero\\\"", "zone"};

enum { WORDS = sizeof(words) / sizeof(words[0]) };

/* Words until `least` bytes are there. */
static size_t prose(char *out, size_t least, uint64_t *state)
{
    size_t n = 0;

    while (n < least) {
        const char *word = words[next(state) % WORDS];

        if (n > 0)
            out[n++] = ' ';
        memcpy(out + n, word, strlen(word));
        n += strlen(word);
    }
    out[n] = '\0';
    return n;
}

size_t item_json(char *out, unsigned number, unsigned revision, size_t size)
{
    static const size_t around = 105; /* bytes beside title and body */
    uint64_t state = number;
    size_t title = size > 300 ? 48 : 8, n;
    size_t body = size > around + title ? size - around - title : 1;

    if (number % CHANGED_EACH == 0)
        state += (uint64_t)revision << 32;
    n = (size_t)sprintf(out, "{\"id\":\"item-%08u\",\"title\":\"", number);
    n += prose(out + n, title, &state);
    n += (size_t)sprintf(out + n, "\",\"body\":\"");
    n += prose(out + n, body, &state);
    n += (size_t)sprintf(out + n,
        "\",\"score\":%u.%u,\"published_at\":"
        "\"20%02u-%02u-%02uT%02u:%02u:%02u.000Z\"}",
        number % 1000, 1 + number % 9, 10 + number % 15, 1 + number % 12,
        1 + number % 28, number % 24, number % 60, number % 59);
    return n;
}
