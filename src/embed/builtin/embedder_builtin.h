/*
 * Embeddings without a provider: computed in the process, the same on every
 * machine and in every version of the program, for demonstrations, tests and
 * places without a network. They find texts by their words and parts of
 * words, not by their meaning.
 */
#ifndef EMBED_EMBEDDER_BUILTIN_H
#define EMBED_EMBEDDER_BUILTIN_H

#include "net/loop.h"
#include "sync/ports.h"

/*
 * Stands for the model in embed_hash. Any change to what comes out (weights,
 * folding, hashing) needs a new name, so that stored vectors are made anew.
 */
#define EMBEDDER_BUILTIN_MODEL "builtin-1"

struct embedder_builtin;

/* The loop is borrowed until embedder_builtin_free(). */
struct embedder_builtin *embedder_builtin_new(struct loop *loop);

/* After its last callback. NULL is fine. */
void embedder_builtin_free(struct embedder_builtin *e);

/*
 * ports.embed. Works in slices of a few milliseconds, a iteration of the loop
 * each. ERR_NOMEM is the only error.
 */
void embedder_builtin_send(struct embedder_builtin *e, struct embed_req *req);

#endif
