/* Maps a gRPC status to an error code. Pure; the numbers are the protocol's. */
#ifndef NET_RPC_RPC_STATUS_H
#define NET_RPC_RPC_STATUS_H

#include "base/err.h"
#include "base/str.h"

/*
 * Sets *err as net/rpc.h describes and returns its code. `text` is what came
 * with the status: any bytes, of which the first line is shown, repaired.
 */
int rpc_status_err(int status, struct str text, struct err *err);

#endif
