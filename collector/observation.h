/* What the collector keeps of one measurement: the columns that aggregation, detection and search need.
 * Pure: record in, observation out. */
#ifndef COLLECTOR_OBSERVATION_H
#define COLLECTOR_OBSERVATION_H

#include <stdbool.h>
#include <stdint.h>

#include "measurement/bundle.h"
#include "measurement/ladder_result.h"
#include "measurement/record.h"

#define SUBJECT_BYTES 128
#define SUBJECT_CONNECTIVITY "connectivity" /* subject of a ladder climb */

struct observation {
    uint8_t identity[SHA256_BYTES]; /* of the line */
    int64_t time_us;                /* measurement_start_time, as the probe's clock had it */
    /* Who measured: the key's name; for unsigned imports 16 hex digits of SHA-256(report_id, cc, asn), so that one
     * upload counts as one vantage point. */
    char probe[KEY_NAME_BYTES];
    bool is_signed;
    char country[COUNTRY_BYTES];
    char subdivision[REGION_BYTES]; /* "" unknown */
    uint32_t asn;
    enum access_type access;
    char test_name[32];
    char input[512]; /* cut; "" none */
    /* What is measured, for cells: SUBJECT_CONNECTIVITY for a ladder climb, the input's host name in lower case without
     * "www." for web tests, the test's name for tests of one service (whatsapp, telegram, signal, ...), "" for tests
     * that speak of none (ndt, dash). */
    char subject[SUBJECT_BYTES];
    struct ladder_result ladder; /* state UNKNOWN unless the test is a ladder climb */
    /* Of x_dialtone.verdict where present; else derived from the test's own OONI keys; an OONI verdict without a
     * control behind it is unknown, never ok. */
    struct verdict verdict;
};

/* `identity` and `probe` are given by the caller, which knows the line and the key. */
void observation_of_record(const struct record *record, struct observation *out);
/* The same where x_dialtone.verdict was read already: `verdict` is what it says, or unknown where it could not be read.
 * record->test_keys serves the ladder alone, else it may be NULL. */
void observation_of_verdict(const struct record *record, const struct verdict *verdict, struct observation *out);

#endif
