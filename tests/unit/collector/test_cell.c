/* Cells: what each observation adds to a row, and that the order of arrival never matters.
 * Owner: the test's own stack.
 * Why: bundles arrive late and shuffled; a row that depended on it would make two collectors disagree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "collector/cell.h"
#include "measurement/base/clock.h"
#include "measurement/base/random.h"

#define BIN_S   600
#define START_S INT64_C(1760000400)

static struct observation climb(int64_t second, enum connectivity_state state, int failed)
{
    struct observation observation = {.time_us = (START_S + second) * US_PER_S, .asn = 64501, .is_signed = true};
    strcpy(observation.probe, "00112233aabbccdd");
    strcpy(observation.country, "XD");
    strcpy(observation.subdivision, "XD-N");
    strcpy(observation.subject, SUBJECT_CONNECTIVITY);
    strcpy(observation.test_name, "ladder");
    observation.ladder.state = state;
    observation.ladder.controls_failed_count = failed;
    observation.ladder.operators_failed_count = failed > 0 ? 2 : 0;
    observation.ladder.controls_ok_count = failed > 0 ? 0 : 3;
    return observation;
}

static struct observation web(int64_t second, enum verdict_outcome outcome, enum verdict_layer layer,
                              const char *method, enum verdict_confidence confidence, uint8_t identity)
{
    struct observation observation = climb(second, CONNECTIVITY_UNKNOWN, 0);
    strcpy(observation.subject, "example.org");
    strcpy(observation.test_name, "web_connectivity");
    observation.verdict = (struct verdict){.outcome = outcome, .layer = layer, .confidence = confidence};
    strcpy(observation.verdict.method, method);
    memset(observation.identity, identity, sizeof observation.identity);
    return observation;
}

static void test_presence_counts(void **state)
{
    (void)state;
    static const struct {
        enum connectivity_state state;
        int failed;
        uint32_t ok, fail, local, other;
    } cases[] = {
        {CONNECTIVITY_WORKING, 0, 1, 0, 0, 0},       {CONNECTIVITY_NO_LINK, 0, 0, 0, 1, 0},
        {CONNECTIVITY_NO_GATEWAY, 0, 0, 0, 1, 0},    {CONNECTIVITY_FULL_SHUTDOWN, 3, 0, 1, 0, 0},
        {CONNECTIVITY_DOMESTIC_ONLY, 3, 0, 1, 0, 0}, {CONNECTIVITY_DNS_FAILURE, 0, 0, 0, 0, 1},
        {CONNECTIVITY_CAPTIVE_PORTAL, 0, 0, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct observation observation = climb(30, cases[i].state, cases[i].failed);
        struct presence row = {0};
        presence_add(&row, &observation, BIN_S);
        assert_int_equal(row.bin_s, START_S);
        assert_int_equal(row.ok_count, cases[i].ok);
        assert_int_equal(row.fail_count, cases[i].fail);
        assert_int_equal(row.local_count, cases[i].local);
        assert_int_equal(row.other_count, cases[i].other);
        assert_int_equal(row.worst_state, cases[i].state);
    }
}

static void test_failing_state_outranks_others(void **state)
{
    (void)state;
    struct presence row = {0};
    struct observation dns = climb(1, CONNECTIVITY_DNS_FAILURE, 0);
    struct observation domestic = climb(2, CONNECTIVITY_DOMESTIC_ONLY, 3);
    struct observation working = climb(3, CONNECTIVITY_WORKING, 0);
    presence_add(&row, &dns, BIN_S);
    presence_add(&row, &domestic, BIN_S);
    presence_add(&row, &working, BIN_S);
    assert_int_equal(row.worst_state, CONNECTIVITY_DOMESTIC_ONLY);
    assert_int_equal(row.first_fail_us, (START_S + 2) * US_PER_S);
    assert_int_equal(row.last_ok_us, (START_S + 3) * US_PER_S);
}

static void test_sighting_keeps_the_strongest(void **state)
{
    (void)state;
    struct sighting row = {0};
    struct observation observations[] = {
        web(1, OUTCOME_OK, LAYER_NONE, "", CONFIDENCE_NONE, 1),
        web(2, OUTCOME_BLOCKED, LAYER_DNS, "dns_forged_answer", CONFIDENCE_MEDIUM, 2),
        web(3, OUTCOME_BLOCKED, LAYER_TLS, "connection_reset", CONFIDENCE_STRONG, 3),
        web(4, OUTCOME_DOWN, LAYER_NONE, "", CONFIDENCE_MEDIUM, 4),
        web(5, OUTCOME_OFFLINE, LAYER_NONE, "", CONFIDENCE_NONE, 5),
        web(6, OUTCOME_UNKNOWN, LAYER_NONE, "", CONFIDENCE_NONE, 6),
    };
    for (size_t i = 0; i < sizeof observations / sizeof *observations; i++)
        sighting_add(&row, &observations[i], BIN_S);
    assert_int_equal(row.ok_count, 1);
    assert_int_equal(row.blocked_count[CONFIDENCE_MEDIUM], 1);
    assert_int_equal(row.blocked_count[CONFIDENCE_STRONG], 1);
    assert_int_equal(row.down_count, 1);
    assert_int_equal(row.offline_count, 1);
    assert_int_equal(row.unknown_count, 1);
    assert_int_equal(row.layer, LAYER_TLS);
    assert_string_equal(row.method, "connection_reset");
    assert_int_equal(row.example[0], 3);
    assert_int_equal(row.first_blocked_us, (START_S + 2) * US_PER_S);
    assert_int_equal(row.last_blocked_us, (START_S + 3) * US_PER_S);
}

static void shuffle(struct observation *observations, size_t count, const struct random_source *random)
{
    for (size_t i = count - 1; i > 0; i--) {
        size_t other = (size_t)random_below(random, i + 1);
        struct observation held = observations[i];
        observations[i] = observations[other];
        observations[other] = held;
    }
}

static void test_any_order_gives_the_same_rows(void **state)
{
    (void)state;
    struct observation observations[] = {
        climb(5, CONNECTIVITY_WORKING, 0),
        climb(70, CONNECTIVITY_FULL_SHUTDOWN, 3),
        climb(130, CONNECTIVITY_DOMESTIC_ONLY, 4),
        climb(190, CONNECTIVITY_NO_LINK, 0),
        climb(250, CONNECTIVITY_DNS_FAILURE, 0),
        web(300, OUTCOME_OK, LAYER_NONE, "", CONFIDENCE_NONE, 9),
        web(301, OUTCOME_BLOCKED, LAYER_DNS, "dns_bogon", CONFIDENCE_STRONG, 8),
        web(302, OUTCOME_BLOCKED, LAYER_DNS, "dns_bogon", CONFIDENCE_STRONG, 7),
        web(303, OUTCOME_BLOCKED, LAYER_TLS, "connection_reset", CONFIDENCE_STRONG, 6),
        web(304, OUTCOME_BLOCKED, LAYER_DNS, "dns_bogon", CONFIDENCE_WEAK, 1),
    };
    size_t count = sizeof observations / sizeof *observations;
    memset(observations[1].identity, 41, SHA256_BYTES);
    memset(observations[2].identity, 40, SHA256_BYTES);
    observations[3].access = ACCESS_MOBILE;
    observations[4].asn = 64502;
    strcpy(observations[5].subdivision, "XD-S");
    strcpy(observations[6].country, "ZZ");
    struct presence first_presence = {0};
    struct sighting first_sighting = {0};
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 7);
    for (int round = 0; round < 200; round++) {
        struct presence presence = {0};
        struct sighting sighting = {0};
        for (size_t i = 0; i < count; i++) {
            presence_add(&presence, &observations[i], BIN_S);
            if (strcmp(observations[i].subject, "example.org") == 0)
                sighting_add(&sighting, &observations[i], BIN_S);
        }
        if (round == 0) {
            first_presence = presence;
            first_sighting = sighting;
        }
        assert_memory_equal(&presence, &first_presence, sizeof presence);
        assert_memory_equal(&sighting, &first_sighting, sizeof sighting);
        shuffle(observations, count, &random);
    }
    assert_string_equal(first_presence.subdivision, "XD-S");
    assert_int_equal(first_presence.example[0], 41); /* the earlier of the two failing climbs */
    assert_int_equal(first_sighting.example[0], 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presence_counts),
        cmocka_unit_test(test_failing_state_outranks_others),
        cmocka_unit_test(test_sighting_keeps_the_strongest),
        cmocka_unit_test(test_any_order_gives_the_same_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
