/*
 * The index that finds words in the texts of items (text_language.h has what it
 * is of). It is built when BATCH_SYNC_FULL_TEXT asks for it, after a load, and
 * anew when a service's language has changed; the former one answers until
 * then.
 */
#ifndef DB_SEARCH_TEXT_INDEX_H
#define DB_SEARCH_TEXT_INDEX_H

#include "db/search/search.h"

struct text_index_req {
    /*
     * Success: the index is there, or there is nothing stored yet. ERR_CONFIG:
     * somebody with more rights has to build it; the message has the command.
     * Otherwise what the database answered.
     */
    struct op op;
    struct arena *arena; /* memory until the callback; the caller's */
    const struct search_language *languages; /* in; borrowed */
    size_t nlanguages;
    bool built; /* out: it was not there before */

    /* The index's own. */
    const char *name, *expr, *role;
    const char *surplus; /* one of ours that is not the one; NULL: none */
    int stage, tries;
    bool pooled;    /* the session is a pooler's */
    bool session;   /* its settings are changed, to be reset */
    struct err err; /* of the build, while its settings are reset */
};

/*
 * Makes sure of the index. The store's pool builds, so it should have one of
 * its own, of one connection. It takes as long as building takes; canceling
 * leaves an invalid index, which the next call removes. Several processes may
 * do this at the same time.
 */
void text_index_ensure(struct store *s, struct text_index_req *req);

#endif
