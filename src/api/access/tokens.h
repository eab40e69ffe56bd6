/*
 * The tokens of one kind: those of a variable, or of the file that it names,
 * which is read again when it changes. A file that cannot be used any more
 * leaves the tokens as they were. Kept are digests, no tokens.
 */
#ifndef API_ACCESS_TOKENS_H
#define API_ACCESS_TOKENS_H

#include "base/crypto.h"
#include "base/io/file.h"
#include "base/str.h"

enum { TOKENS_MOST = 64 }; /* further ones are not looked at */

struct tokens {
    const char *name; /* "ADMIN_TOKEN"; borrowed */
    const char *path; /* borrowed; NULL: they come from the variable itself */
    struct file_stamp stamp;
    uint64_t looked_ms;
    size_t n; /* 0: there is none of this kind */
    uint8_t digests[TOKENS_MOST][SHA256_BYTES];
};

/* `value` has a token a line; NULL: none. */
void tokens_init(
    struct tokens *t, const char *name, const char *value, const char *path);

/* Looks at the file, at most once a second, and reads it when it is another. */
void tokens_refresh(struct tokens *t, uint64_t now_ms);

/* Reads the file now. */
void tokens_reload(struct tokens *t);

/* Takes the same time wherever they differ. */
bool tokens_have(const struct tokens *t, struct str token);

#endif
