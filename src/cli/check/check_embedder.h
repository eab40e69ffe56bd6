/* `batchsync check`: the embedder. */
#ifndef CLI_CHECK_CHECK_EMBEDDER_H
#define CLI_CHECK_CHECK_EMBEDDER_H

#include "cli/check/check_lines.h"

/*
 * Asks for one vector and says its length and what is known of the provider's
 * limits. `deep`: also one request of full size, as many texts as a chunk or a
 * limit allows, each as long as one may be.
 */
void check_embedder(struct check *c, bool deep);

#endif
