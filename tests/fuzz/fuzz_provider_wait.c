/*
 * When to come back, in a provider's own words, whatever they are: never more
 * than the bound.
 */
#include "fuzz.h"

#include "embed/answer/embed_words.h"

enum { NOW_S = 1790000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t most_ms = UINT64_C(40) * 24 * 3600 * 1000;
    char *z = text_copy((struct str){(const char *)data, size});
    struct str text = {z, size};

    require(embed_duration_ms(text, 1) <= most_ms);
    require(embed_duration_ms(text, 1000) <= most_ms);
    require(embed_wait_in_words(z) <= most_ms);
    require(embed_reset_ms(text, NOW_S * INT64_C(1000)) <= most_ms);
    free(z);
    return 0;
}
