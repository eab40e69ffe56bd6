/* What an answer's Content-Encoding means, within a cap. */
#ifndef NET_HTTP_HTTP_UNCOMPRESS_H
#define NET_HTTP_HTTP_UNCOMPRESS_H

#include "base/buf.h"

/*
 * Decompresses an answer in place and within the buffer's cap: gzip, zlib and
 * zstd by its first bytes, whatever `coding`, the header, says; Brotli, which
 * has no such bytes, when the header names it (`br`). An answer that is not
 * compressed stays as it is, so a wrong header does no harm. Two codings on top
 * of each other are both undone. Returns 0, ERR_TOO_LARGE, ERR_PROTOCOL or
 * ERR_NOMEM.
 */
int http_uncompress(struct buf *answer, struct str coding);

#endif
