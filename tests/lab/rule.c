/* Rules of the censor: the list of kinds, and what they share.
 * Owner: a rule owns the state that its kind made.
 * Why: whoever adds an interference adds one file and one line here. */
#include "tests/lab/rule.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lab/rules/rules.h"

struct rule {
    const struct rule_kind *kind;
    void *state;
};

const struct rule_kind *const rule_kinds[] = {
    &rule_spoof_dns_response,  &rule_drop_dns_query,      &rule_refuse_dns_query,
    &rule_reset_for_sni,       &rule_reset_for_string,    &rule_close_for_sni,
    &rule_close_for_string,    &rule_drop_for_sni,        &rule_drop_for_string,
    &rule_drop_for_quic_sni,   &rule_drop_for_endpoint,   &rule_close_for_endpoint,
    &rule_spoof_blockpage,     &rule_throttle_for_sni,    &rule_throttle_for_endpoint,
    &rule_police_for_sni,      &rule_police_for_endpoint, &rule_freeze_for_sni,
    &rule_freeze_for_string,   &rule_freeze_for_endpoint, &rule_residual_for_sni,
    &rule_residual_for_string, &rule_captive_portal,      &rule_drop_udp_port,
    &rule_cut_everything,      &rule_cut_foreign,         NULL,
};

static const struct rule_kind *kind_find(const char *name)
{
    for (size_t i = 0; rule_kinds[i]; i++)
        if (strcmp(rule_kinds[i]->name, name) == 0)
            return rule_kinds[i];
    return NULL;
}

enum status rule_open(const char *text, struct rule **out, struct why *why)
{
    struct rule_text parsed;
    enum status status = rule_text_parse(text, &parsed, NULL, why);
    if (status != STATUS_OK)
        return status;
    const struct rule_kind *kind = kind_find(parsed.name);
    if (!kind) {
        why_set(why, "there is no rule '%s'; dialtone-lab rules lists them", parsed.name);
        return STATUS_USAGE;
    }
    struct rule *rule = calloc(1, sizeof *rule);
    if (!rule)
        return STATUS_NO_MEMORY;
    rule->kind = kind;
    status = kind->open(kind, &parsed, &rule->state, why);
    if (status != STATUS_OK) {
        free(rule);
        return status;
    }
    *out = rule;
    return STATUS_OK;
}

void rule_free(struct rule *rule)
{
    if (!rule)
        return;
    rule->kind->close(rule->state);
    free(rule);
}

void rule_judge(struct rule *rule, const struct packet *packet, const struct rule_moment *moment,
                struct rule_output *output)
{
    rule->kind->judge(rule->state, packet, moment, output);
}

void rule_inject(struct rule_output *output, const struct packet *packet, bool is_to_client)
{
    if (output->injection_count == INJECTIONS_MAX)
        return;
    struct injection *injection = &output->injections[output->injection_count];
    if (packet_build(packet, injection->bytes, sizeof injection->bytes, &injection->count) != STATUS_OK)
        return;
    injection->is_to_client = is_to_client;
    output->injection_count++;
}

void rule_inject_segment(struct rule_output *output, const struct packet *trigger, uint8_t flags,
                         const void *payload, size_t payload_bytes)
{
    struct packet forged = packet_reply_to(trigger);
    bool is_syn = (trigger->flags & TCP_SYN) != 0;
    forged.sequence = is_syn ? 0 : trigger->acknowledgement;
    forged.acknowledgement = trigger->sequence + (uint32_t)trigger->payload_bytes + (is_syn ? 1 : 0);
    forged.flags = flags;
    forged.window = 0xffff;
    forged.payload = payload;
    forged.payload_bytes = payload_bytes;
    rule_inject(output, &forged, true);
}
