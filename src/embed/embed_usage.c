/* What is billed, beside what was estimated. */
#include "embed/embedder_impl.h"

#include "base/log.h"
#include "record/item.h"

enum { KNOWN_TOKENS = 2000, LONG_TOKENS = 400, CUT_SHARE = 3 };
/* A request that says something of the ratio; tokens around a text. */
enum { TELLING_TOKENS = 50, AROUND_TOKENS = 4 };

static const double UNKNOWN_RATIO = 2, MARGIN = 1.05;

double embed_usage_ratio(const struct embed_usage *usage)
{
    double ratio = usage->guessed < KNOWN_TOKENS
                       ? 1
                       : (double)usage->billed / (double)usage->guessed;

    return ratio < 0.5 ? 0.5 : ratio > 4 ? 4 : ratio;
}

static size_t embed_usage_bytes(const struct embed_call *call)
{
    size_t bytes = 0;

    for (size_t i = 0; i < call->post.n; i++)
        bytes += call->req->texts[call->post.places[i]].len;
    return bytes;
}

/* No tokenizer makes more tokens than there are bytes, but for a few around
 * each text. */
uint64_t embed_usage_most(const struct embed_call *call)
{
    const struct embed_usage *usage = &call->embedder->usage;
    struct str prefix = str_of(call->embedder->config->documents.prefix);
    size_t n = call->post.n, around = AROUND_TOKENS * n;
    size_t bytes = embed_usage_bytes(call) + n * prefix.len;
    double most = (double)call->post.tokens, ratio = usage->worst;

    if (usage->guessed < KNOWN_TOKENS) {
        most += (double)(n * text_tokens(prefix));
        ratio = ratio < UNKNOWN_RATIO ? UNKNOWN_RATIO : ratio;
    }
    most *= ratio * MARGIN;
    return around + (most < (double)bytes ? (uint64_t)most : bytes);
}

/* A request that broke off may have been billed all the same, a refusal is not.
 */
uint64_t embed_usage_billed(
    const struct embed_call *call, const struct embedder_answer *a)
{
    const struct http_req *http = &call->post.http;

    if (a->tokens >= call->post.n)
        return a->tokens;
    if (http->unsent || (http->op.err.code == 0 && http->status / 100 != 2))
        return 0;
    return call->post.hold.tokens;
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
    size_t guessed = call->post.tokens;

    if (a->tokens < call->post.n)
        return; /* it counts something else */
    usage->billed += a->tokens;
    usage->guessed += guessed;
    if (guessed >= TELLING_TOKENS &&
        (double)a->tokens > usage->worst * (double)guessed)
        usage->worst = (double)a->tokens / (double)guessed;
    embed_usage_warn_of_cuts(call, a->tokens, guessed);
}
