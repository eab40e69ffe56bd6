/*
 * What other replicas do, by the ledger: the newest run is looked at, and what
 * has changed since the last look goes into the journal, as this process's own
 * events do: "run", and of services that others carry out "service" when one
 * has begun or ended, "progress" when only its counts have changed.
 *
 * Happy path: live_ledger_look() asks for the newest run, and for its services
 * while it runs or has just ended. Failures: a look that fails is made up for
 * by the next one. Close: live_ledger_stop(), then free when idle.
 */
#ifndef API_LIVE_LIVE_LEDGER_H
#define API_LIVE_LIVE_LEDGER_H

#include "api/api_impl.h"

struct live_ledger;

struct live_ledger *live_ledger_new(struct api *api);

/* Nobody has looked for a while: what the next look finds is no news. */
void live_ledger_forget(struct live_ledger *l);

/* Unless one is under way. */
void live_ledger_look(struct live_ledger *l);

void live_ledger_stop(struct live_ledger *l);
bool live_ledger_is_idle(const struct live_ledger *l);
void live_ledger_free(struct live_ledger *l);

#endif
