/* What the files of the admin side share among themselves. */
#ifndef API_API_IMPL_H
#define API_API_IMPL_H

#include "api/api.h"
#include "base/json.h"

struct admin {
    struct admin_options options;
    struct http_server *server;
    const char *why_not_ready; /* static; NULL: ready */
    bool draining;
    struct list calls; /* of struct call_state.link: what is pending */
};

/*
 * A request whose answer waits for something of ours. It outlives the client:
 * a run that was triggered goes on without one.
 */
struct admin_call {
    struct list link; /* in admin->calls */
    struct admin *admin;
    struct http_exchange *x; /* NULL once it has been answered */
    void (*free)(struct admin_call *call);
};

/* Takes the exchange on, if the client is still there; its end is
 * admin_call_answer() or _error(). */
void admin_call_begin(struct admin_call *call, struct admin *a,
    struct http_exchange *x, void (*free)(struct admin_call *call));

/* Answers, unless that has been done; takes over `body`. */
void admin_call_answer(struct admin_call *call, int status, json_t *body);
void admin_call_error(struct admin_call *call, int status, const char *message);

/* Nothing is pending any more: answers with 500 if nobody has, and frees. */
void admin_call_end(struct admin_call *call);

/* Ends the exchange with a JSON body; takes over `body`. */
void answer_json(struct http_exchange *x, int status, json_t *body);
void answer_text(
    struct http_exchange *x, int status, const char *type, struct str body);

/*
 * Bodies. ERR_INVALID says what is allowed. body_parse(): *out is owned, NULL
 * when there is none. Names and tenants are borrowed from the body.
 */
struct body_names {
    const char **names; /* owned; NULL: not there */
    size_t n;
};

int body_parse(struct str text, json_t **out, struct err *err);
/* An array of strings; `what` is what each must be. */
int body_names(json_t *body, const char *key, const char *what,
    struct body_names *out, struct err *err);
/* "tenant_id"; NULL: not there. */
int body_tenant(json_t *body, const char **out, struct err *err);

/* Has the client sent `Prefer: respond-async`? */
bool prefers_async(const struct http_exchange *x);

/*
 * Triggers a run and answers as POST /trigger does, with the members of `more`
 * (NULL: none; taken over) besides. `x` is NULL when the client has gone.
 */
void trigger_run(struct admin *a, struct http_exchange *x, bool respond_async,
    const struct run_spec *spec, json_t *more);

/* The status that speaks of an error of ours. */
int api_status_of(int code);

/* "timestamp": now, ISO-8601. */
void json_set_now(json_t *object);

/* A handler; `id` is what stood in the place of the route's {id}. */
typedef void (*route_handler)(
    struct admin *a, struct http_exchange *x, struct str id);

void handle_trigger(struct admin *a, struct http_exchange *x, struct str id);
void handle_services(struct admin *a, struct http_exchange *x, struct str id);
void handle_runs(struct admin *a, struct http_exchange *x, struct str id);
void handle_run(struct admin *a, struct http_exchange *x, struct str id);
void handle_cancel(struct admin *a, struct http_exchange *x, struct str id);
void handle_dead_letters(
    struct admin *a, struct http_exchange *x, struct str id);
void handle_retry(struct admin *a, struct http_exchange *x, struct str id);
void handle_scheduler_health(
    struct admin *a, struct http_exchange *x, struct str id);
void handle_health(struct admin *a, struct http_exchange *x, struct str id);
void handle_livez(struct admin *a, struct http_exchange *x, struct str id);
void handle_readyz(struct admin *a, struct http_exchange *x, struct str id);
void handle_metrics(struct admin *a, struct http_exchange *x, struct str id);

#endif
