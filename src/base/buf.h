/*
 * A growable run of bytes with a cap. Errors stick: once an append has failed
 * the buffer no longer changes, so a writer checks `error` once, at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"
#include <stdint.h>

struct buf {
    char *data;       /* owned; NUL-terminated when not NULL */
    size_t len;       /* bytes, without the NUL */
    size_t size;      /* bytes allocated */
    size_t cap_bytes; /* most that len may become */
    int error;        /* sticky: ERR_TOO_LARGE, ERR_NOMEM or 0 */
    bool cuts;        /* the append that is too large fills it to the cap */
};

/* Nothing is allocated yet. `cap_bytes` must be > 0: every buffer has a cap. */
void buf_init(struct buf *b, size_t cap_bytes);
void buf_free(struct buf *b);

/* Clears the bytes and the error, keeps the memory. */
void buf_reset(struct buf *b);

void buf_add(struct buf *b, const void *p, size_t len);
void buf_str(struct buf *b, struct str s);
void buf_puts(struct buf *b, const char *z);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends `s` as a JSON string with its quotes; `s` must be valid UTF-8. */
void buf_json_str(struct buf *b, struct str s);

/* The same without the quotes. */
void buf_json_part(struct buf *b, struct str s);

/* The bytes, NUL-terminated, with free() as the caller's to do; NULL: nothing
 * was ever appended. The buffer is as after init. */
char *buf_take(struct buf *b);

/* Makes room for `more` bytes that are to come. */
void buf_reserve(struct buf *b, size_t more);

/* Makes room and appends `len` bytes for the caller to fill; NULL on error. */
void *buf_grow(struct buf *b, size_t len);

/* What was written; borrowed until the next append. */
static inline struct str buf_view(const struct buf *b)
{
    return (struct str){b->data, b->len};
}

#endif
