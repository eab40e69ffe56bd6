/* The coordinator's answer as it came over the wire. */
#ifndef SOURCE_COORDINATOR_ANSWER_H
#define SOURCE_COORDINATOR_ANSWER_H

#include "sync/ports.h"

/*
 * Fills in req->envelope. Takes the bytes over and gives them to the page's
 * arena: its JSON, which may be nearly all of them, stays where it is and is
 * not copied. ERR_PROTOCOL: no RouteResponse; ERR_TOO_LARGE: the other fields
 * do not fit into the arena.
 */
int coordinator_answer_read(
    struct buf *bytes, struct page_req *req, struct err *err);

#endif
