/*
 * A provider's answer that may be compressed: whatever it becomes stays within
 * the cap, which the first byte chooses, and whether the header names Brotli;
 * what is not compressed stays as it is.
 */
#include "fuzz.h"

#include "net/http/http_uncompress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf b;
    size_t cap;
    int rc;

    if (size < 2)
        return 0;
    cap = size + (size_t)data[0] * 256;
    buf_init(&b, cap);
    buf_add(&b, data + 1, size - 1);
    require(b.error == 0);
    rc = http_uncompress(&b, data[0] % 2 == 1 ? STR("br") : STR(""));
    require(rc == 0 || rc == ERR_TOO_LARGE || rc == ERR_PROTOCOL);
    require(b.len <= cap && (b.data == NULL || b.data[b.len] == '\0'));
    if (rc == 0 && data[0] % 2 == 0 && data[1] != 0x1F && data[1] != 0x78 &&
        data[1] != 0x28)
        require(b.len == size - 1 && memcmp(b.data, data + 1, b.len) == 0);
    buf_free(&b);
    return 0;
}
