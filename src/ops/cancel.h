/* Ending a run for good, wherever it is carried out. */
#ifndef OPS_CANCEL_H
#define OPS_CANCEL_H

#include "ops/ops.h"

enum cancel_outcome {
    CANCEL_HERE,  /* this process's run finishes what is in flight and ends */
    CANCEL_OTHER, /* the processes at work on it store nothing more */
    CANCEL_ENDED, /* the run had ended already: see `status` */
    CANCEL_NO_RUN
};

struct cancel_req {
    struct op op; /* err: the database's */
    char run_id[ID_BYTES];
    /* Out. */
    enum cancel_outcome outcome;
    char status[32];             /* CANCEL_ENDED: how it has ended */
    struct run_cancel_req other; /* the request's own */
};

/* Reads the id; ERR_NOT_FOUND when it is too long for a run's. */
int cancel_req_init(
    struct cancel_req *req, struct str run_id, op_cb done, struct err *err);

/* Works with the ledger, the loop, and the runner if there is one. */
void cancel_run(const struct ops *ops, struct cancel_req *req);

#endif
