/* First flights of QUIC to the endpoints of a job.
 * Owner: flights own their exchanges; flights_free.
 * Why: a probe whose QUIC fails must know whether that server speaks it at all. */
#include "collector/control/flights.h"

#include <stdlib.h>

#include "collector/control/control.h"
#include "measurement/base/json.h"
#include "tests-network/quic_reachability/exchange.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"

#define FLIGHT_TIMEOUT_US (4 * US_PER_S)

struct flights {
    struct quic_exchange *exchanges[CONTROL_ENDPOINTS_MAX];
    struct sockaddr_storage endpoints[CONTROL_ENDPOINTS_MAX];
    bool is_over[CONTROL_ENDPOINTS_MAX];
    size_t count;
    size_t pending_count;
    const char *server_name;
    flights_callback callback;
    void *arg;
};

static void on_exchange(struct quic_exchange *exchange, void *arg)
{
    struct flights *flights = arg;
    for (size_t i = 0; i < flights->count; i++) {
        if (flights->exchanges[i] == exchange) {
            flights->is_over[i] = true;
        }
    }
    if (--flights->pending_count == 0) {
        flights->callback(flights->arg);
    }
}

enum status flights_start(const struct step_trace *trace, const struct sockaddr_storage *endpoints, size_t count,
                          uint16_t port, const char *server_name, flights_callback callback, void *arg, struct flights **out)
{
    struct flights *flights = calloc(1, sizeof *flights);
    if (flights == NULL) {
        return STATUS_NO_MEMORY;
    }
    *flights = (struct flights){.server_name = server_name, .callback = callback, .arg = arg};
    for (size_t i = 0; i < count && flights->count < CONTROL_ENDPOINTS_MAX; i++) {
        const struct quic_request request = {
            .remote = endpoints[i], .server_name = server_name, .timeout_us = FLIGHT_TIMEOUT_US};
        if (address_port(&endpoints[i]) != port ||
            quic_start(trace, &request, on_exchange, flights, &flights->exchanges[flights->count]) != STATUS_OK) {
            continue;
        }
        flights->endpoints[flights->count++] = endpoints[i];
        flights->pending_count++;
    }
    if (flights->count == 0) {
        flights_free(flights);
        return STATUS_NOT_FOUND;
    }
    *out = flights;
    return STATUS_OK;
}

json_t *flights_encode(const struct flights *flights)
{
    json_t *handshakes = json_object();
    for (size_t i = 0; flights != NULL && i < flights->count; i++) {
        const char *failure =
            flights->is_over[i] ? quic_result(flights->exchanges[i])->failure : FAILURE_TIMEOUT;
        char text[ENDPOINT_TEXT_BYTES];
        if (failure != NULL && failure_is_local(failure)) {
            continue; /* says nothing of the endpoint */
        }
        endpoint_format(&flights->endpoints[i], text);
        json_object_set_new(handshakes, text,
                            json_pack("{s:s, s:b, s:o}", "server_name", flights->server_name, "status",
                                      failure == NULL, "failure", json_text_or_null(failure)));
    }
    return handshakes;
}

void flights_free(struct flights *flights)
{
    if (flights == NULL) {
        return;
    }
    for (size_t i = 0; i < flights->count; i++) {
        quic_free(flights->exchanges[i]);
    }
    free(flights);
}
