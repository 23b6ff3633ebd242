/* Scenario files: what the censor does, what is measured, what the verdict must be. One line a statement:
 *
 *   # comment
 *   title TEXT
 *   client NAME [delay=20ms] [jitter=2ms] [loss=0.01] [rate=2000000]   one way; without it one named "probe"
 *          [mtu=256] [clock=-48h]           small packets (and no IPv6); a clock that is wrong by so much
 *   seed 7                                  of chance on the links and in the rules; 1 without it
 *   needs quic                              skipped where no QUIC server is installed
 *   collector off                           no collector, so no control
 *   rule [client=NAME] RULE                 in force from the start (rule_text.h)
 *   rule ISPResolverConfig.RemoveRecord(..) a change at the resolvers, throughout (zone.h)
 *   at 2s add ID [client=NAME] RULE         from the start of the first measurement
 *   at 5s remove ID
 *   pause 2s                                before the next measurement; the timeline runs on
 *   limit 30s                               of each measurement; 60s without it
 *   measure [client=NAME] ARGUMENTS         dialtone-probe measure ARGUMENTS in that client's network
 *   truth WORDS                             what was really so of the measurement before it (confusion.h)
 *   expect KEY=VALUE[|VALUE]...             of the record that the measurement before it made
 *
 * KEY is blocking, layer, method or confidence of x_dialtone.verdict, or a path from the record's root with
 * dots ("test_keys.blocking", "test_keys.queries.0.engine"). VALUE is text, a number, true, false or null. */
#ifndef TESTS_LAB_SCENARIO_H
#define TESTS_LAB_SCENARIO_H

#include <jansson.h>

#include "tests/lab/confusion.h"
#include "tests/lab/lab.h"

#define SCENARIO_CLIENTS_MAX  8
#define SCENARIO_CHANGES_MAX  32
#define SCENARIO_MEASURES_MAX 8
#define SCENARIO_EXPECTS_MAX  16
#define SCENARIO_WORDS_MAX    16
#define SCENARIO_LINE_BYTES   1024

struct scenario_change {
    int64_t at_us; /* negative: before the first measurement */
    bool is_removal;
    int64_t id;
    uint64_t clients;
    char rule[SCENARIO_LINE_BYTES];
};

struct scenario_expect {
    char key[96];
    char values[192]; /* alternatives, separated by | */
};

struct scenario_measure {
    int64_t pause_us; /* before it */
    int client;
    char arguments[SCENARIO_LINE_BYTES]; /* words separated by spaces */
    struct scenario_expect expects[SCENARIO_EXPECTS_MAX];
    size_t expect_count;
    char truth[CONFUSION_WORD_BYTES]; /* "": not stated */
};

struct scenario {
    char title[128];
    struct lab_client clients[SCENARIO_CLIENTS_MAX];
    int client_count;
    struct scenario_change changes[SCENARIO_CHANGES_MAX]; /* by time */
    size_t change_count;
    struct zone_changes zones; /* of the resolvers, throughout */
    struct scenario_measure measures[SCENARIO_MEASURES_MAX];
    size_t measure_count;
    int64_t limit_us;
    uint64_t seed;
    bool has_collector;
    bool needs_quic;
};

/* MALFORMED with a reason that names the line. */
enum status scenario_parse(const char *text, size_t count, struct scenario *out, struct why *why);

/* Whether the record is as expected; where not, `why` says what was and what should have been. */
bool scenario_expect_holds(const struct scenario_expect *expect, const json_t *record, struct why *why);

#endif
