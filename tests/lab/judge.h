/* Compares what the lab did with what the detector found. Pure: deeds and findings in, rows out. */
#ifndef TESTS_LAB_JUDGE_H
#define TESTS_LAB_JUDGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/status.h"
#include "measurement/region.h"

#define JUDGE_TEXT_BYTES 128

/* What the lab really did, or that it did nothing. */
struct deed {
    const char *phase;   /* for the table */
    const char *what;    /* one line for people */
    const char *kind;    /* event kind; "" for a time in which nothing was done */
    const char *region;  /* "" with kind "" */
    const char *subject; /* host without www., or "" */
    const char *layer;   /* of the verdict, or "" */
    int64_t from_us;     /* wall time, by the path box's clock */
    int64_t to_us;
};

/* One event of the detector. */
struct finding {
    char kind[32];
    char region[REGION_BYTES];
    uint32_t asn; /* 0: the whole region */
    char subject[JUDGE_TEXT_BYTES];
    char layer[16];
    char method[48];
    char state[16];
    double confidence;
    int64_t onset_earliest_us, onset_latest_us;
    int64_t end_earliest_us, end_latest_us; /* 0: still open */
};

/* One row of the table. Borrows from deeds and findings. */
struct judge_row {
    const struct deed *deed;       /* NULL: something was found that nobody did */
    const struct finding *finding; /* NULL: nothing was found */
    bool agrees;
    char reason[160]; /* "" where it agrees */
};

/* Reads the "events" array of events.json. MALFORMED with a reason; *out is the caller's to free. */
enum status findings_read(const json_t *document, struct finding **out, size_t *out_count, struct why *why);

/* A deed is found where a finding of its kind, region, subject and layer for the whole region has its onset
 * and its end within `tolerance_us` of the deed's and was more than suspected. A finding that tells the same
 * of one network of that region, or of the country for a service, is the same deed seen from elsewhere. All
 * other findings disagree. `rows` has room for deed_count + finding_count. Returns the number of rows. */
size_t judge(const struct deed *deeds, size_t deed_count, const struct finding *findings,
             size_t finding_count, int64_t tolerance_us, struct judge_row *rows);

#endif
