/* What OONI's own keys say, for records of other clients that carry no verdict of ours. */
#ifndef COLLECTOR_OBSERVATION_OONI_H
#define COLLECTOR_OBSERVATION_OONI_H

#include "measurement/record.h"

/* Unknown where the test is not known, where it decided nothing, and where no control stands behind what it
 * decided. Source: guide to OONI's formats, "web_connectivity" and "Other test_keys"; ooni/spec nettests/. */
struct verdict verdict_of_ooni(const struct record *record);

#endif
