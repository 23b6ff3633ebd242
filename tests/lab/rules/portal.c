/* A captive portal: until somebody logs in, every page in the clear leads to the log-in page.
 * Owner: a rule owns its answer.
 * Why: a hotel's network must not be taken for a censor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/internet.h"
#include "tests/lab/rules/rules.h"

struct portal_rule {
    struct ip_address server; /* of the log-in page, which is reachable */
    char answer[512];
    size_t answer_bytes;
};

static enum status portal_open(const struct rule_kind *kind, const struct rule_text *text, void **out,
                               struct why *why)
{
    (void)kind;
    static const char *const known[] = {"Location", "ServerIPAddress", NULL};
    struct portal_rule *rule = calloc(1, sizeof *rule);
    if (!rule)
        return STATUS_NO_MEMORY;
    const char *location = rule_text_value(text, "Location");
    int bytes =
        snprintf(rule->answer, sizeof rule->answer,
                 "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                 location ? location : "http://portal.isp.lab/");
    rule->answer_bytes = (size_t)bytes;
    enum status status = ip_parse(INTERNET_PORTAL_ADDRESS, &rule->server);
    if (status == STATUS_OK)
        status = rule_text_only(text, known, why);
    if (status == STATUS_OK)
        status = rule_text_address(text, "ServerIPAddress", &rule->server, why);
    if (status != STATUS_OK) {
        free(rule);
        return status;
    }
    *out = rule;
    return STATUS_OK;
}

static void portal_judge(void *state, const struct packet *packet, const struct rule_moment *moment,
                         struct rule_output *output)
{
    const struct portal_rule *rule = state;
    const struct ip_address *server = moment->is_from_client ? &packet->destination : &packet->source;
    uint16_t port = moment->is_from_client ? packet->destination_port : packet->source_port;
    bool is_tcp = packet->protocol == PROTOCOL_TCP;
    if (ip_equal(server, &rule->server) || port == 53)
        return;
    if (!is_tcp || port != 80) {
        output->is_dropped = true;
        if (is_tcp && moment->is_from_client && (packet->flags & TCP_RST) == 0)
            rule_inject_segment(output, packet, TCP_RST | TCP_ACK, NULL, 0);
    } else if (moment->is_from_client && packet->payload_bytes > 0) {
        output->is_dropped = true;
        rule_inject_segment(output, packet, TCP_FIN | TCP_PSH | TCP_ACK, rule->answer, rule->answer_bytes);
    }
}

const struct rule_kind rule_captive_portal = {
    .name = "CaptivePortal",
    .summary =
        "CaptivePortal([Location=\"http://portal.isp.lab/\"] [ServerIPAddress=130.192.3.80]): pages on port "
        "80 lead there, all else but DNS is refused",
    .open = portal_open,
    .judge = portal_judge,
    .close = free,
};
