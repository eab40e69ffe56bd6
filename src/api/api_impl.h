/* What the files of this room share among themselves. */
#ifndef API_API_IMPL_H
#define API_API_IMPL_H

#include "api/access/access.h"
#include "api/api.h"
#include "api/calls.h"

struct api {
    struct api_options options;
    struct http_server *server; /* owned */
    struct access *access;      /* owned */
    const char *why_not_ready;  /* static; NULL: ready */
    bool draining, shut;        /* api_drain(), api_shut() */
    struct live *live;          /* owned; streams of events */
    struct plan_req *planning;  /* borrowed; under way, or NULL */
    struct list calls;          /* of struct api_call.link: what is pending */
};

/* Has the client sent `Prefer: respond-async`? */
bool trigger_prefers_async(const struct http_exchange *x);

/* {"reason","since"}, or null: are the schedules paused? */
json_t *schedules_pause_json(const struct api *a);

/*
 * Triggers a run and answers as POST /trigger does, with the members of `more`
 * (NULL: none; taken over) besides. `x` is NULL when the client has gone.
 */
void trigger_call_begin(struct api *api, struct http_exchange *x,
    bool respond_async, const struct run_spec *spec, json_t *more);

#endif
