/* How much a target may endanger who hosts the probe: by its Citizen Lab category, in probe/consent/categories.csv. */
#ifndef PROBE_CONSENT_RISK_H
#define PROBE_CONSENT_RISK_H

#include "tests-network/target.h"

enum risk_level { RISK_LOW, RISK_MEDIUM, RISK_HIGH };

/* "low", "medium", "high"; USAGE otherwise. */
enum status risk_parse(const char *text, enum risk_level *out);
const char *risk_name(enum risk_level level);

/* A category that nobody has judged is high; none at all ("") is low: somebody wrote that list for this probe. */
enum risk_level risk_of_category(const char *category);

/* Takes out of the list what is above the level; returns how many that were, and adds it to list->above_risk_count. */
size_t risk_apply(enum risk_level most, struct target_list *list);

#endif
