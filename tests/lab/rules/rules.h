/* Every kind of rule. One file holds those that differ by their trigger only. */
#ifndef TESTS_LAB_RULES_RULES_H
#define TESTS_LAB_RULES_RULES_H

#include "tests/lab/rule.h"

extern const struct rule_kind rule_spoof_dns_response, rule_drop_dns_query, rule_refuse_dns_query;
extern const struct rule_kind rule_reset_for_sni, rule_reset_for_string, rule_close_for_sni,
    rule_close_for_string;
extern const struct rule_kind rule_drop_for_quic_sni;
extern const struct rule_kind rule_drop_for_sni, rule_drop_for_string, rule_drop_for_endpoint;
extern const struct rule_kind rule_close_for_endpoint;
extern const struct rule_kind rule_spoof_blockpage;
extern const struct rule_kind rule_throttle_for_sni, rule_throttle_for_endpoint;
extern const struct rule_kind rule_police_for_sni, rule_police_for_endpoint;
extern const struct rule_kind rule_freeze_for_sni, rule_freeze_for_string, rule_freeze_for_endpoint;
extern const struct rule_kind rule_residual_for_sni, rule_residual_for_string;
extern const struct rule_kind rule_captive_portal;
extern const struct rule_kind rule_drop_udp_port;
extern const struct rule_kind rule_cut_everything, rule_cut_foreign;

#endif
