/*
 * Which services there are: the real side of the list_services port. A
 * trigger that names services does not ask; else the first source that names
 * any wins: the environment, the coordinator over HTTP, the fallback.
 */
#ifndef SOURCE_SERVICE_LIST_H
#define SOURCE_SERVICE_LIST_H

#include "net/http/http_client.h"
#include "source/service_names.h"
#include "sync/ports.h"

/* What it stands on. All borrowed, for as long as requests are pending. */
struct service_list {
    struct loop *loop;
    struct http_client *http;
    const char *env;      /* comma separated; NULL: not set */
    const char *http_url; /* the coordinator's base; NULL: there is none */
    const char *fallback; /* comma separated */
};

/*
 * The port. What fails on the way is a warning in the log and the next
 * source's turn; ERR_NOT_FOUND when the fallback is empty too.
 */
void service_list_submit(
    const struct service_list *l, struct services_req *req);

#endif
