/* The request for one page in the coordinator's format. Pure. */
#ifndef SOURCE_COORDINATOR_REQUEST_H
#define SOURCE_COORDINATOR_REQUEST_H

#include "base/buf.h"
#include "base/crypto.h"
#include "base/text.h"

/* Texts are borrowed until route_free(). */
struct route_params {
    const char *tenant;
    const char *service; /* registered name */
    const char *since;   /* ISO-8601; NULL: everything */
    int page;            /* from 1 */
    int limit;           /* items */
    int64_t now_ms;      /* wall clock */
    uint64_t nonce;      /* random; its base-36 end is in the request id */
};

struct route_entry {
    const char *name, *value; /* borrowed */
};

enum { ROUTE_ENTRIES = 9, ROUTE_NUMBER_BYTES = 24 };

/* A request in all its forms; the entries point at the texts beside them. */
struct route {
    struct route_entry entries[ROUTE_ENTRIES]; /* of the metadata map */
    size_t n;
    char page[ROUTE_NUMBER_BYTES];
    char limit[ROUTE_NUMBER_BYTES];
    char timestamp[ISO_BYTES];
    struct buf query_text;    /* owned */
    struct buf envelope_json; /* owned */
    struct buf packed;        /* owned; the RouteRequest's bytes */
};

/*
 * Fills *r; it must not move afterwards. ERR_INVALID when a text is not
 * UTF-8, ERR_TOO_LARGE when the whole is absurdly long; route_free() is
 * needed in every case.
 */
int route_build(
    struct route *r, const struct route_params *params, struct err *err);
void route_free(struct route *r);

/*
 * Appends what is signed: a fixed prefix and the digest of a payload that
 * names tenant, query and time. All texts must be valid UTF-8.
 */
void route_sign_message(
    struct buf *out, const char *tenant, struct str query_text, int64_t now_ms);

#endif
