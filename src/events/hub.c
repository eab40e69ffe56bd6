#include "events/hub.h"

void hub_init(struct hub *hub)
{
    list_init(&hub->listeners);
}

void hub_join(struct hub *hub, struct listener *l)
{
    list_push(&hub->listeners, &l->link);
}

void hub_leave(struct listener *l)
{
    if (l->link.next == NULL)
        return;
    list_remove(&l->link);
    l->link = (struct list){NULL, NULL};
}

void hub_emit(struct hub *hub, const struct run_event *event)
{
    for (struct list *i = hub->listeners.next; i != &hub->listeners;
         i = i->next) {
        struct listener *l = container_of(i, struct listener, link);

        l->on_event(l->arg, event);
    }
}
