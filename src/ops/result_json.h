/*
 * R: a run's result as the JSON that the command line and HTTP answer with.
 *
 * {"success","services":[{"service","success","totalItems","totalPages",
 * "errors":[{"page","error"}],"duration_ms","embedded","unchanged","stored",
 * "deleted","failed","collisions","nulsDropped","deleteRefused",
 * "knownFailures","repaired","tokens","complete","reason",
 * "warnings":[text]}],
 * "totalItems","totalErrors","successfulServices","failedServices",
 * "duration_ms","collisions","nulsDropped","deleteRefused","knownFailures",
 * "repaired","tokens"}, where only a service that is not complete has a reason,
 * and warnings and "altered" (in both places) are there if any; or
 * {"success":false,"reason","error"} when nothing ran;
 * of these "error" is there only when the reason does not say it all.
 */
#ifndef OPS_RESULT_JSON_H
#define OPS_RESULT_JSON_H

#include "base/json.h"
#include "sync/result.h"

/* R of a run that was carried out; a new reference. */
json_t *result_json(const struct run_result *result);

/*
 * R of a run that never began; a new reference. The reason is
 * "already_running", "disabled" or "coordinator_disabled" where the code says
 * so (ERR_DISABLED carries it as its message), else the code's name with
 * underscores, beside the whole message as "error".
 */
json_t *result_json_refused(const struct err *err);

/* A string that is not valid UTF-8 gets U+FFFD where it is broken. */
json_t *result_json_text(const char *text);

#endif
