/* The paths of the service, and who answers at each. */
#ifndef COLLECTOR_SERVE_ROUTES_H
#define COLLECTOR_SERVE_ROUTES_H

#include "collector/serve/parts.h"

#define ROUTE_METHOD_READ (EVHTTP_REQ_GET | EVHTTP_REQ_HEAD)

struct route {
    const char *path;
    int methods;
    bool has_rest; /* also PATH/... */
    route_handler handle;
};

/* Their count; the last one is the pages', which takes every other path. */
size_t routes_count(void);
const struct route *routes_at(size_t n);
/* Never NULL. `out_rest` (NULL: not wanted) is the path behind the route's own. */
const struct route *routes_find(const char *path, const char **out_rest);
size_t routes_number(const struct route *route);

#endif
