/*
 * Hands the pipeline's events to any number of listeners: the progress line,
 * the metrics, the probe, the runner. Synchronous, on the loop; an event and
 * everything it points at are borrowed for the call.
 */
#ifndef EVENTS_HUB_H
#define EVENTS_HUB_H

#include "base/list.h"
#include "sync/ports.h"

struct hub {
    struct list listeners; /* of struct listener.link, in order of arrival */
};

struct listener {
    struct list link;
    void (*on_event)(void *arg, const struct run_event *event);
    void *arg; /* borrowed */
};

void hub_init(struct hub *hub);

/* `l` with its callback set; borrowed until hub_leave(). */
void hub_join(struct hub *hub, struct listener *l);

/* Idempotent; a listener that never joined may leave if it is zeroed. Not
 * from inside a callback. */
void hub_leave(struct listener *l);

/* Calls every listener, the first to join first. */
void hub_emit(struct hub *hub, const struct run_event *event);

#endif
