/* The measurement record: OONI base data format 0.2.0, one JSON object a line. Writer and bounded reader.
 * (ooni/spec data-formats/df-000-base.md) */
#ifndef MEASUREMENT_RECORD_H
#define MEASUREMENT_RECORD_H

#include <jansson.h>

#include "measurement/base/bytes.h"
#include "measurement/connectivity.h"
#include "measurement/region.h"
#include "measurement/verdict.h"

#define RECORD_BYTES_MAX (8u << 20) /* of one line */
#define RECORD_SOFTWARE "dialtone-probe"

/* Where a measurement was made. Text is borrowed. */
struct vantage_point {
    char country[COUNTRY_BYTES];    /* "ZZ" unknown */
    char subdivision[REGION_BYTES]; /* as declared by the volunteer; "" unknown. annotations.x_subdivision */
    uint32_t asn;                   /* 0 unknown */
    char network_name[64];          /* "" unknown */
    enum access_type access;        /* annotations.network_type: "wired", "wifi", "mobile" as OONI's apps say it */
};

/* Fields of the base format. Strings are borrowed: on writing from the caller, on reading from `root`. */
struct record {
    const char *test_name;
    const char *test_version;
    const char *software_name;
    const char *software_version;
    const char *input; /* NULL: the test has none */
    const char *report_id;
    const char *resolver_ip; /* NULL: "127.0.0.2" */
    struct vantage_point vantage;
    int64_t test_start_us;
    int64_t measurement_start_us;
    double runtime_s;
    const json_t *annotations; /* string -> string beyond the vantage point's own, or NULL */
    const json_t *test_keys;   /* an object; borrowed */
    json_t *root;              /* set by record_decode: owns everything above */
};

/* Appends the line, without LF, to `out`. probe_ip is always 127.0.0.1. USAGE where a required field is missing. */
enum status record_encode(const struct record *record, struct buffer *out);

/* Reads one line of any OONI client from 2014 on, or of ours. Refuses what is no JSON object, lacks test_name,
 * measurement_start_time (test_start_time stands in for it) or test_keys, or has them of a wrong type. An unknown or
 * malformed probe_cc becomes "ZZ", ASN 0. On failure `*out` holds nothing to free. */
enum status record_decode(const char *line, size_t count, struct record *out, struct why *why);
/* What of a line makes a record, as whoever read it found it: text that is absent, of another type or holds a zero byte is
 * NULL. Borrowed. */
struct record_fields {
    bool is_object;
    bool has_test_keys; /* an object */
    bool has_measurement_start; /* there, and not null */
    bool has_test_start;
    const char *measurement_start;
    const char *test_start;
    const char *test_name;
    const char *input;
    const char *report_id;
    const char *country;
    const char *network;
    const char *network_name;
    const char *subdivision;
    const char *network_type;
};
/* The fields of *out that these give; the others are left as they are. Status as record_decode's. */
enum status record_of_fields(const struct record_fields *fields, struct record *out, struct why *why);
void record_free(struct record *record);

#endif
