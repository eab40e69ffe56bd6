/*
 * Lets requests in, and counts those that it does not let in.
 *
 * Happy path: access_check() returns the client's role, and its handler runs.
 *
 * Failures: a refused request is answered here. A client whose tokens were
 * wrong again and again is answered later and later, up to a second; while
 * several of its requests wait for that, further ones are refused unseen,
 * unless its address has sent a right token lately. The log has a line a
 * minute.
 *
 * Close: access_drain() answers who waits, access_close() too and frees itself
 * on the loop.
 */
#ifndef API_ACCESS_ACCESS_H
#define API_ACCESS_ACCESS_H

#include "api/access/auth.h"
#include "config/config.h"
#include "metrics/metrics.h"
#include "net/loop.h"

struct access;

/* All borrowed. */
struct access *access_new(struct loop *loop, const struct config_http *config,
    struct metrics *metrics);

/* AUTH_NOBODY on a guarded path: the exchange is taken over, and may be gone.
 */
enum auth_role access_check(struct access *a, struct http_exchange *x);

/* Reads the files of tokens again, now. */
void access_reload(struct access *a);

void access_drain(struct access *a);
void access_close(struct access *a);

/* Answers a request that lacks a right. */
void access_answer(struct http_exchange *x, const struct auth_refusal *refusal);

#endif
