/* GET /admin/batch-sync/advice: what is wrong, and what to do about it. */
#include "api/history/history_call.h"
#include "api/routes.h"
#include "ops/advice.h"

static json_t *advice_finish(struct history_call *h, json_t *facts)
{
    json_t *answer = advice_json(h->call.api->options.ops, &h->arena, facts);

    json_decref(facts);
    return answer;
}

void route_advice(struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);

    h->finish = advice_finish;
    history_call_submit(h, history_facts, 0, NULL);
}
