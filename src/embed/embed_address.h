/* Where embeddings are asked for, from OPENAI_API_URL. */
#ifndef EMBED_EMBED_ADDRESS_H
#define EMBED_EMBED_ADDRESS_H

#include "base/str.h"

enum { SHOWN_URL_BYTES = 200 };

struct embed_address {
    char *url;         /* owned */
    char *unix_socket; /* owned; NULL: TCP */
    /* For messages: without user, password and query. */
    char shown[SHOWN_URL_BYTES];
};

/*
 * /embeddings is put behind the path unless it ends so; the query is kept, a
 * fragment dropped. unix:/socket, or unix:/socket:/path: HTTP over that socket,
 * with the path /v1 where none is given.
 */
void embed_address_init(struct embed_address *a, const char *api_url);
void embed_address_free(struct embed_address *a);

#endif
