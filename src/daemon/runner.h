/*
 * Carries out one run at a time in this process, for every kind of trigger: the
 * schedule, the start-up, an HTTP request, the command line.
 */
#ifndef DAEMON_RUNNER_H
#define DAEMON_RUNNER_H

#include "config/config.h"
#include "net/loop.h"
#include "sync/run.h"

struct runner;

/* All borrowed for the runner's life. */
struct runner_options {
    struct loop *loop;
    const struct ports *ports;
    const struct schema_set *schemas;
    const struct config *config;
    struct embedding_id embedding;
};

/*
 * A run that is asked for. It owns what the run leaves: after the callback
 * trigger_req_clear() frees it, before that the runner may do other things.
 */
struct trigger_req {
    /*
     * err: ERR_ALREADY_RUNNING (here or in another process), ERR_DISABLED
     * (the message is the reason: "disabled", "coordinator_disabled"),
     * ERR_CANCELED while shutting down, or why nothing could run. When the
     * run was carried out, err is none and `result` is there.
     */
    struct op op;
    bool quiet; /* in: the caller reports why nothing ran */
    /* Called when the run has its id, before anything is synced; or NULL. */
    void (*begun)(struct trigger_req *req);
    char run_id[ID_BYTES];           /* out; "" until then */
    const struct run_result *result; /* out; the request's; NULL: none */
    /* The request's own. */
    struct runner *runner; /* borrowed */
    struct run_req run;
    char traceparent[TRACEPARENT_BYTES]; /* made here */
    struct arena arena;                  /* the spec's copy */
};

/* After the callback, or instead of a trigger. */
void trigger_req_clear(struct trigger_req *req);

/* How the last run of this process ended. */
struct last_run {
    char run_id[ID_BYTES]; /* "": there was none */
    bool joined;           /* begun, and to be ended, by another process */
    char trigger[16];
    enum run_status status;
    int64_t began_ms, ended_ms; /* since 1970 */
};

int runner_init(struct runner **r, const struct runner_options *options);

/* Nothing may be running. */
void runner_free(struct runner *r);

/*
 * Starts a run; the callback comes when it has ended. The spec is copied; its
 * tenant may be NULL for the configured one.
 */
void runner_trigger(
    struct runner *r, const struct run_spec *spec, struct trigger_req *req);

/* Refuses further triggers and lets the run finish what is in flight. */
void runner_drain(struct runner *r);

/* Gives up what is in flight, too. */
void runner_cancel(struct runner *r);

/* Ends this run early and for good; false: it does not run here. */
bool runner_cancel_run(struct runner *r, const char *run_id);

bool runner_is_running(const struct runner *r);
const struct last_run *runner_last(const struct runner *r);

/* To be called with every event of the pipeline. */
void runner_event(struct runner *r, const struct run_event *event);

/* The outcome of a trigger as a metrics label: "accepted", ... */
const char *trigger_outcome(const struct err *err);

/* Why the configuration refuses runs; NULL: it does not. */
const char *runner_disabled(const struct config *config);

#endif
