/* GET /openapi.json: open to everyone, as what it describes is not. */
#include "api/api_impl.h"
#include "api/openapi/openapi.h"
#include "api/routes.h"

void route_openapi(struct api *api, struct http_exchange *x, struct str id)
{
    json_t *document = openapi_document();

    if (document == NULL)
        http_answer_error(x, 500, NULL, 0, "no memory for the document");
    else
        answer_json(x, 200, document);
}
