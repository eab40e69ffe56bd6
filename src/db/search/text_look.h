/*
 * What is known of a query before texts are searched for it: the index, and the
 * query's terms in all its languages.
 */
#ifndef DB_SEARCH_TEXT_LOOK_H
#define DB_SEARCH_TEXT_LOOK_H

#include "db/search/search_impl.h"

/* Strings of the call's arena. */
struct text_query {
    const char *expr, *config; /* of a row: its words, its language */
    const char *loose, *exact; /* of each term */
    const char *shares; /* of each term: the share of the rows that have it */
    const char *all, *phrase;
    const char *in_a_row; /* the words, with spaces; NULL: there is one */
    bool indexed;
    int64_t rows;
    int64_t counted; /* rows of a term, where its share is not known */
};

/* Of a call whose request is a struct search_text_req. */
void text_look(struct call *c);

/* Takes the answer. True: *q is known. False: it looks again, or has ended the
 * call, since there is nothing to find or too much to read. */
bool text_look_take(struct call *c, struct text_query *q);

#endif
