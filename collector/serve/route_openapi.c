/* GET /api/v1/openapi.json: what can be asked here.
 * Owner: the document lives for one answer.
 * Why: others write clients without reading our source. */
#include "collector/serve/openapi.h"
#include "collector/serve/parts.h"
#include "measurement/base/json.h"

void route_openapi(struct server *server, struct evhttp_request *request, const char *rest)
{
    struct buffer body = {0};
    json_t *document = openapi_document();
    (void)server;
    (void)rest;
    body.failed = !document || json_write(document, &body) != STATUS_OK;
    json_decref(document);
    reply_tagged(request, "application/json", &body);
}
