/* Compression of answers, for clients that ask for it. */
#ifndef NET_HTTP_HTTP_GZIP_H
#define NET_HTTP_HTTP_GZIP_H

#include "base/buf.h"

/* Does an Accept-Encoding header allow gzip? It must be named, or be meant by
 * "*", with a weight above 0. */
bool http_gzip_accepted(struct str accept_encoding);

/* Appends `text` as gzip. ERR_NOMEM, ERR_TOO_LARGE; they stick to `out`, too.
 */
int http_gzip(struct str text, struct buf *out);

#endif
