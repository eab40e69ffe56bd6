/* Decompression, within a cap. */
#ifndef NET_HTTP_HTTP_INFLATE_H
#define NET_HTTP_HTTP_INFLATE_H

#include "base/buf.h"

/*
 * Decompresses a text that begins as gzip or zlib do, in place and within the
 * buffer's cap; any other text stays as it is. Returns 0, ERR_TOO_LARGE,
 * ERR_PROTOCOL or ERR_NOMEM.
 */
int http_inflate(struct buf *text);

#endif
