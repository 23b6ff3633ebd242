/* One endpoint, connected to and, where it speaks TLS, shaken hands with. */
#ifndef COLLECTOR_CONTROL_DIAL_H
#define COLLECTOR_CONTROL_DIAL_H

#include "tests-network/steps/step.h"
#include "tests-network/steps/stream.h"
#include "tests-network/steps/tcp.h"
#include "tests-network/steps/tls.h"

struct dial_request {
    struct sockaddr_storage remote;
    const char *server_name; /* NULL: no TLS. Borrowed until the dial ends */
    struct tls_trust *trust;
};

struct dial;
typedef void (*dial_callback)(struct dial *dial, void *arg);

enum status dial_start(const struct step_trace *trace, const struct dial_request *request,
                       dial_callback callback, void *arg, struct dial **out);
/* NULL while it lasts, and of TLS where that was not tried. They stand until dial_free, whoever took the stream. */
const struct tcp_result *dial_tcp(const struct dial *dial);
const struct tls_result *dial_tls(const struct dial *dial);
bool dial_wants_tls(const struct dial *dial);
/* The first failure of both; NULL where the connection stands. */
const char *dial_failure(const struct dial *dial);
/* The connection as a stream, the caller's now. NOT_FOUND where there is none or it was taken. Copies the
 * agreed protocol ("h2", "http/1.1" or ""). */
enum status dial_take_stream(struct dial *dial, char out_alpn[16], struct stream **out);
void dial_free(struct dial *dial);

#endif
