/* Whether QUIC reaches a site that offers HTTP/3, where the program was told to look.
 * Owner: a run owns the measurement in flight and, after it, what it found.
 * Why: a filter for QUIC leaves pages loading, slower, over TCP; only this shows it. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests-network/web_connectivity/run.h"

/* Alt-Svc: h3=":443"; ma=86400 (RFC 7838 section 3). Drafts of HTTP/3 count too: h3-29. */
static bool is_offer(const char *value)
{
    const char *at = strstr(value, "h3");
    return at && (at == value || strchr(" ,", at[-1])) && (at[2] == '=' || at[2] == '-');
}

void web_quic_note(struct nettest_run *run, const struct http_result *result)
{
    for (size_t i = 0; i < result->header_count; i++) {
        if (strcasecmp(result->header_names[i], "Alt-Svc") == 0 && is_offer(result->header_values[i]))
            run->offers_quic = true;
    }
}

static void quic_over(struct nettest_result *result, void *arg)
{
    struct nettest_run *run = arg;
    run->quic_run = NULL;
    run->quic_keys = result->test_keys;
    result->test_keys = NULL;
    web_advance(run);
}

bool web_quic_is_over(struct nettest_run *run)
{
    const struct nettest *test = nettest_find("quic_reachability");
    bool is_wanted = run->context->wants_quic && run->offers_quic && !run->was_quic_tried;
    char url[sizeof "https://[]/" + 256];
    if (!is_wanted || !test)
        return run->quic_run == NULL;
    run->was_quic_tried = true;
    const char *host = run->hops[run->depth]->url.host;
    int length = snprintf(url, sizeof url, strchr(host, ':') ? "https://[%s]/" : "https://%s/", host);
    if (length < 0 || (size_t)length >= sizeof url ||
        test->start(run->context, url, quic_over, run, &run->quic_run) != STATUS_OK)
        run->quic_run = NULL;
    return run->quic_run == NULL;
}

void web_quic_free(struct nettest_run *run)
{
    if (run->quic_run)
        nettest_find("quic_reachability")->cancel(run->quic_run);
    run->quic_run = NULL;
    json_decref(run->quic_keys);
    run->quic_keys = NULL;
}
