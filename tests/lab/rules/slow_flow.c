/* Throttling: delay and loss added to a flow, or policing to a rate.
 * Owner: a rule owns its trigger.
 * Why: a page that comes too slowly is blocked for its readers, and must be told from a slow server. */
#include <stdlib.h>

#include "tests/lab/rules/rules.h"
#include "tests/lab/trigger.h"

enum { FLAVOUR_SNI = 1, FLAVOUR_POLICE = 2 };

struct slow_rule {
    struct trigger *trigger;
    bool is_policing;
    int64_t delay_us;
    double loss;
    int64_t rate_bytes_s;
    int64_t burst_bytes;
};

static void slow_close(void *state)
{
    struct slow_rule *rule = state;
    if (!rule)
        return;
    trigger_free(rule->trigger);
    free(rule);
}

static enum status fields_read(struct slow_rule *rule, const struct rule_text *text, struct why *why)
{
    static const char *const throttling[] = {TRIGGER_FIELDS, "Delay", "PLR", NULL};
    static const char *const policing[] = {TRIGGER_FIELDS, "RateKbps", "BurstBytes", NULL};
    enum status status = rule_text_only(text, rule->is_policing ? policing : throttling, why);
    if (status == STATUS_OK && !rule->is_policing)
        status = rule_text_duration(text, "Delay", &rule->delay_us, why);
    if (status == STATUS_OK && !rule->is_policing)
        status = rule_text_fraction(text, "PLR", &rule->loss, why);
    int64_t rate_kbps = 128;
    rule->burst_bytes = 8192;
    if (status == STATUS_OK && rule->is_policing)
        status = rule_text_number(text, "RateKbps", 1, 1000000, &rate_kbps, why);
    if (status == STATUS_OK && rule->is_policing)
        status = rule_text_number(text, "BurstBytes", 1500, 1 << 30, &rule->burst_bytes, why);
    rule->rate_bytes_s = rate_kbps * 1000 / 8;
    return status;
}

static enum status slow_open(const struct rule_kind *kind, const struct rule_text *text, void **out,
                             struct why *why)
{
    struct slow_rule *rule = calloc(1, sizeof *rule);
    if (!rule)
        return STATUS_NO_MEMORY;
    rule->is_policing = (kind->flavour & FLAVOUR_POLICE) != 0;
    enum status status = fields_read(rule, text, why);
    if (status == STATUS_OK)
        status = trigger_open(kind->flavour & FLAVOUR_SNI ? TRIGGER_ON_SNI : TRIGGER_ON_ENDPOINT, text,
                              &rule->trigger, why);
    if (status != STATUS_OK) {
        slow_close(rule);
        return status;
    }
    *out = rule;
    return STATUS_OK;
}

/* A token bucket for both directions of the flow: what does not fit is dropped, as policers do. */
static bool police_passes(const struct slow_rule *rule, struct flow *flow, int64_t bytes, int64_t now_us)
{
    if (flow->allowance_us == 0) {
        flow->allowance_us = now_us;
        flow->allowance_bytes = rule->burst_bytes;
    }
    int64_t waited_us = now_us - flow->allowance_us;
    int64_t most_us = rule->burst_bytes * 1000000 / rule->rate_bytes_s;
    int64_t earned = (waited_us < most_us ? waited_us : most_us) * rule->rate_bytes_s / 1000000;
    if (earned > 0) {
        flow->allowance_us = now_us;
        int64_t filled = flow->allowance_bytes + earned;
        flow->allowance_bytes = filled < rule->burst_bytes ? filled : rule->burst_bytes;
    }
    if (flow->allowance_bytes < bytes)
        return false;
    flow->allowance_bytes -= bytes;
    return true;
}

static void slow_judge(void *state, const struct packet *packet, const struct rule_moment *moment,
                       struct rule_output *output)
{
    struct slow_rule *rule = state;
    struct flow *flow = NULL;
    if (trigger_ask(rule->trigger, packet, moment, &flow) == TRIGGER_NO)
        return;
    if (rule->is_policing) {
        if (!police_passes(rule, flow, (int64_t)packet->payload_bytes, moment->now_us))
            output->is_dropped = true;
        return;
    }
    output->delay_us += rule->delay_us;
    if (rule->loss > 0 && random_unit(moment->random) < rule->loss)
        output->is_dropped = true;
}

const struct rule_kind rule_throttle_for_sni = {
    .name = "ThrottleTrafficForTLSSNI",
    .summary =
        "ThrottleTrafficForTLSSNI(SNI=\"...\" Delay=300ms PLR=0.1): delay and loss after the ClientHello",
    .open = slow_open,
    .judge = slow_judge,
    .close = slow_close,
    .flavour = FLAVOUR_SNI,
};

const struct rule_kind rule_throttle_for_endpoint = {
    .name = "ThrottleTrafficForTCPEndpoint",
    .summary = "ThrottleTrafficForTCPEndpoint(ServerIPAddress= ServerPort= Delay=300ms PLR=0.1)",
    .open = slow_open,
    .judge = slow_judge,
    .close = slow_close,
};

const struct rule_kind rule_police_for_sni = {
    .name = "PoliceTrafficForTLSSNI",
    .summary =
        "PoliceTrafficForTLSSNI(SNI=\"...\" RateKbps=128 BurstBytes=8192): a rate that is not exceeded",
    .open = slow_open,
    .judge = slow_judge,
    .close = slow_close,
    .flavour = FLAVOUR_SNI | FLAVOUR_POLICE,
};

const struct rule_kind rule_police_for_endpoint = {
    .name = "PoliceTrafficForTCPEndpoint",
    .summary = "PoliceTrafficForTCPEndpoint(ServerIPAddress= ServerPort= RateKbps=128 BurstBytes=8192)",
    .open = slow_open,
    .judge = slow_judge,
    .close = slow_close,
    .flavour = FLAVOUR_POLICE,
};
