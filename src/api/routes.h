/* The one table of what can be asked over HTTP, and its handlers. */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "api/router.h"

enum { NROUTES = 32 };
extern const struct route api_routes[NROUTES];

void route_plan(struct api *api, struct http_exchange *x, struct str id);
void route_trigger(struct api *api, struct http_exchange *x, struct str id);
void route_services(struct api *api, struct http_exchange *x, struct str id);
void route_runs(struct api *api, struct http_exchange *x, struct str id);
void route_run(struct api *api, struct http_exchange *x, struct str id);
void route_cancel(struct api *api, struct http_exchange *x, struct str id);
void route_dead_letters(
    struct api *api, struct http_exchange *x, struct str id);
void route_letter_groups(
    struct api *api, struct http_exchange *x, struct str id);
void route_item(struct api *api, struct http_exchange *x, struct str id);
void route_forget(struct api *api, struct http_exchange *x, struct str id);
void route_graph(struct api *api, struct http_exchange *x, struct str id);
void route_search(struct api *api, struct http_exchange *x, struct str id);
void route_advice(struct api *api, struct http_exchange *x, struct str id);
void route_events(struct api *api, struct http_exchange *x, struct str id);
void route_run_events(struct api *api, struct http_exchange *x, struct str id);
void route_retry(struct api *api, struct http_exchange *x, struct str id);
void route_verify(struct api *api, struct http_exchange *x, struct str id);
void route_verification(
    struct api *api, struct http_exchange *x, struct str id);
void route_schedules(struct api *a, struct http_exchange *x, struct str id);
void route_fires(struct api *api, struct http_exchange *x, struct str id);
void route_pause(struct api *a, struct http_exchange *x, struct str id);
void route_resume(struct api *a, struct http_exchange *x, struct str id);
void route_scheduler(struct api *api, struct http_exchange *x, struct str id);
void route_health(struct api *api, struct http_exchange *x, struct str id);
void route_livez(struct api *api, struct http_exchange *x, struct str id);
void route_readyz(struct api *api, struct http_exchange *x, struct str id);
void route_metrics(struct api *api, struct http_exchange *x, struct str id);
void route_openapi(struct api *api, struct http_exchange *x, struct str id);
void route_page(struct api *api, struct http_exchange *x, struct str id);

/* Of route_services(): one service, by the parameter `name`. */
void route_service(struct api *api, struct http_exchange *x);

#endif
