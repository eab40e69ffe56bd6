/* The coordinator's one method from the client's side, blocking. */
#ifndef BENCH_ROUTE_H
#define BENCH_ROUTE_H

#include <grpc/grpc.h>
#include <stddef.h>
#include <stdint.h>

struct route_client {
    grpc_completion_queue *queue;
    grpc_channel *channel;
};

void route_open(struct route_client *c, const char *target);
void route_close(struct route_client *c);

/*
 * Asks for a page and returns the packed RouteResponse, to be freed; ends the
 * program when the call fails.
 */
uint8_t *route_page(
    struct route_client *c, unsigned page, unsigned limit, size_t *len);

#endif
