#include "api/routes.h"

const struct route api_routes[NROUTES] = {
    {"POST", "/admin/batch-sync/trigger", route_trigger},
    {"GET", "/admin/batch-sync/services", route_services},
    {"GET", "/admin/batch-sync/runs", route_runs},
    {"GET", "/admin/batch-sync/runs/{id}", route_run},
    {"POST", "/admin/batch-sync/runs/{id}/cancel", route_cancel},
    {"GET", "/admin/batch-sync/dead-letters", route_dead_letters},
    {"GET", "/admin/batch-sync/dead-letters/groups", route_letter_groups},
    {"POST", "/admin/batch-sync/dead-letters/retry", route_retry},
    {"GET", "/admin/batch-sync/items", route_item},
    {"POST", "/admin/batch-sync/search", route_search},
    {"GET", "/health/batch-sync", route_scheduler},
    {"GET", "/health", route_health},
    {"GET", "/livez", route_livez},
    {"GET", "/readyz", route_readyz},
    {"GET", "/metrics", route_metrics},
    {"GET", "/", route_page},
    {"GET", "/page.js", route_page},
    {"GET", "/page.css", route_page},
    {"GET", "/icon.svg", route_page},
};
