#include "embed/embed_caps.h"

/* Half at first; further down in larger steps, to be there soon. What tried
 * the next size up falls back to what is known to pass. */
static size_t caps_guess(
    const struct embed_caps *caps, const struct embed_cap *cap, size_t refused)
{
    size_t smaller = caps->guesses == 0 ? refused / 2 : refused / 4;

    if (cap->most > 0 && refused > cap->most)
        return cap->most;
    return smaller > 0 ? smaller : 1;
}

static size_t caps_inputs(const struct embed_caps *caps,
    const struct embedder_excess *excess, size_t n)
{
    return excess->limit > 0 && excess->limit < n
               ? excess->limit
               : caps_guess(caps, &caps->inputs, n);
}

/* Its tokens in ours: they are as many times fewer as it got fewer. */
static size_t caps_tokens(const struct embed_caps *caps,
    const struct embedder_excess *excess, size_t tokens)
{
    double limit = (double)excess->limit;

    if (excess->told > excess->limit)
        limit *= (double)tokens / (double)excess->told;
    return limit >= 1 && limit < (double)tokens
               ? (size_t)limit
               : caps_guess(caps, &caps->tokens, tokens);
}

bool embed_caps_learn(struct embed_caps *caps,
    const struct embedder_excess *excess, size_t n, size_t tokens,
    uint64_t now_ms)
{
    struct embed_cap learnt = {.learnt_ms = now_ms};

    if (excess->what == EXCESS_NONE || n < 2)
        return false;
    if (excess->what == EXCESS_INPUTS) {
        learnt.most = caps_inputs(caps, excess, n);
        caps->inputs = learnt;
    } else {
        learnt.most = caps_tokens(caps, excess, tokens);
        caps->tokens = learnt;
    }
    caps->guesses += excess->limit == 0;
    return true;
}

static void cap_age(struct embed_cap *cap, uint64_t now_ms)
{
    if (cap->most > 0 && cap->trial == TRIAL_NONE &&
        now_ms - cap->learnt_ms >= CAPS_DAY_MS)
        cap->trial = TRIAL_DUE;
}

void embed_caps_age(struct embed_caps *caps, uint64_t now_ms)
{
    cap_age(&caps->inputs, now_ms);
    cap_age(&caps->tokens, now_ms);
}

size_t embed_cap_room(const struct embed_cap *cap)
{
    return cap->trial == TRIAL_DUE ? 2 * cap->most : cap->most;
}

void embed_cap_sent(struct embed_cap *cap, size_t size)
{
    if (cap->trial == TRIAL_DUE && size > cap->most)
        cap->trial = TRIAL_SENT;
}

bool embed_cap_passed(struct embed_cap *cap, size_t size, uint64_t now_ms)
{
    if (cap->trial != TRIAL_SENT || size <= cap->most)
        return false;
    *cap = (struct embed_cap){.most = 2 * cap->most, .learnt_ms = now_ms};
    return true;
}
