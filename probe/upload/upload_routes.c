/* Which way to the collector works, which failed, and what is remembered of it.
 * Owner: nothing is kept but the upload's own notes.
 * Why: where one way is blocked the next attempt should not begin with it. */
#include "probe/state/state.h"
#include "probe/upload/upload_inner.h"

static size_t route_count(const struct upload *upload)
{
    return upload->config.routes ? upload->config.routes->count : 1;
}

static const char *route_label(const struct upload *upload, size_t route)
{
    return upload->config.routes ? upload->config.routes->routes[route].label : "direct";
}

void upload_routes_open(struct upload *upload)
{
    char label[ROUTE_LABEL_BYTES];
    upload->working = ROUTES_MAX;
    if (upload->config.routes && state_route_read(upload->config.state_folder, label) == STATUS_OK)
        upload->working = route_find(upload->config.routes, label);
}

void upload_routes_note(struct upload *upload, const struct upload_answer *answer)
{
    size_t count = route_count(upload);
    for (size_t i = 0; i < count; i++) {
        if (answer->attempts[i].is_tried)
            upload->attempts[i] = answer->attempts[i];
    }
    if (answer->route >= count || !answer->attempts[answer->route].is_tried ||
        answer->attempts[answer->route].status != STATUS_OK || answer->route == upload->working)
        return;
    upload->working = answer->route;
    const char *label = route_label(upload, answer->route);
    log_event(upload->config.log, LOG_LEVEL_INFO, "route_works", "route=\"%s\"", label);
    struct why why = {0};
    if (state_route_publish(upload->config.state_folder, label, &why) != STATUS_OK)
        log_event(upload->config.log, LOG_LEVEL_WARN, "route_not_kept", "why=\"%s\"", why.text);
}

bool upload_route_is_others(const struct upload *upload, size_t route)
{
    return upload->config.routes && route < route_count(upload) && upload->config.routes->routes[route].has_key;
}

static json_t *route_encode(const struct upload *upload, size_t route)
{
    const struct upload_attempt *attempt = &upload->attempts[route];
    bool is_good = attempt->status == STATUS_OK;
    /* Remembered from an earlier run: not yet tried in this one. */
    const char *state = attempt->is_tried && !is_good ? "fails" : attempt->is_tried ? "works" : "untried";
    const char *failure = attempt->status == STATUS_MALFORMED ? "no_collector" : status_name(attempt->status);
    return json_pack("{s:s, s:s, s:s*, s:b}", "route", route_label(upload, route), "state", state, "failure",
                     is_good ? NULL : failure, "is_used", route == upload->working);
}

json_t *upload_routes_encode(const struct upload *upload)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < route_count(upload); i++) {
        json_t *object = route_encode(upload, i);
        if (!object || json_array_append_new(array, object) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}
