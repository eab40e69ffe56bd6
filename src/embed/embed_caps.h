/*
 * What a provider takes at once, as far as its refusals have shown; pure.
 * A day later one request tries twice as much.
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
    /* A text that is too long by itself. */
    size_t culprit; /* which of the request's, from 1; 0: it does not say */
    double over;    /* how many times too long, 1: at all; 0: that is not it */
};

/* The next size up: not yet; may be tried; one request is trying it. */
enum cap_trial { TRIAL_NONE, TRIAL_DUE, TRIAL_SENT };

struct embed_cap {
    size_t most;        /* 0: nothing was learnt */
    uint64_t learnt_ms; /* when, by the caller's clock */
    enum cap_trial trial;
};

struct embed_caps {
    struct embed_cap inputs; /* texts a request */
    struct embed_cap tokens; /* estimated ones */
    int guesses;             /* refusals in a row that told no number */
};

/* A request of n texts, of so many estimated tokens, was refused for it: what
 * follows holds from now on. False: it can be no smaller. */
bool embed_caps_learn(struct embed_caps *caps,
    const struct embedder_excess *excess, size_t n, size_t tokens,
    uint64_t now_ms);

/* Before a request: is it time to try more? */
void embed_caps_age(struct embed_caps *caps, uint64_t now_ms);

/* How much the next request may carry; 0: no cap is known. */
size_t embed_cap_room(const struct embed_cap *cap);

/* A request of that size is sent. */
void embed_cap_sent(struct embed_cap *cap, size_t size);

/* One of that size has passed. True: the cap is twice what it was. */
bool embed_cap_passed(struct embed_cap *cap, size_t size, uint64_t now_ms);

#endif
