/* What a provider says in an error, whatever the shape of it; pure. */
#ifndef EMBED_EMBED_WORDS_H
#define EMBED_EMBED_WORDS_H

#include "base/str.h"
#include <stdint.h>

enum { WORDS_BYTES = 320, LABEL_BYTES = 64 };

/* What must not be repeated: a key, and what was sent. All borrowed. */
struct embed_hidden {
    struct str secret;
    const struct str *texts;
    size_t ntexts;
};

struct embed_words {
    char message[WORDS_BYTES]; /* one line; empty: there are none */
    char label[LABEL_BYTES];   /* error.code, else error.type, ... */
    bool known;                /* found where errors have their words */
    int status;                /* a number from 400 to 599 in `code`, or 0 */
    uint64_t wait_ms;          /* a time to come back, told in a member; or 0 */
};

/*
 * Finds the message in a JSON body: OpenAI's, FastAPI's list, RFC 9457,
 * Cloudflare's `errors`, AWS's `Message` and others. In other text: a page's
 * title, or its beginning. `now_ms`: since 1970, for instants in members.
 */
void embed_words_read(struct str body, const struct embed_hidden *hidden,
    int64_t now_ms, struct embed_words *out);

/*
 * Copies a text on one line, whole characters only, as many as fit; what occurs
 * in a hidden text, as it is or escaped, is replaced by "[...]", the secret by
 * "***".
 */
void embed_hide(
    char *to, size_t size, struct str s, const struct embed_hidden *hidden);

/* A duration: "1.47s", "6m0s", "20 seconds", "00:12:00", "120ms"; 0: none. A
 * number without a unit counts as `bare_ms` each; 0: is none. */
uint64_t embed_duration_ms(struct str s, unsigned bare_ms);

/* The time to come back that a sentence names, "try again in 1.2s"; 0: none. */
uint64_t embed_wait_in_words(const char *message);

/* The wait that a time to come back means: an instant of either unit (since
 * 1970), a duration, or seconds. */
uint64_t embed_reset_ms(struct str s, int64_t now_ms);

#endif
