#include "embed/embed_caps.h"

/* Half at first; further down in larger steps, to be there soon. */
static size_t caps_guess(const struct embed_caps *caps, size_t refused)
{
    size_t smaller = caps->guesses == 0 ? refused / 2 : refused / 4;

    return smaller > 0 ? smaller : 1;
}

static size_t caps_inputs(const struct embed_caps *caps,
    const struct embedder_excess *excess, size_t n)
{
    return excess->limit > 0 && excess->limit < n ? excess->limit
                                                  : caps_guess(caps, n);
}

/* Its tokens in ours: they are as many times fewer as it got fewer. */
static size_t caps_tokens(const struct embed_caps *caps,
    const struct embedder_excess *excess, size_t tokens)
{
    double limit = (double)excess->limit;

    if (excess->told > excess->limit)
        limit *= (double)tokens / (double)excess->told;
    return limit >= 1 && limit < (double)tokens ? (size_t)limit
                                                : caps_guess(caps, tokens);
}

bool embed_caps_learn(struct embed_caps *caps,
    const struct embedder_excess *excess, size_t n, size_t tokens,
    uint64_t now_ms)
{
    if (excess->what == EXCESS_NONE || n < 2)
        return false;
    if (excess->what == EXCESS_INPUTS)
        caps->inputs = caps_inputs(caps, excess, n);
    else
        caps->tokens = caps_tokens(caps, excess, tokens);
    caps->guesses += excess->limit == 0;
    caps->learnt_ms = now_ms;
    return true;
}

void embed_caps_passed(struct embed_caps *caps)
{
    caps->guesses = 0;
}

void embed_caps_age(struct embed_caps *caps, uint64_t now_ms)
{
    if ((caps->inputs == 0 && caps->tokens == 0) ||
        now_ms - caps->learnt_ms < CAPS_DAY_MS)
        return;
    caps->inputs *= 2;
    caps->tokens *= 2;
    caps->learnt_ms = now_ms;
}
