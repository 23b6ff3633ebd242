/* What the daemon gives a measuring worker on its standard input: one JSON object on one line.
 *
 * {"jobs": [{"test", "input"?}], "parallel": N, "start_us": N, "wall_offset_us": N, "turn": N, "own": ["address"],
 *  "vantage": {"country", "subdivision", "asn", "network", "access"}?, "connectivity": ladder_result.h?,
 *  "annotations": {...}?, "url": "..."?} */
#ifndef PROBE_WORKER_WORKER_TASK_H
#define PROBE_WORKER_WORKER_TASK_H

#include <jansson.h>
#include <stdbool.h>

#include "measurement/base/bytes.h"
#include "measurement/ladder_result.h"
#include "measurement/record.h"

#define WORKER_TASK_BYTES_MAX (32u << 20)
#define WORKER_OWN_MAX        8
#define WORKER_OWN_BYTES      48

struct worker_job {
    const char *test;
    const char *input; /* NULL: none */
};

struct worker_task {
    struct worker_job *jobs;
    size_t job_count;
    int64_t parallel_count;
    int64_t start_us;       /* wall time of the round */
    int64_t ladder_turn;    /* nettest.h */
    int64_t wall_offset_us; /* wall time less CLOCK_BOOTTIME, by the daemon's best knowledge */
    char own[WORKER_OWN_MAX][WORKER_OWN_BYTES]; /* the probe's own public addresses */
    size_t own_count;
    bool has_vantage;
    struct vantage_point vantage;
    bool has_connectivity;
    struct ladder_result connectivity; /* the latest climb */
    const json_t *annotations;         /* for every record, or NULL; borrowed */
    const char *url;                   /* of whom to ask, or NULL; borrowed */
    json_t *root;                      /* set by worker_task_decode: owns the text above */
};

/* Appends the line, without LF. */
enum status worker_task_encode(const struct worker_task *task, struct buffer *out);
enum status worker_task_decode(const void *line, size_t count, struct worker_task *out);
void worker_task_free(struct worker_task *task); /* of worker_task_decode */

json_t *worker_vantage_encode(const struct vantage_point *vantage);
/* MALFORMED, with nothing changed, where a member is missing or not of its form. */
enum status worker_vantage_decode(const json_t *object, struct vantage_point *out);

/* Addresses as text, written by inet_ntop or much like it; others are left out, as are those past the room. */
size_t worker_own_decode(const json_t *array, char out[WORKER_OWN_MAX][WORKER_OWN_BYTES]);
/* Puts those of the array before or behind those at hand, each once; what has no room any more goes. Returns how many
 * there are then. */
size_t worker_own_merge(const json_t *array, bool is_before, char own[WORKER_OWN_MAX][WORKER_OWN_BYTES], size_t count);

#endif
