/* A control's word on the QUIC of an endpoint: OONI's test helper protocol with x_quic_enabled. */
#ifndef TESTS_NETWORK_QUIC_REACHABILITY_CONTROL_H
#define TESTS_NETWORK_QUIC_REACHABILITY_CONTROL_H

#include "tests-network/quic_reachability/verdict.h"
#include "tests-network/steps/step.h"

struct quic_control;
/* QUIC_CONTROL_NONE where no control answered, or none looked. */
typedef void (*quic_control_callback)(enum quic_control_says says, void *arg);

/* Asks the context's controls in order, within one deadline, for `url` (https) at `remote`. The callback
 * comes from the loop; quic_control_free may be called inside of it. */
enum status quic_control_start(const struct step_trace *trace, const char *url,
                               const struct sockaddr_storage *remote, quic_control_callback callback,
                               void *arg, struct quic_control **out);
void quic_control_free(struct quic_control *control);

/* What an answer says. Pure. */
enum quic_control_says quic_control_read(const json_t *answer, const struct sockaddr_storage *remote);

#endif
