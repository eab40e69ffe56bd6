/* Answers that come compressed without having been asked for. */
#include "net/http/http_uncompress.h"

#include "base/err.h"
#include "net/http/http_inflate.h"
#include <brotli/decode.h>
#include <strings.h>
#include <zstd.h>

enum {
    STEP_BYTES = 64 * 1024,
    MOST_CODINGS = 2,
    ZSTD_WINDOW_LOG = 23 /* 8 MiB: what RFC 8878 lets HTTP senders use */
};

/* Room for one step at the end of `out`, no more than its cap leaves; NULL:
 * *code says why there is none. */
static char *uncompress_room(struct buf *out, size_t *room, int *code)
{
    size_t left = out->cap_bytes - out->len;
    char *to;

    *room = left < STEP_BYTES ? left : STEP_BYTES;
    to = *room == 0 ? NULL : buf_grow(out, *room);
    *code = *room == 0 ? ERR_TOO_LARGE : to == NULL ? ERR_NOMEM : 0;
    return to;
}

static void uncompress_give_back(struct buf *out, size_t unused)
{
    out->len -= unused;
    out->data[out->len] = '\0';
}

/* --- zstd --- */

static bool uncompress_is_zstd(const struct buf *b)
{
    return b->len >= 4 && memcmp(b->data, "\x28\xB5\x2F\xFD", 4) == 0;
}

/* The input may hold several frames. Ends with the last one, or in the middle
 * of one: it was cut. */
static int uncompress_zstd_all(
    ZSTD_DStream *z, const struct buf *from, struct buf *out)
{
    ZSTD_inBuffer in = {from->data, from->len, 0};
    size_t left = 1, room;
    int code;

    while (in.pos < in.size || left != 0) {
        ZSTD_outBuffer to = {uncompress_room(out, &room, &code), 0, 0};
        size_t before = in.pos;

        if (to.dst == NULL)
            return code;
        to.size = room;
        left = ZSTD_decompressStream(z, &to, &in);
        uncompress_give_back(out, room - to.pos);
        if (ZSTD_isError(left) || (in.pos == before && to.pos == 0))
            return ERR_PROTOCOL;
    }
    return 0;
}

static int uncompress_zstd(const struct buf *from, struct buf *out)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    int code;

    if (z == NULL)
        return ERR_NOMEM;
    ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    code = uncompress_zstd_all(z, from, out);
    ZSTD_freeDStream(z);
    return code;
}

/* --- Brotli --- */

static int uncompress_brotli_all(
    BrotliDecoderState *b, const struct buf *from, struct buf *out)
{
    const uint8_t *in = (const uint8_t *)from->data;
    size_t left = from->len, room;
    BrotliDecoderResult rc;
    int code;

    do {
        char *to = uncompress_room(out, &room, &code);
        uint8_t *at = (uint8_t *)to;

        if (to == NULL)
            return code;
        rc = BrotliDecoderDecompressStream(b, &left, &in, &room, &at, NULL);
        uncompress_give_back(out, room);
    } while (rc == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT);
    return rc == BROTLI_DECODER_RESULT_SUCCESS && left == 0 ? 0 : ERR_PROTOCOL;
}

static int uncompress_brotli(const struct buf *from, struct buf *out)
{
    BrotliDecoderState *b = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    int code;

    if (b == NULL)
        return ERR_NOMEM;
    code = uncompress_brotli_all(b, from, out);
    BrotliDecoderDestroyInstance(b);
    return code;
}

/* --- which --- */

static bool uncompress_names_brotli(struct str coding)
{
    for (size_t i = 0; i + 2 <= coding.len; i++)
        if (strncasecmp(coding.p + i, "br", 2) == 0)
            return true;
    return false;
}

static int uncompress_into(
    struct buf *answer, int (*undo)(const struct buf *from, struct buf *out))
{
    struct buf out;
    int code;

    buf_init(&out, answer->cap_bytes);
    code = undo(answer, &out);
    if (code < 0) {
        buf_free(&out);
        return code;
    }
    buf_free(answer);
    *answer = out;
    return 0;
}

/* What Brotli cannot read is what it looks like. */
static int uncompress_named(struct buf *answer, bool *undone)
{
    int code = answer->len == 0 ? ERR_PROTOCOL
                                : uncompress_into(answer, uncompress_brotli);

    *undone = code == 0;
    return code == ERR_PROTOCOL ? 0 : code;
}

/* A coding that its first bytes tell. */
static int uncompress_shown(struct buf *answer, bool *undone)
{
    size_t len = answer->len;
    const char *data = answer->data;
    int code = uncompress_is_zstd(answer)
                   ? uncompress_into(answer, uncompress_zstd)
                   : http_inflate(answer);

    *undone = answer->len != len || answer->data != data;
    return code;
}

int http_uncompress(struct buf *answer, struct str coding)
{
    bool brotli = uncompress_names_brotli(coding), undone = true;
    int code = 0;

    for (int i = 0; i < MOST_CODINGS && code == 0 && undone; i++) {
        undone = false;
        if (brotli)
            code = uncompress_named(answer, &undone);
        brotli = brotli && !undone;
        if (code == 0 && !undone)
            code = uncompress_shown(answer, &undone);
    }
    return code;
}
