/* Whether QUIC reaches endpoints: a first flight to each, where the asker wants to know (x_quic_enabled). */
#ifndef COLLECTOR_CONTROL_FLIGHTS_H
#define COLLECTOR_CONTROL_FLIGHTS_H

#include <jansson.h>
#include <sys/socket.h>

#include "tests-network/steps/step.h"

struct flights;
typedef void (*flights_callback)(void *arg);

/* One first flight to each endpoint on `port`. NOT_FOUND where there is none. The callback comes from the loop, once;
 * the flights may be freed inside of it. `server_name` is borrowed. */
enum status flights_start(const struct step_trace *trace, const struct sockaddr_storage *endpoints, size_t count,
                          uint16_t port, const char *server_name, flights_callback callback, void *arg, struct flights **out);
/* The helper's "quic_handshake": {"IP:443": {"server_name", "status", "failure"}}. What is not over timed out. An answer
 * to the first flight is a success: the handshake is not completed and no certificate is seen. New reference; takes
 * NULL. */
json_t *flights_encode(const struct flights *flights);
void flights_free(struct flights *flights); /* takes NULL */

#endif
