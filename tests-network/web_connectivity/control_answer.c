/* A control's answer, read into evidence (OONI's test helper protocol).
 * Text stays borrowed from the answer; arrays belong to the struct web_control.
 * What a control says comes from outside: every type is checked, every count bounded. */
#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/web_connectivity/run.h"

#define CONTROL_ENDPOINTS_MAX 64
#define CONTROL_HEADERS_MAX   128

static struct web_control_endpoint *endpoint_of(struct web_control *control, const char *name)
{
    struct sockaddr_storage remote;
    if (endpoint_parse(name, 0, &remote) != STATUS_OK)
        return NULL;
    for (size_t i = 0; i < control->endpoint_count; i++) {
        if (endpoint_same(&control->endpoints[i].remote, &remote))
            return &control->endpoints[i];
    }
    if (control->endpoint_count == CONTROL_ENDPOINTS_MAX)
        return NULL;
    struct web_control_endpoint *grown =
        reallocarray(control->endpoints, control->endpoint_count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    control->endpoints = grown;
    grown[control->endpoint_count] = (struct web_control_endpoint){.remote = remote};
    return &grown[control->endpoint_count++];
}

/* What a "status": false without a failure word means: it failed, nobody says how. */
static const char *failure_of(const json_t *result)
{
    const char *failure = json_member_text(result, "failure");
    if (!failure && !json_member_bool(result, "status", true))
        return "unknown_error";
    return failure;
}

static void endpoints_read(const json_t *answer, struct web_control *control)
{
    const char *name;
    json_t *result;
    json_object_foreach((json_t *)(uintptr_t)json_member_object(answer, "tcp_connect"), name, result)
    {
        struct web_control_endpoint *endpoint = json_is_object(result) ? endpoint_of(control, name) : NULL;
        if (!endpoint)
            continue;
        endpoint->tcp_tried = true;
        endpoint->tcp_failure = failure_of(result);
    }
    json_object_foreach((json_t *)(uintptr_t)json_member_object(answer, "tls_handshake"), name, result)
    {
        struct web_control_endpoint *endpoint = json_is_object(result) ? endpoint_of(control, name) : NULL;
        if (!endpoint)
            continue;
        endpoint->tls_tried = true;
        endpoint->tls_failure = failure_of(result);
        endpoint->server_name = json_member_text(result, "server_name");
    }
}

static void addresses_read(const json_t *dns, struct web_control *control)
{
    size_t index;
    json_t *item;
    size_t room = sizeof control->addresses / sizeof control->addresses[0];
    control->dns_failure = json_member_text(dns, "failure");
    json_array_foreach((json_t *)(uintptr_t)json_member_array(dns, "addrs"), index, item)
    {
        struct sockaddr_storage address;
        if (control->address_count < room && json_is_string(item) &&
            address_parse(json_string_value(item), 0, &address) == STATUS_OK)
            control->addresses[control->address_count++] = address;
    }
}

static void asns_read(const json_t *infos, struct web_control *control)
{
    const char *name;
    json_t *info;
    size_t room = infos ? json_object_size(infos) : 0;
    if (room > CONTROL_ENDPOINTS_MAX)
        room = CONTROL_ENDPOINTS_MAX;
    control->asns = room > 0 ? calloc(room, sizeof *control->asns) : NULL;
    if (!control->asns)
        return;
    json_object_foreach((json_t *)(uintptr_t)infos, name, info)
    {
        if (control->asn_count == room)
            return;
        struct web_asn *asn = &control->asns[control->asn_count];
        if (address_parse(name, 0, &asn->address) != STATUS_OK)
            continue;
        asn->asn = json_member_int(info, "asn", 0);
        control->asn_count++;
    }
}

static enum status page_read(const json_t *http, struct web_control *control)
{
    struct web_page *page = &control->page;
    control->http_tried = true;
    control->http_failure = json_member_text(http, "failure");
    page->code = (long)json_member_int(http, "status_code", -1);
    page->body_length = json_member_int(http, "body_length", -1);
    const char *title = json_member_text(http, "title");
    if (title)
        strncat(page->title, title, sizeof page->title - 1);
    const json_t *headers = json_member_object(http, "headers");
    size_t room = headers ? json_object_size(headers) : 0;
    if (room > CONTROL_HEADERS_MAX)
        room = CONTROL_HEADERS_MAX;
    const char **names = calloc(room + 1, sizeof *names);
    if (!names)
        return STATUS_NO_MEMORY;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)headers, name, value)
    {
        if (page->header_count == room)
            break;
        names[page->header_count++] = name;
        if (strcasecmp(name, "Server") == 0)
            page->server = json_string_value(value);
    }
    page->header_names = names;
    return STATUS_OK;
}

enum status web_control_read(const json_t *answer, struct web_control *out)
{
    const json_t *dns = json_member_object(answer, "dns"), *http = json_member_object(answer, "http_request");
    if (!dns || !http)
        return STATUS_MALFORMED;
    struct web_control control = {.is_there = true, .is_busy = json_member_bool(answer, "x_busy", false)};
    endpoints_read(answer, &control);
    addresses_read(dns, &control);
    asns_read(json_member_object(answer, "ip_info"), &control);
    if (page_read(http, &control) != STATUS_OK) {
        web_control_free(&control);
        return STATUS_NO_MEMORY;
    }
    *out = control;
    return STATUS_OK;
}

void web_control_free(struct web_control *control)
{
    free(control->endpoints);
    free(control->asns);
    free((void *)(uintptr_t)control->page.header_names);
    *control = (struct web_control){0};
}
