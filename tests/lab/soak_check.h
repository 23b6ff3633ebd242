/* What the soak checks beside the events: the timeline against the truth, and that each measurement is
 * counted once. Pure but for reading the collector's folder. */
#ifndef TESTS_LAB_SOAK_CHECK_H
#define TESTS_LAB_SOAK_CHECK_H

#include <jansson.h>

#include "measurement/base/bytes.h"
#include "tests/lab/judge.h"

struct soak_span {
    int64_t from_us, to_us; /* of the measuring, by wall time */
    int64_t bin_us;
};

struct soak_timeline {
    int64_t bin_count;   /* that could be told: not within one bin of a change, or of the ends */
    int64_t wrong_count; /* of them */
    struct buffer wrong; /* a line for each of them: region, bin, what was expected, what is there; the caller frees */
};

/* Every bin of the export's timeline of a region against the deeds that cut it: "suspected" or worse where it
 * was cut, "ok" where it was not. Adds to *out. MALFORMED with a reason; NOT_FOUND where the region is not in
 * the export. */
enum status soak_timeline_check(const json_t *document, const char *region, const struct deed *deeds,
                                size_t deed_count, const struct soak_span *span, struct soak_timeline *out,
                                struct why *why);

#define SOAK_PROBES_MAX 16

struct soak_account {
    size_t probe_count;
    int64_t bundle_count;
    int64_t line_count;    /* as the signed comments say */
    int64_t missing_count; /* numbers of bundles, from 1, that no bundle has */
};

/* One signature file's text (minisign's format, with our trusted comment). */
struct soak_bundle {
    uint8_t key_id[8];
    int64_t sequence;
    int64_t line_count;
};
enum status soak_bundle_read(const void *text, size_t count, struct soak_bundle *out);

/* Over every *.minisig below the folder. */
enum status soak_account_read(const char *folder, struct soak_account *out, struct why *why);

#endif
