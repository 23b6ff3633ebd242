/* What the packets of a live measurement say about tampering. Pure. */
#ifndef PROBE_CAPTURE_TAMPERING_H
#define PROBE_CAPTURE_TAMPERING_H

#include <jansson.h>

#include "measurement/base/status.h"

/* Adds "tampering" to test_keys.x_dialtone where one of the flows in its "packets" has a signature: an array, one object
 * a flow, as signature_encode makes it, and "transaction_id" and "address" as the packets have them; "injected" are
 * indices into "packets" (of the flow's own array, where each flow has one). The same in the test keys of each of a
 * channel's "endpoints". Nothing where there are no packets. */
enum status tampering_add(json_t *test_keys);

#endif
