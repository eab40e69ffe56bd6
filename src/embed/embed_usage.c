/* What is billed, beside what was estimated. */
#include "embed/embedder_impl.h"

#include "base/log.h"
#include "record/item.h"

enum { KNOWN_TOKENS = 2000, LONG_TOKENS = 400, CUT_SHARE = 3 };

size_t embed_tokens_of(
    const struct embed_call *call, const struct embed_post *post)
{
    size_t tokens = 0;

    for (size_t i = 0; i < post->n; i++)
        tokens += text_tokens(call->req->texts[post->places[i]]);
    return tokens;
}

size_t embed_post_tokens(const struct embed_call *call)
{
    return embed_tokens_of(call, &call->post);
}

double embed_usage_ratio(const struct embed_usage *usage)
{
    double ratio = usage->guessed < KNOWN_TOKENS
                       ? 1
                       : (double)usage->billed / (double)usage->guessed;

    return ratio < 0.5 ? 0.5 : ratio > 4 ? 4 : ratio;
}

/* Far fewer tokens than were sent: the rest was not embedded. */
static void embed_usage_warn_of_cuts(
    struct embed_call *call, uint64_t billed, uint64_t guessed)
{
    struct embed_usage *usage = &call->embedder->usage;
    uint64_t n = call->post.n;

    if (usage->warned || guessed < n * LONG_TOKENS || billed < n ||
        billed * CUT_SHARE >= guessed)
        return;
    usage->warned = true;
    log_warn(NULL,
        "embed: the provider counted %llu tokens a text where about %llu were "
        "sent: it seems to cut longer texts without saying so; set "
        "EMBEDDING_MAX_TOKENS=%llu, or the size of its context",
        (unsigned long long)(billed / n), (unsigned long long)(guessed / n),
        (unsigned long long)(billed / n));
}

void embed_usage_add(struct embed_call *call, const struct embedder_answer *a)
{
    struct embed_usage *usage = &call->embedder->usage;
    size_t guessed = embed_post_tokens(call);

    if (a->tokens < call->post.n)
        return; /* it counts something else */
    usage->billed += a->tokens;
    usage->guessed += guessed;
    embed_usage_warn_of_cuts(call, a->tokens, guessed);
}
