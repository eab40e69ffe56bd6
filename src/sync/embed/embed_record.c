#include "sync/embed/embed_record.h"

#include <stdio.h>

/* Every text of a run may fail by chance: the more there are, the less likely
 * it must be for one of them. */
static double embed_record_convicting_odds(const struct embed_record *r)
{
    return 1e-4 / (100 + (double)r->texts);
}

void embed_record_pass(struct embed_record *r, size_t texts)
{
    r->proven = true;
    r->passed++;
    r->failing_since_ms = 0;
    if (texts > r->size_passed)
        r->size_passed = texts;
}

void embed_record_fail(
    struct embed_record *r, size_t texts, bool again, uint64_t now_ms)
{
    r->failed++;
    if (r->failing_since_ms == 0)
        r->failing_since_ms = now_ms;
    if (!again || texts < 2)
        return;
    r->size_failures++;
    if (r->size_failed == 0 || texts < r->size_failed)
        r->size_failed = texts;
}

/* One poison text can make any request fail that holds it; only a size of
 * which none has passed is too large. Half of it is what is tried next. */
size_t embed_record_cap(const struct embed_record *r)
{
    size_t half = r->size_failed / 2;

    if (r->size_failures < 2 || r->size_failed <= r->size_passed)
        return SIZE_MAX;
    return r->size_passed > half ? r->size_passed : half;
}

bool embed_record_convicts(
    const struct embed_record *r, unsigned alone, uint64_t own)
{
    double others_failed = (double)(r->failed > own ? r->failed - own : 0);
    double others = others_failed + (double)r->passed;
    double odds = 1;

    if (alone < 2)
        return false;
    for (unsigned i = 1; i <= alone; i++)
        odds *= (others_failed + i) / (others + i);
    return odds < embed_record_convicting_odds(r);
}

bool embed_record_may_set_aside(const struct embed_record *r)
{
    uint64_t most = r->texts * SET_ASIDE_PERCENT / 100;

    return r->set_aside < (most > SET_ASIDE_LEAST ? most : SET_ASIDE_LEAST);
}

void embed_record_witness(uint64_t random, char out[WITNESS_BYTES])
{
    static const char *const words[] = {"water", "stone", "river", "bread",
        "light", "house", "green", "seven", "music", "paper"};
    size_t n = sizeof(words) / sizeof(words[0]);

    snprintf(out, WITNESS_BYTES, "%s%06u", words[random % n],
        (unsigned)(random / n % 1000000));
}
