/* One endpoint, connected to and, where it speaks TLS, shaken hands with.
 * Owner: a dial owns its steps and the socket until it is taken as a stream; dial_free.
 * Why: endpoints that are only checked and those that carry the page go the same way. */
#include "collector/control/dial.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dial {
    const struct step_trace *trace;
    struct dial_request request;
    struct tcp_attempt *attempt;
    struct tls_handshake *handshake;
    bool is_tcp_ended;
    bool is_tls_ended;
    int fd;
    dial_callback callback;
    void *arg;
};

static void on_tls(struct tls_handshake *handshake, void *arg)
{
    struct dial *dial = arg;
    (void)handshake;
    dial->is_tls_ended = true;
    dial->callback(dial, dial->arg);
}

static void on_tcp(struct tcp_attempt *attempt, void *arg)
{
    struct dial *dial = arg;
    dial->is_tcp_ended = true;
    dial->fd = tcp_take_fd(attempt);
    if (dial->fd >= 0 && dial->request.server_name != NULL) {
        const struct tls_request request = {.trust = dial->request.trust,
                                            .fd = dial->fd,
                                            .remote = dial->request.remote,
                                            .server_name = dial->request.server_name};
        if (tls_start(dial->trace, &request, on_tls, dial, &dial->handshake) == STATUS_OK) {
            return;
        }
    }
    dial->callback(dial, dial->arg);
}

enum status dial_start(const struct step_trace *trace, const struct dial_request *request,
                       dial_callback callback, void *arg, struct dial **out)
{
    const struct tcp_request tcp = {.remote = request->remote};
    struct dial *dial = calloc(1, sizeof *dial);
    if (dial == NULL) {
        return STATUS_NO_MEMORY;
    }
    *dial = (struct dial){.trace = trace, .request = *request, .fd = -1, .callback = callback, .arg = arg};
    enum status status = tcp_start(trace, &tcp, on_tcp, dial, &dial->attempt);
    if (status != STATUS_OK) {
        dial_free(dial);
        return status;
    }
    *out = dial;
    return STATUS_OK;
}

const struct tcp_result *dial_tcp(const struct dial *dial)
{
    return dial->is_tcp_ended ? tcp_result(dial->attempt) : NULL;
}

const struct tls_result *dial_tls(const struct dial *dial)
{
    return dial->is_tls_ended ? tls_result(dial->handshake) : NULL;
}

bool dial_wants_tls(const struct dial *dial)
{
    return dial->request.server_name != NULL;
}

const char *dial_failure(const struct dial *dial)
{
    const struct tcp_result *tcp = dial_tcp(dial);
    const struct tls_result *tls = dial_tls(dial);
    if (tcp != NULL && tcp->failure != NULL) {
        return tcp->failure;
    }
    if (tls != NULL) {
        return tls->failure;
    }
    return dial->request.server_name != NULL ? "unknown_failure: TLS was not started" : NULL;
}

enum status dial_take_stream(struct dial *dial, char out_alpn[16], struct stream **out)
{
    struct stream_config config = {.fd = dial->fd, .remote = dial->request.remote};
    if (dial->fd < 0 || dial_failure(dial) != NULL) {
        return STATUS_NOT_FOUND;
    }
    out_alpn[0] = '\0';
    if (dial->handshake != NULL) {
        memcpy(out_alpn, tls_result(dial->handshake)->alpn, 16);
        config.ssl = tls_take_session(dial->handshake);
        if (config.ssl == NULL) {
            return STATUS_NOT_FOUND;
        }
    }
    enum status status = stream_open(dial->trace, &config, out);
    if (status != STATUS_OK) {
        SSL_free(config.ssl);
        return status;
    }
    dial->fd = -1;
    return STATUS_OK;
}

void dial_free(struct dial *dial)
{
    if (dial == NULL) {
        return;
    }
    tls_free(dial->handshake);
    tcp_free(dial->attempt);
    if (dial->fd >= 0) {
        close(dial->fd);
    }
    free(dial);
}
