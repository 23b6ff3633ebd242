/* Whether this probe is where its host says, by the country that a collector or a database sees it in. A VPN, or a machine
 * that travels, must not be counted into the wrong country. */
#ifndef PROBE_MEASURING_LOCATION_H
#define PROBE_MEASURING_LOCATION_H

#include <stdint.h>

#include "measurement/region.h"

#define LOCATION_SETTLED_US (INT64_C(86400) * 1000000) /* so long in another country is a move, not a jump */

/* Zero-initialise to start. */
struct location {
    char usual[COUNTRY_BYTES]; /* without a declared country: the one that it was seen in first, or has moved to */
    char seen[COUNTRY_BYTES];
    int64_t seen_since_us; /* monotonic */
};

enum location_trust {
    LOCATION_TRUSTED,   /* or nobody can say */
    LOCATION_ELSEWHERE, /* not in the country that was declared */
    LOCATION_JUMPED,    /* not in the country that it was in before */
};

/* Takes what was seen now; `declared` and `seen` may be "ZZ" or "". */
enum location_trust location_see(struct location *location, const char *declared, const char *seen, int64_t now_us);
/* For the annotation x_location: "elsewhere", "jumped"; NULL where it is trusted. */
const char *location_word(enum location_trust trust);

#endif
