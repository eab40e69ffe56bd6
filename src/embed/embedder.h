/*
 * Embeddings from an OpenAI-compatible provider: one POST to
 * <api_url>/embeddings for each request. Nothing is tried again here; the
 * error's code says what may be.
 */
#ifndef EMBED_EMBEDDER_H
#define EMBED_EMBEDDER_H

#include "config/config.h"
#include "net/http/http_client.h"
#include "sync/embed/embed_gate.h"
#include "sync/embed/embed_limits.h"
#include "sync/ports.h"

struct embedder;

/* All are borrowed until embedder_free(). */
struct embedder *embedder_new(struct loop *loop, struct http_client *http,
    const struct config_embedding *config);

/* After its last callback. NULL is fine. */
void embedder_free(struct embedder *e);

/*
 * ports.embed. Errors, with the provider's own words in the message:
 *   ERR_BUSY         429; retry_after_ms if the provider gave one
 *   ERR_QUOTA        402, or 429 for want of money
 *   ERR_AUTH         401, 403
 *   ERR_TOO_LONG     a text is longer than the model takes
 *   ERR_REFUSED      400, 413, 422: something about these texts
 *   ERR_CONFIG       404 and the like: the URL or the model is wrong
 *   ERR_PROTOCOL     the answer is not what was asked for
 *   ERR_UNAVAILABLE  5xx, or no connection
 *   ERR_TIMEOUT      408, or no answer in time
 *   ERR_BUDGET       nothing was asked: a budget of tokens does not allow it
 */
void embedder_send(struct embedder *e, struct embed_req *req);

/*
 * What outlives the process. It is known by the address (without secrets) and
 * the model; that settings are proven also by their digest.
 */
enum { EMBED_SETTINGS_BYTES = 96 };
const char *embedder_address(const struct embedder *e);
void embedder_settings(
    const struct embedder *e, char out[EMBED_SETTINGS_BYTES]);

/* `learnt` is called from the loop with each limit that is new, 0 when one no
 * longer holds; NULL: it is not. */
typedef void (*embedder_learnt)(
    void *arg, enum embed_limit limit, uint64_t value);
void embedder_watch(struct embedder *e, embedder_learnt learnt, void *arg);

/* Takes over what was learnt before; a limit that the configuration sets is
 * not learnt. */
void embedder_recall(struct embedder *e, const struct embed_limits *known);

/* Who is asked before what a run pays for is sent; borrows gate->arg. */
void embedder_watch_costs(struct embedder *e, const struct embed_gate *gate);

/* The learnt caps in force; 0: none is known. */
void embedder_caps(const struct embedder *e, size_t *inputs, size_t *tokens);

#endif
