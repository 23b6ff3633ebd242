/* The reference table: cases in the columns of OONI's QA table, each with its condition in the `rules` column
 * and the test keys that web_connectivity must have in it. Here without any network: reading and comparing.
 */
#ifndef TESTS_LAB_REFERENCE_H
#define TESTS_LAB_REFERENCE_H

#include <jansson.h>

#include "measurement/base/cli.h"
#include "tests/lab/zone.h"

#define REFERENCE_EXPECTS_MAX 24
#define REFERENCE_RULES_MAX   32
#define REFERENCE_RULE_BYTES  1024
#define REFERENCE_FIELD_BYTES 64
#define REFERENCE_VALUE_BYTES 128
#define REFERENCE_NAME_BYTES  128
#define REFERENCE_URL_BYTES   2048
#define REFERENCE_CASES_MAX   4096

struct reference_expect {
    char field[REFERENCE_FIELD_BYTES]; /* of test_keys */
    char value[REFERENCE_VALUE_BYTES]; /* as in the cell: null, true, false, a number, or text */
};

struct reference_case {
    char name[REFERENCE_NAME_BYTES];
    char url[REFERENCE_URL_BYTES];
    bool is_required; /* runs on 0.5.28, which we are compared with */
    bool is_long;     /* the table says that it takes long */
    bool is_slow;     /* waits for timeouts: better begun early */
    bool is_android;  /* the client's resolver hides why a name has no address */
    bool is_clean;    /* nothing is done and the page loads */
    struct reference_expect expects[REFERENCE_EXPECTS_MAX];
    size_t expect_count;
    char rules[REFERENCE_RULES_MAX][REFERENCE_RULE_BYTES]; /* of the path; each is known to be right */
    size_t rule_count;
    struct zone_changes zones;
};

/* MALFORMED with a reason that names line and case. Only cases named `only` where that is not NULL. *out is
 * the caller's to free. */
enum status reference_read(const void *text, size_t count, const char *only, struct reference_case **out,
                           size_t *out_count, struct why *why);

struct reference_difference {
    char field[REFERENCE_FIELD_BYTES];
    char expected[REFERENCE_VALUE_BYTES];
    char was[REFERENCE_VALUE_BYTES];
};

/* Holds no pointers: it is filled in another process. */
struct reference_outcome {
    bool is_done;
    double runtime_s;
    struct reference_difference differences[REFERENCE_EXPECTS_MAX + 2];
    size_t difference_count;
    struct why error; /* "": the measurement was made */
};

/* Adds what in the record is not as the case expects. */
void reference_compare(const struct reference_case *wanted, const json_t *record,
                       struct reference_outcome *outcome);

/* One attempt at one case. */
struct reference_job {
    const struct reference_case *wanted;
    int round; /* from 1 */
};

/* Shared by the command and its workers, each of which is a process with an emulated Internet of its own. */
struct reference_work {
    const struct reference_job *jobs;
    size_t job_count;
    struct reference_outcome *outcomes; /* one a job, in memory that the workers share */
    size_t *next_job;                   /* likewise; taken atomically */
    const char *programs;
    const char *folder;
    bool avoids_tun;
    void (*tell)(const struct reference_job *job, const struct reference_outcome *outcome); /* NULL: nobody */
};

/* A worker's whole life in namespaces of its own: jobs until none is left. Returns its exit status. */
int reference_worker(const struct reference_work *work, int number);

extern const struct cli_command command_reference;

#endif
