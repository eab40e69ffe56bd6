/*
 * What is wrong, or could be better, and what to do about it. Pure: from what
 * the database says (history_facts()) and the configuration.
 */
#ifndef OPS_ADVICE_H
#define OPS_ADVICE_H

#include "base/json.h"
#include "ops/ops.h"

/*
 * {"advice":[{"id","level","text","copy","view"}],"count"}, the worst first; a
 * new reference. level: "bad", "warn" or "info"; copy: a command or a setting,
 * or null; view: the page's address that shows more, or null. Works with the
 * ops' config and schemas.
 */
json_t *advice_json(
    const struct ops *ops, struct arena *arena, const json_t *facts);

#endif
