/* One TCP connect, timed, with the flow watched from before its first packet.
 * The attempt owns socket and flow until the caller takes them.
 * Plan: 1 socket, bind where packets are wanted (so the port is known), connect; 2 writable, or the timer,
 * ends it. */
#include "tests-network/steps/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"

struct tcp_attempt {
    const struct step_trace *trace;
    struct tcp_result result;
    int fd;
    int early_error; /* connect(2) failed at once: told from the loop */
    bool is_over;
    struct flow *flow;
    struct loop_watch *watch;
    struct loop_timer *timer;
    tcp_callback callback;
    void *arg;
};

static void info_read(struct tcp_attempt *attempt)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (getsockopt(attempt->fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return;
    attempt->result.rtt_us = attempt->result.failure ? 0 : (int64_t)info.tcpi_rtt;
    attempt->result.retransmit_count = (int64_t)info.tcpi_total_retrans;
}

/* The callback may free the attempt: nothing after it. */
static void attempt_end(struct tcp_attempt *attempt, const char *failure)
{
    struct tcp_result *result = &attempt->result;
    loop_timer_cancel(attempt->timer);
    attempt->timer = NULL;
    loop_watch_free(attempt->watch);
    attempt->watch = NULL;
    attempt->is_over = true;
    result->end_us = step_now_us(attempt->trace);
    result->failure = failure;
    info_read(attempt);
    if (failure) {
        socket_meter_close(attempt->trace->context->meter, attempt->fd);
        attempt->fd = -1;
    }
    char address[ENDPOINT_TEXT_BYTES];
    endpoint_format(&result->remote, address);
    struct step_event event = {.operation = "connect",
                               .address = address,
                               .proto = "tcp",
                               .failure = failure,
                               .start_us = result->start_us,
                               .end_us = result->end_us};
    step_event(attempt->trace, &result->label, &event);
    attempt->callback(attempt, attempt->arg);
}

static void attempt_ready(int fd, bool readable, bool writable, void *arg)
{
    (void)readable;
    (void)writable;
    struct tcp_attempt *attempt = arg;
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        error = errno;
    attempt_end(attempt, failure_of_errno(error));
}

static void attempt_late(void *arg)
{
    struct tcp_attempt *attempt = arg;
    attempt->timer = NULL;
    attempt_end(attempt, attempt->early_error ? failure_of_errno(attempt->early_error) : FAILURE_TIMEOUT);
}

static void flow_begin(struct tcp_attempt *attempt)
{
    const struct flow_tap *tap = attempt->trace->context->tap;
    if (!tap || tap->absence)
        return;
    struct flow_key key = {.protocol = IPPROTO_TCP, .remote = attempt->result.remote};
    key.local.ss_family = attempt->result.remote.ss_family;
    socklen_t length = sizeof key.local;
    /* Without a known port there is nothing to tell this flow from others by; the connect goes on alone. */
    if (bind(attempt->fd, (struct sockaddr *)&key.local, address_length(&key.local)) < 0 ||
        getsockname(attempt->fd, (struct sockaddr *)&key.local, &length) < 0)
        return;
    attempt->flow = tap->begin(tap->state, &key);
}

static enum status attempt_connect(struct tcp_attempt *attempt, const struct tcp_request *request)
{
    const struct nettest_context *context = attempt->trace->context;
    int yes = 1;
    attempt->fd = socket(request->remote.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (attempt->fd < 0 && errno != EAFNOSUPPORT)
        return STATUS_IO;
    int64_t delay_us = request->timeout_us > 0 ? request->timeout_us : context->limits.tcp_timeout_us;
    if (attempt->fd < 0) {
        attempt->early_error = EAFNOSUPPORT;
    } else {
        setsockopt(attempt->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (request->wants_packets)
            flow_begin(attempt);
        attempt->result.start_us = step_now_us(attempt->trace);
        if (connect(attempt->fd, (const struct sockaddr *)&request->remote,
                    address_length(&request->remote)) < 0 &&
            errno != EINPROGRESS)
            attempt->early_error = errno;
    }
    enum status status = STATUS_OK;
    if (!attempt->early_error)
        status = loop_watch(context->loop, attempt->fd, false, true, attempt_ready, attempt, &attempt->watch);
    if (status == STATUS_OK)
        status = loop_after(context->loop, attempt->early_error ? 0 : delay_us, attempt_late, attempt,
                            &attempt->timer);
    return status;
}

enum status tcp_start(const struct step_trace *trace, const struct tcp_request *request,
                      tcp_callback callback, void *arg, struct tcp_attempt **out)
{
    struct tcp_attempt *attempt = calloc(1, sizeof *attempt);
    if (!attempt)
        return STATUS_NO_MEMORY;
    *attempt = (struct tcp_attempt){.trace = trace, .fd = -1, .callback = callback, .arg = arg};
    attempt->result = (struct tcp_result){.remote = request->remote, .label = request->label};
    attempt->result.start_us = step_now_us(trace);
    enum status status = attempt_connect(attempt, request);
    if (status != STATUS_OK) {
        tcp_free(attempt);
        return status;
    }
    *out = attempt;
    return STATUS_OK;
}

const struct tcp_result *tcp_result(const struct tcp_attempt *attempt)
{
    return &attempt->result;
}

int tcp_take_fd(struct tcp_attempt *attempt)
{
    if (!attempt->is_over)
        return -1;
    int fd = attempt->fd;
    attempt->fd = -1;
    return fd;
}

struct flow *tcp_take_flow(struct tcp_attempt *attempt)
{
    struct flow *flow = attempt->flow;
    attempt->flow = NULL;
    return flow;
}

void tcp_free(struct tcp_attempt *attempt)
{
    if (!attempt)
        return;
    loop_timer_cancel(attempt->timer);
    loop_watch_free(attempt->watch);
    if (attempt->flow)
        attempt->trace->context->tap->end(attempt->trace->context->tap->state, attempt->flow, false);
    if (attempt->fd >= 0)
        socket_meter_close(attempt->trace->context->meter, attempt->fd);
    free(attempt);
}

json_t *tcp_encode(const struct step_trace *trace, const struct tcp_result *result)
{
    char address[ADDRESS_TEXT_BYTES];
    address_format(&result->remote, address);
    json_t *object =
        json_pack("{s:s, s:i, s:{s:s?, s:b}}", "ip", address, "port", (int)address_port(&result->remote),
                  "status", "failure", result->failure, "success", result->failure == NULL);
    if (object)
        step_stamp(trace, object, &result->label, result->start_us, result->end_us);
    return object;
}
