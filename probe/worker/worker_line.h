/* What a worker says on its standard output, a line each: one word for the kind, a space, one JSON object.
 *
 *   outage {...}   record of a climb that did not find the network working: the last thing to give up
 *   journal {...}  record of any other climb
 *   anomaly {...}  record of a measurement that is blocked, or could not be judged
 *   clean {...}    record of any other measurement
 *   note {...}     for the daemon itself, at most WORKER_NOTE_BYTES_MAX: {"connectivity", "access"}, {"vantage", "own", "seen", "is_answered"},
 *                  {"usage"}, {"answer"}, ... */
#ifndef PROBE_WORKER_WORKER_LINE_H
#define PROBE_WORKER_WORKER_LINE_H

#include <jansson.h>
#include <stdbool.h>

#include "measurement/base/bytes.h"
#include "measurement/record.h"

#define WORKER_NOTE_BYTES_MAX (6u << 20) /* an answer of UPLOAD_LIST_BYTES_MAX in base64 */
#define WORKER_LINE_BYTES_MAX (RECORD_BYTES_MAX + 16)

enum worker_line_kind { WORKER_OUTAGE, WORKER_JOURNAL, WORKER_ANOMALY, WORKER_CLEAN, WORKER_NOTE };

struct worker_line {
    enum worker_line_kind kind;
    const char *text; /* the JSON; borrowed from the line */
    size_t count;
};

/* Checks that a line is of a known kind and one JSON object within the bounds. *out_object, where not NULL, gets it as a
 * new reference. MALFORMED, TOO_LARGE. */
enum status worker_line_read(const char *line, size_t count, struct worker_line *out, json_t **out_object);
/* Writes one to standard output at once. IO where nobody reads any more. */
enum status worker_line_print(enum worker_line_kind kind, const void *text, size_t count);
struct socket_meter;
/* {"usage": {"sent", "received"}}: after all sockets are closed. */
enum status worker_usage_print(const struct socket_meter *meter);
enum status worker_note_print(json_t *object); /* steals it; NULL is NO_MEMORY */

#endif
