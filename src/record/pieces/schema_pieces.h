/* What schemas ask for beside the limit of the embedder's texts. */
#ifndef RECORD_PIECES_SCHEMA_PIECES_H
#define RECORD_PIECES_SCHEMA_PIECES_H

#include "record/schema.h"

/* Reports each schema whose pieces would overlap by half of max_tokens or
 * more, a line each; ERR_CONFIG when there is one. */
int schema_pieces_check(
    const struct schema_set *set, size_t max_tokens, struct buf *problems);

#endif
