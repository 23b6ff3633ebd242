/* Residual blocking: a forged reset, and then for a set time silence between this client and that endpoint.
 * Owner: a rule owns its trigger and what it remembers of endpoints.
 * Why: whoever asks again within that time finds a black hole, whatever they ask for; a second measurement
 * must not be taken for a dead server. */
#include <stdlib.h>

#include "measurement/base/clock.h"
#include "tests/lab/rules/rules.h"
#include "tests/lab/trigger.h"

#define ENDPOINTS_MAX  64
#define FOR_DEFAULT_US (60 * US_PER_S)

struct endpoint {
    struct ip_address client;
    struct ip_address server;
    uint16_t server_port;
    int64_t until_us;
};

struct residual_rule {
    struct trigger *trigger;
    int64_t for_us;
    struct endpoint endpoints[ENDPOINTS_MAX]; /* the oldest is overwritten */
    size_t next;
};

static void residual_close(void *state)
{
    struct residual_rule *rule = state;
    if (!rule)
        return;
    trigger_free(rule->trigger);
    free(rule);
}

static enum status residual_open(const struct rule_kind *kind, const struct rule_text *text, void **out,
                                 struct why *why)
{
    static const char *const known[] = {TRIGGER_FIELDS, "For", NULL};
    enum status status = rule_text_only(text, known, why);
    if (status != STATUS_OK)
        return status;
    struct residual_rule *rule = calloc(1, sizeof *rule);
    if (!rule)
        return STATUS_NO_MEMORY;
    rule->for_us = FOR_DEFAULT_US;
    status = rule_text_duration(text, "For", &rule->for_us, why);
    if (status == STATUS_OK)
        status = trigger_open((enum trigger_kind)kind->flavour, text, &rule->trigger, why);
    if (status != STATUS_OK) {
        residual_close(rule);
        return status;
    }
    *out = rule;
    return STATUS_OK;
}

static bool is_silenced(const struct residual_rule *rule, const struct endpoint *asked, int64_t now_us)
{
    for (size_t i = 0; i < ENDPOINTS_MAX; i++) {
        const struct endpoint *known = &rule->endpoints[i];
        if (known->until_us > now_us && known->server_port == asked->server_port &&
            ip_equal(&known->client, &asked->client) && ip_equal(&known->server, &asked->server))
            return true;
    }
    return false;
}

static void residual_judge(void *state, const struct packet *packet, const struct rule_moment *moment,
                           struct rule_output *output)
{
    struct residual_rule *rule = state;
    struct endpoint asked = {
        .client = moment->is_from_client ? packet->source : packet->destination,
        .server = moment->is_from_client ? packet->destination : packet->source,
        .server_port = moment->is_from_client ? packet->destination_port : packet->source_port,
        .until_us = moment->now_us + rule->for_us,
    };
    if (packet->protocol != PROTOCOL_TCP)
        return;
    if (is_silenced(rule, &asked, moment->now_us)) {
        output->is_dropped = true;
        return;
    }
    if (trigger_ask(rule->trigger, packet, moment, NULL) != TRIGGER_NOW)
        return;
    rule_inject_segment(output, packet, TCP_RST | TCP_ACK, NULL, 0);
    output->is_dropped = true;
    rule->endpoints[rule->next] = asked;
    rule->next = (rule->next + 1) % ENDPOINTS_MAX;
}

const struct rule_kind rule_residual_for_sni = {
    .name = "BlockResiduallyForTLSSNI",
    .summary =
        "BlockResiduallyForTLSSNI(SNI=\"...\" For=60s): RST, then silence from that client to that endpoint",
    .open = residual_open,
    .judge = residual_judge,
    .close = residual_close,
    .flavour = TRIGGER_ON_SNI,
};

const struct rule_kind rule_residual_for_string = {
    .name = "BlockResiduallyForString",
    .summary = "BlockResiduallyForString(String=\"...\" [ServerIPAddress= ServerPort=] For=60s)",
    .open = residual_open,
    .judge = residual_judge,
    .close = residual_close,
    .flavour = TRIGGER_ON_STRING,
};
