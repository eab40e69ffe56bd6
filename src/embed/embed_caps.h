/*
 * What a provider takes at once, as far as its refusals have shown; pure.
 * What it once refused it is offered again after a day, doubled.
 */
#ifndef EMBED_EMBED_CAPS_H
#define EMBED_EMBED_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CAPS_DAY_MS = 24 * 60 * 60 * 1000 };

/* A request that was too large as a whole. */
enum excess_kind { EXCESS_NONE, EXCESS_INPUTS, EXCESS_TOKENS };

struct embedder_excess {
    enum excess_kind what;
    size_t limit; /* as the provider tells it; 0: it does not */
    size_t told;  /* how much it says it got; 0: it does not */
};

struct embed_caps {
    size_t inputs;      /* texts a request; 0: nothing was learnt */
    size_t tokens;      /* estimated ones; 0: the same */
    uint64_t learnt_ms; /* when, or when it was last doubled */
    int guesses;        /* refusals in a row that told no number */
};

/* A request of n texts, of so many estimated tokens, was refused for it: what
 * follows holds from now on. False: it can be no smaller. */
bool embed_caps_learn(struct embed_caps *caps,
    const struct embedder_excess *excess, size_t n, size_t tokens,
    uint64_t now_ms);

/* A request has passed. */
void embed_caps_passed(struct embed_caps *caps);

/* Before a request: is it time to try more? */
void embed_caps_age(struct embed_caps *caps, uint64_t now_ms);

#endif
