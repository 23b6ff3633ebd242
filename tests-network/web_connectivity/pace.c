/* How fast this line is towards the control, beside a page whose transfer was too slow.
 * Owner: a run owns the request in flight.
 * Why: a line that is slow for everything throttles nobody. Asked only after a slow transfer, for it costs data. */
#include <stdlib.h>
#include <string.h>

#include "measurement/base/bytes.h"
#include "tests-network/web_connectivity/run.h"
#include "tests-network/web_connectivity/verdict.h"

#define PACE_BYTES_MAX   (256u << 10)
#define PACE_BYTES_LEAST 4096 /* fewer tell of the handshake's window, not of the line */

/* "/v1/pace" beside the "/v1/control" that answered; NULL where that is no collector's. */
static char *pace_url(const char *control_url)
{
    static const char control[] = "/v1/control";
    size_t length = strlen(control_url), end_length = sizeof control - 1;
    struct buffer url = {0};
    if (length < end_length || strcmp(control_url + length - end_length, control) != 0)
        return NULL;
    buffer_append(&url, control_url, length - end_length);
    buffer_text(&url, "/v1/pace");
    return buffer_take_text(&url);
}

/* What came until the time was up counts too: it then was slow. */
static void pace_arrived(const struct fetch_response *response, void *arg)
{
    struct nettest_run *run = arg;
    run->pace_fetch = NULL;
    bool is_told = response->status == STATUS_OK || response->status == STATUS_TIMEOUT;
    if (is_told && response->code == 200 && response->body_bytes >= PACE_BYTES_LEAST) {
        int64_t body_us = response->body_us > 0 ? response->body_us : 1;
        run->evidence.reference_bytes_per_s = (int64_t)((double)response->body_bytes * (double)US_PER_S / (double)body_us);
    }
    web_advance(run);
}

bool web_pace_is_over(struct nettest_run *run)
{
    const struct nettest_context *context = run->context;
    if (run->was_pace_asked || !run->evidence.control.is_there || run->control_index == 0 ||
        !web_transfer_is_slow(&run->evidence))
        return run->pace_fetch == NULL;
    run->was_pace_asked = true;
    char *url = pace_url(context->control_urls[run->control_index - 1]);
    const struct fetch_request request = {.method = "GET",
                                          .url = url,
                                          .timeout_us = context->limits.http_timeout_us,
                                          .body_limit_bytes = PACE_BYTES_MAX,
                                          .ca_file = context->ca_file,
                                          .connected_fd = -1};
    if (!url || fetch_start(context->fetcher, &request, pace_arrived, run, &run->pace_fetch) != STATUS_OK)
        run->pace_fetch = NULL;
    free(url);
    return run->pace_fetch == NULL;
}
