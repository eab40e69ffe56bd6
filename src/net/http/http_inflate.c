/*
 * Answers that come compressed without having been asked for. Their first bytes
 * tell, since JSON and text never begin like that; so a wrong header does no
 * harm.
 */
#include "net/http/http_inflate.h"

#include "base/err.h"
#include <zlib.h>

enum { STEP_BYTES = 64 * 1024, GZIP_OR_ZLIB = 15 + 32 };

static bool inflate_is_packed(const struct buf *b)
{
    const unsigned char *p = (const unsigned char *)b->data;

    if (b->len < 6)
        return false;
    return (p[0] == 0x1F && p[1] == 0x8B) ||
           (p[0] == 0x78 &&
               (p[1] == 0x01 || p[1] == 0x5E || p[1] == 0x9C || p[1] == 0xDA));
}

/* One step into what is left of `out`; Z_OK: there is more. */
static int inflate_step(z_stream *z, struct buf *out)
{
    size_t room = out->cap_bytes - out->len;
    size_t step = room < STEP_BYTES ? room : STEP_BYTES;
    char *to = step == 0 ? NULL : buf_grow(out, step);
    int rc;

    if (to == NULL)
        return step == 0 ? Z_BUF_ERROR : Z_MEM_ERROR;
    z->next_out = (unsigned char *)to;
    z->avail_out = (unsigned)step;
    rc = inflate(z, Z_NO_FLUSH);
    out->len -= z->avail_out;
    out->data[out->len] = '\0';
    return rc;
}

static int inflate_all(z_stream *z, const struct buf *from, struct buf *out)
{
    int rc = Z_OK;

    z->next_in = (unsigned char *)from->data;
    z->avail_in = (unsigned)from->len;
    while (rc == Z_OK && out->len < out->cap_bytes)
        rc = inflate_step(z, out);
    if (rc == Z_STREAM_END)
        return 0;
    if (rc == Z_MEM_ERROR)
        return ERR_NOMEM;
    return rc == Z_OK ? ERR_TOO_LARGE : ERR_PROTOCOL;
}

int http_inflate(struct buf *answer)
{
    z_stream z = {.zalloc = Z_NULL};
    struct buf out;
    int rc;

    if (!inflate_is_packed(answer))
        return 0;
    if (inflateInit2(&z, GZIP_OR_ZLIB) != Z_OK)
        return ERR_NOMEM;
    buf_init(&out, answer->cap_bytes);
    rc = inflate_all(&z, answer, &out);
    inflateEnd(&z);
    if (rc < 0) {
        buf_free(&out);
        return rc;
    }
    buf_free(answer);
    *answer = out;
    return 0;
}
