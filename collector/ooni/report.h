/* OONI's own way to submit: a report is opened, measurements are sent to it, it is closed. Nobody signs them; they are kept
 * as unsigned. (ooni/backend, POST /report, POST /report/ID, POST /report/ID/close)
 *
 * No report is remembered: its id says when it was opened, where and for which test, and a measurement must say the same. A
 * report that nobody closes ends REPORT_OPEN_S after it was opened. */
#ifndef COLLECTOR_OONI_REPORT_H
#define COLLECTOR_OONI_REPORT_H

#include <jansson.h>

#include "measurement/base/bytes.h"
#include "measurement/base/random.h"
#include "measurement/region.h"

#define REPORT_ID_BYTES       128
#define REPORT_UID_BYTES      128
#define REPORT_OPEN_S         86400
#define REPORT_BYTES_MAX      (4u << 20) /* of a submission, unpacked */
#define REPORT_HEAD_BYTES_MAX 8192       /* of what opens one */

/* What an id tells. */
struct report_id {
    int64_t opened_us;
    char test_name[64]; /* without underscores */
    char country[COUNTRY_BYTES];
    uint32_t asn;
};

/* MALFORMED where it is no id. */
enum status report_id_parse(const char *text, struct report_id *out);

/* Reads what opens a report, and makes its id. MALFORMED with a reason. */
enum status report_open(const char *text, size_t count, int64_t now_us, const struct random_source *random,
                        char out_id[REPORT_ID_BYTES], struct why *why);

/* Reads a submission to the report: appends the record as one line without LF to `out_line`, with probe_ip made
 * 127.0.0.1. MALFORMED with a reason; REFUSED: it names no network or no country, and is to be dropped in silence. */
enum status report_read(const char *id, const char *text, size_t count, int64_t now_us, struct buffer *out_line,
                        struct why *why);

/* TIME_COUNTRY_TEST_HASH, of a line that was read. */
void report_uid(const char *id, const struct buffer *line, int64_t now_us, char out[REPORT_UID_BYTES]);

#endif
