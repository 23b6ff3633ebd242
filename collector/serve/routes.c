/* The paths of the service.
 * Owner: the table is constant.
 * Why: dispatch, metrics and the published description speak of the same paths. */
#include "collector/serve/routes.h"

#include <string.h>

static const struct route routes[] = {
    {"/v1/bundles", EVHTTP_REQ_POST, false, route_bundles},
    {"/v1/keys", ROUTE_METHOD_READ, false, route_keys},
    {"/v1/probes", EVHTTP_REQ_POST, false, route_probes},
    {"/v1/control", EVHTTP_REQ_POST | ROUTE_METHOD_READ, false, route_control},
    {"/v1/targets", ROUTE_METHOD_READ, false, route_targets},
    {"/v1/whoami", ROUTE_METHOD_READ, false, route_whoami},
    {"/v1/pace", ROUTE_METHOD_READ, false, route_pace},
    {"/report", EVHTTP_REQ_POST, true, route_report},
    {"/api/v1/regions", ROUTE_METHOD_READ, false, route_regions},
    {"/api/v1/timeline", ROUTE_METHOD_READ, false, route_timeline},
    {"/api/v1/signals", ROUTE_METHOD_READ, false, route_signals},
    {"/api/v1/events", ROUTE_METHOD_READ, false, route_events},
    {"/api/v1/measurements", ROUTE_METHOD_READ, true, route_measurements},
    {"/api/v1/evidence", ROUTE_METHOD_READ, false, route_evidence},
    {"/api/v1/log", ROUTE_METHOD_READ, true, route_log},
    {"/api/v1/openapi.json", ROUTE_METHOD_READ, false, route_openapi},
    {"/metrics", ROUTE_METHOD_READ, false, route_metrics},
    {"/healthz", ROUTE_METHOD_READ, false, route_health},
    {"", ROUTE_METHOD_READ, true, route_site},
};
_Static_assert(sizeof routes / sizeof routes[0] <= METRICS_ROUTES_MOST, "metrics count each route");

size_t routes_count(void)
{
    return sizeof routes / sizeof routes[0];
}

const struct route *routes_at(size_t n)
{
    return &routes[n];
}

const struct route *routes_find(const char *path, const char **out_rest)
{
    const char *rest = path;
    const struct route *found = NULL;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0] && !found; i++) {
        size_t count = strlen(routes[i].path);
        if (strncmp(path, routes[i].path, count) == 0 &&
            (path[count] == 0 || (routes[i].has_rest && path[count] == '/'))) {
            rest = path + count;
            found = &routes[i];
        }
    }
    if (out_rest) {
        *out_rest = rest;
    }
    return found ? found : &routes[sizeof routes / sizeof routes[0] - 1];
}

size_t routes_number(const struct route *route)
{
    return (size_t)(route - routes);
}
