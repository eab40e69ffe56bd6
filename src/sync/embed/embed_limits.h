/*
 * What is learnt about a provider of embeddings and outlives the process: the
 * caps that only its refusals tell, and that its settings work.
 */
#ifndef SYNC_EMBED_EMBED_LIMITS_H
#define SYNC_EMBED_EMBED_LIMITS_H

#include <stdint.h>

enum embed_limit {
    LIMIT_INPUTS, /* texts a request */
    LIMIT_TOKENS, /* estimated tokens a request */
    LIMIT_PROVEN, /* 1: a request with these settings has been answered */
    EMBED_LIMITS
};

struct embed_limits {
    uint64_t value[EMBED_LIMITS];  /* 0: nothing is known */
    uint64_t age_ms[EMBED_LIMITS]; /* since it was learnt */
};

#endif
