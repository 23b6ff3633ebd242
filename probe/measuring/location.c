/* Judges where a probe is seen against where it should be.
 * Owner: the caller's struct.
 * Why: results by way of another country say nothing of either; they are kept, flagged, and averaged into none. */
#include "probe/measuring/location.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_known(const char *country)
{
    return country[0] && strcmp(country, COUNTRY_UNKNOWN) != 0;
}

static void country_copy(char out[COUNTRY_BYTES], const char *country)
{
    snprintf(out, COUNTRY_BYTES, "%s", country);
}

enum location_trust location_see(struct location *location, const char *declared, const char *seen, int64_t now_us)
{
    if (!is_known(seen))
        seen = location->seen; /* unanswered: as it was */
    if (!is_known(seen))
        return LOCATION_TRUSTED;
    if (strcmp(location->seen, seen) != 0) {
        country_copy(location->seen, seen);
        location->seen_since_us = now_us;
    }
    if (is_known(declared))
        return strcmp(declared, location->seen) == 0 ? LOCATION_TRUSTED : LOCATION_ELSEWHERE;
    if (!is_known(location->usual) || now_us - location->seen_since_us >= LOCATION_SETTLED_US)
        country_copy(location->usual, location->seen);
    return strcmp(location->usual, location->seen) == 0 ? LOCATION_TRUSTED : LOCATION_JUMPED;
}

const char *location_word(enum location_trust trust)
{
    switch (trust) {
    case LOCATION_TRUSTED:
        return NULL;
    case LOCATION_ELSEWHERE:
        return "elsewhere";
    case LOCATION_JUMPED:
        return "jumped";
    }
    return NULL;
}
