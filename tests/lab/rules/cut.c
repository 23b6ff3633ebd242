/* Cuts: everything, everything foreign, or one UDP port.
 * Owner: a rule owns its list of networks.
 * Why: a shutdown is the absence of all else; the gateway, which the path box plays, still answers. */
#include <stdlib.h>
#include <string.h>

#include "tests/lab/rules/rules.h"

enum { FLAVOUR_ALL, FLAVOUR_FOREIGN, FLAVOUR_UDP };

struct cut_rule {
    int flavour;
    struct ip_address networks[RULE_VALUES_MAX];
    int prefix_bits[RULE_VALUES_MAX];
    size_t network_count;
    uint16_t port;
};

/* "130.192.0.0/16", or an address alone. */
static enum status network_read(struct cut_rule *rule, const char *value)
{
    char address[RULE_WORD_BYTES];
    memcpy(address, value, strlen(value) + 1);
    char *slash = strchr(address, '/');
    if (slash)
        *slash = '\0';
    struct ip_address *network = &rule->networks[rule->network_count];
    if (ip_parse(address, network) != STATUS_OK)
        return STATUS_USAGE;
    long most = (long)ip_bytes(network) * 8;
    long bits = most;
    char *end = NULL;
    if (slash)
        bits = strtol(slash + 1, &end, 10);
    if (bits < 0 || bits > most || (slash && (end == slash + 1 || *end != '\0')))
        return STATUS_USAGE;
    rule->prefix_bits[rule->network_count++] = (int)bits;
    return STATUS_OK;
}

static enum status networks_read(struct cut_rule *rule, const struct rule_text *text, struct why *why)
{
    const struct rule_field *field = rule_text_field(text, "Domestic");
    for (size_t i = 0; field && i < field->value_count; i++) {
        if (network_read(rule, field->values[i]) == STATUS_OK)
            continue;
        why_set(why, "rule %s: '%s' is no network such as 130.192.0.0/16", text->name, field->values[i]);
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

static enum status fields_read(struct cut_rule *rule, const struct rule_text *text, struct why *why)
{
    static const char *const known[][2] = {{NULL}, {"Domestic", NULL}, {"Port", NULL}};
    int64_t port = 443;
    enum status status = rule_text_only(text, known[rule->flavour], why);
    if (status == STATUS_OK)
        status = rule_text_number(text, "Port", 1, 65535, &port, why);
    if (status == STATUS_OK)
        status = networks_read(rule, text, why);
    rule->port = (uint16_t)port;
    return status;
}

static enum status cut_open(const struct rule_kind *kind, const struct rule_text *text, void **out,
                            struct why *why)
{
    struct cut_rule *rule = calloc(1, sizeof *rule);
    if (!rule)
        return STATUS_NO_MEMORY;
    rule->flavour = kind->flavour;
    enum status status = fields_read(rule, text, why);
    if (status != STATUS_OK) {
        free(rule);
        return status;
    }
    *out = rule;
    return STATUS_OK;
}

static bool is_domestic(const struct cut_rule *rule, const struct ip_address *address)
{
    for (size_t i = 0; i < rule->network_count; i++)
        if (ip_within(address, &rule->networks[i], rule->prefix_bits[i]))
            return true;
    return false;
}

static void cut_judge(void *state, const struct packet *packet, const struct rule_moment *moment,
                      struct rule_output *output)
{
    const struct cut_rule *rule = state;
    const struct ip_address *server = moment->is_from_client ? &packet->destination : &packet->source;
    uint16_t port = moment->is_from_client ? packet->destination_port : packet->source_port;
    if (rule->flavour == FLAVOUR_ALL)
        output->is_dropped = true;
    else if (rule->flavour == FLAVOUR_FOREIGN)
        output->is_dropped |= !is_domestic(rule, server);
    else
        output->is_dropped |= packet->protocol == PROTOCOL_UDP && port == rule->port;
}

const struct rule_kind rule_cut_everything = {
    .name = "CutEverything",
    .summary = "CutEverything(): nothing passes the gateway",
    .open = cut_open,
    .judge = cut_judge,
    .close = free,
    .flavour = FLAVOUR_ALL,
};

const struct rule_kind rule_cut_foreign = {
    .name = "CutForeign",
    .summary = "CutForeign(Domestic={130.192.0.0/16}): only these networks are reachable",
    .open = cut_open,
    .judge = cut_judge,
    .close = free,
    .flavour = FLAVOUR_FOREIGN,
};

const struct rule_kind rule_drop_udp_port = {
    .name = "DropUDPPort",
    .summary = "DropUDPPort(Port=443): UDP to and from this port vanishes",
    .open = cut_open,
    .judge = cut_judge,
    .close = free,
    .flavour = FLAVOUR_UDP,
};
