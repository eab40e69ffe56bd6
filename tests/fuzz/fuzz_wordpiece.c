/*
 * Any bytes as a tokenizer.json and a text after it, or as a text alone for a
 * tokenizer that is there: token numbers that the vocabulary has, or a fault.
 */
#include "embed/static/wordpiece.h"

#include <stdlib.h>
#include <string.h>

static const char known[] =
    "{\"normalizer\":{\"type\":\"BertNormalizer\"},"
    "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
    "\"model\":{\"type\":\"WordPiece\",\"max_input_chars_per_word\":7,"
    "\"vocab\":{\"a\":0,\"##a\":1,\"ab\":2,\"##ba\":3,\"\xD7\x90\":4,"
    "\"##\xD7\x91\":5,\".\":6,\"\xE4\xB8\xAD\":7,\"##abc\":8}}}";

static void encode(const struct wordpiece *w, struct str text)
{
    static struct wordpiece_work work;

    if (wordpiece_encode(w, &work, text) < 0)
        return;
    /* No token is shorter than a byte, but for what one decomposes into. */
    if (work.n > 4 * text.len)
        abort();
    for (size_t i = 0; i < work.n; i++)
        if (work.ids[i] >= wordpiece_tokens(w))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wordpiece *fixed;
    struct str input = {(const char *)data, size}, text = {"", 0};
    const char *end = size > 0 ? memchr(data, 0, size) : NULL;
    struct wordpiece *w;
    struct err err = {0};

    if (fixed == NULL && wordpiece_load(&fixed, str_of(known), &err) < 0)
        abort();
    encode(fixed, input);
    if (end != NULL) {
        text = (struct str){end + 1, size - (size_t)(end + 1 - input.p)};
        input.len = (size_t)(end - input.p);
    }
    if (wordpiece_load(&w, input, &err) < 0) {
        if (w != NULL || err.msg[0] == '\0')
            abort();
        return 0;
    }
    encode(w, text);
    wordpiece_free(w);
    return 0;
}
