/* DNS on the path: forged answers that race the true one, refusals, and silence.
 * Owner: a rule owns its name and addresses.
 * Why: the commonest interference; the original query still passes where an answer is forged, as on real
 * paths. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/lab/dns_forge.h"
#include "tests/lab/rules/rules.h"

enum { FLAVOUR_FORGE, FLAVOUR_DROP, FLAVOUR_REFUSE };

struct dns_rule {
    int flavour;
    char domain[RULE_WORD_BYTES]; /* "" for any */
    struct ip_address addresses[RULE_VALUES_MAX];
    size_t address_count;
    struct ip_address server; /* the resolver meant; version 0: any */
    int code;
    int64_t delay_us; /* of what is forged: long enough, and it comes behind the true answer */
};

static enum status addresses_read(struct dns_rule *rule, const struct rule_text *text, struct why *why)
{
    const struct rule_field *field = rule_text_field(text, "Addresses");
    for (size_t i = 0; field && i < field->value_count; i++) {
        if (ip_parse(field->values[i], &rule->addresses[i]) != STATUS_OK) {
            why_set(why, "rule %s: '%s' is no IP address", text->name, field->values[i]);
            return STATUS_USAGE;
        }
        rule->address_count++;
    }
    rule->code = rule->address_count > 0 ? DNS_CODE_OK : DNS_CODE_NO_SUCH_NAME;
    return STATUS_OK;
}

static enum status fields_read(struct dns_rule *rule, const struct rule_text *text, struct why *why)
{
    static const char *const known[] = {"Domain", "Addresses", "ServerIPAddress", "Code", "Delay", NULL};
    enum status status = rule_text_only(text, known, why);
    if (status != STATUS_OK)
        return status;
    const char *domain = rule_text_value(text, "Domain");
    size_t domain_bytes = domain ? strlen(domain) : 0;
    if (domain_bytes > 1 && domain[domain_bytes - 1] == '.')
        domain_bytes--; /* the root's dot, which questions are read without */
    if (domain)
        memcpy(rule->domain, domain, domain_bytes);
    if (rule->flavour == FLAVOUR_FORGE && !domain) {
        why_set(why, "rule %s needs Domain=\"...\"", text->name);
        return STATUS_USAGE;
    }
    status = rule_text_address(text, "ServerIPAddress", &rule->server, why);
    if (status == STATUS_OK)
        status = addresses_read(rule, text, why);
    if (status == STATUS_OK)
        status = rule_text_duration(text, "Delay", &rule->delay_us, why);
    if (rule->flavour == FLAVOUR_REFUSE)
        rule->code = DNS_CODE_REFUSED;
    int64_t code = rule->code;
    if (status == STATUS_OK)
        status = rule_text_number(text, "Code", 0, 15, &code, why);
    rule->code = (int)code;
    return status;
}

static enum status dns_open(const struct rule_kind *kind, const struct rule_text *text, void **out,
                            struct why *why)
{
    struct dns_rule *rule = calloc(1, sizeof *rule);
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

static bool query_fits(const struct dns_rule *rule, const struct packet *packet,
                       const struct rule_moment *moment, struct dns_question *out)
{
    if (!moment->is_from_client || packet->protocol != PROTOCOL_UDP || packet->destination_port != 53)
        return false;
    if (rule->server.version != 0 && !ip_equal(&rule->server, &packet->destination))
        return false;
    if (dns_question_read(packet->payload, packet->payload_bytes, out) != STATUS_OK)
        return false;
    return rule->domain[0] == '\0' || strcasecmp(rule->domain, out->name) == 0;
}

static void dns_judge(void *state, const struct packet *packet, const struct rule_moment *moment,
                      struct rule_output *output)
{
    const struct dns_rule *rule = state;
    struct dns_question question;
    if (!query_fits(rule, packet, moment, &question))
        return;
    if (rule->flavour != FLAVOUR_FORGE)
        output->is_dropped = true;
    if (rule->flavour == FLAVOUR_DROP)
        return;
    uint8_t answer[1024];
    size_t answer_bytes = 0;
    if (dns_answer_build(packet->payload, &question, rule->code, rule->addresses, rule->address_count, answer,
                         sizeof answer, &answer_bytes) != STATUS_OK)
        return;
    struct packet forged = packet_reply_to(packet);
    forged.payload = answer;
    forged.payload_bytes = answer_bytes;
    rule_inject(output, &forged, true);
    if (output->injection_count > 0)
        output->injections[output->injection_count - 1].delay_us = rule->delay_us;
}

const struct rule_kind rule_spoof_dns_response = {
    .name = "SpoofDNSResponse",
    .summary =
        "SpoofDNSResponse(Domain=\"...\" Addresses={...} [Delay=20ms]): a forged answer races the true one; "
        "none: NXDOMAIN",
    .open = dns_open,
    .judge = dns_judge,
    .close = free,
    .flavour = FLAVOUR_FORGE,
};

const struct rule_kind rule_drop_dns_query = {
    .name = "DropDNSQuery",
    .summary = "DropDNSQuery([Domain=\"...\"] [ServerIPAddress=...]): queries vanish",
    .open = dns_open,
    .judge = dns_judge,
    .close = free,
    .flavour = FLAVOUR_DROP,
};

const struct rule_kind rule_refuse_dns_query = {
    .name = "RefuseDNSQuery",
    .summary = "RefuseDNSQuery([Domain=\"...\"] [Code=5]): an error code instead of the answer (2 SERVFAIL, "
               "5 REFUSED)",
    .open = dns_open,
    .judge = dns_judge,
    .close = free,
    .flavour = FLAVOUR_REFUSE,
};
