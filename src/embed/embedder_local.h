/*
 * Embeddings without a provider, computed in the process: by the builtin
 * embedder or by a static model. No request leaves the machine and nothing is
 * billed.
 */
#ifndef EMBED_EMBEDDER_LOCAL_H
#define EMBED_EMBEDDER_LOCAL_H

#include "net/loop.h"
#include "sync/ports.h"

/*
 * The builtin embedder finds texts by their words and parts of words, not by
 * their meaning, the same on every machine. Any change to what comes out
 * (weights, folding, hashing) needs a new name, so that stored vectors are made
 * anew: the name stands for the model in embed_hash.
 */
#define EMBEDDER_BUILTIN_MODEL "builtin-1"

struct embedder_local;
struct static_model;

/* `model` NULL: the builtin embedder. Both are borrowed until
 * embedder_local_free(). */
struct embedder_local *embedder_local_new(
    struct loop *loop, const struct static_model *model);

/* After its last callback. NULL is fine. */
void embedder_local_free(struct embedder_local *e);

/*
 * ports.embed. Works in slices of a few milliseconds, an iteration of the loop
 * each. ERR_NOMEM; ERR_PROTOCOL when the model knows no word of a text, whose
 * outcome is EMBED_BAD, while the others have their vectors.
 */
void embedder_local_send(struct embedder_local *e, struct embed_req *req);

#endif
