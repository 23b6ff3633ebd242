/* Service blocking over tables of synthetic verdicts: who must see what before it is told.
 * Owner: each test's world owns its rows.
 * Why: a dead site, a lost control or one odd network must never look like censorship. */
#include "tests/unit/collector/detect_world.h"

/* Verdicts of three probes in two networks over time, and what becomes of them. */
static void test_blocking_table(void **state)
{
    (void)state;
    enum verdict_outcome ok = OUTCOME_OK, blocked = OUTCOME_BLOCKED, down = OUTCOME_DOWN, unknown = OUTCOME_UNKNOWN,
                         offline = OUTCOME_OFFLINE;
    const struct {
        enum verdict_outcome during[3]; /* in bins 10 to 19; ok before and after */
        enum verdict_confidence confidence;
        size_t event_count;
        enum region_state state;
        uint32_t asn;
    } cases[] = {
        {{blocked, blocked, blocked}, CONFIDENCE_STRONG, 1, REGION_CONFIRMED, 0},
        {{blocked, blocked, blocked}, CONFIDENCE_MEDIUM, 1, REGION_CONFIRMED, 0},
        {{blocked, blocked, blocked}, CONFIDENCE_WEAK, 0, 0, 0},
        {{blocked, unknown, blocked}, CONFIDENCE_CERTAIN, 1, REGION_CONFIRMED, 0},
        {{blocked, blocked, ok}, CONFIDENCE_STRONG, 1, REGION_PROBABLE, 64501},
        {{ok, ok, blocked}, CONFIDENCE_STRONG, 1, REGION_SUSPECTED, 64502},
        {{ok, ok, blocked}, CONFIDENCE_MEDIUM, 0, 0, 0},
        {{down, down, down}, CONFIDENCE_STRONG, 0, 0, 0},
        {{unknown, unknown, unknown}, CONFIDENCE_NONE, 0, 0, 0},
        {{offline, offline, offline}, CONFIDENCE_NONE, 0, 0, 0},
        {{ok, ok, ok}, CONFIDENCE_NONE, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world = WORLD(2, small);
        for (size_t probe = 0; probe < 3; probe++) {
            works(&world, probe, 0, 30);
            for (int64_t bin = 0; bin < 30; bin++)
                sees(&world, probe, bin, bin >= 10 && bin < 20 ? cases[i].during[probe] : ok, cases[i].confidence);
        }
        judge(&world, "XD-N", 30);
        assert_int_equal(world.detection.event_count, cases[i].event_count);
        if (cases[i].event_count > 0) {
            const struct event *event = &world.detection.events[0];
            assert_int_equal(event->kind, EVENT_SERVICE_BLOCKING);
            assert_int_equal(event->state, cases[i].state);
            assert_int_equal(event->asn, cases[i].asn);
            assert_string_equal(event->subject, "news.example");
            assert_int_equal(event->verdict.layer, LAYER_TLS);
            assert_string_equal(event->verdict.method, "connection_reset");
            assert_int_equal(bin_of(&world, event->onset_earliest_us), 9);
            assert_int_equal(bin_of(&world, event->onset_latest_us), 10);
            assert_int_equal(bin_of(&world, event->end_earliest_us), 19);
            assert_int_equal(bin_of(&world, event->end_latest_us), 20);
        }
        world_end(&world);
    }
}

/* A third of the probes collude; they stand in two small networks of their own, where most say what they say. */
static void test_colluding_probes_confirm_nothing(void **state)
{
    (void)state;
    static const struct vantage twelve[] = {
        {64501, ACCESS_FIXED, "XD-N"},  {64501, ACCESS_FIXED, "XD-N"},  {64501, ACCESS_MOBILE, "XD-N"},
        {64501, ACCESS_FIXED, "XD-N"},  {64501, ACCESS_MOBILE, "XD-N"}, {64501, ACCESS_FIXED, "XD-N"},
        {64502, ACCESS_FIXED, "XD-N"},  {64502, ACCESS_MOBILE, "XD-N"}, {64502, ACCESS_FIXED, "XD-N"},
        {64503, ACCESS_MOBILE, "XD-N"}, {64503, ACCESS_FIXED, "XD-N"},  {64501, ACCESS_FIXED, "XD-N"},
    };
    static const struct {
        const char *liars; /* one digit a probe */
        bool is_confirmed;
    } cases[] = {
        {"000000011110", false}, {"000000111000", false}, {"111100000000", false}, {"000000000110", false},
        {"101010100000", false}, {"111111111111", true},  {"000000111111", false}, {"000011111111", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world = WORLD(2, twelve);
        bool is_confirmed = false;
        for (size_t probe = 0; probe < 12; probe++) {
            works(&world, probe, 0, 30);
            for (int64_t bin = 0; bin < 30; bin++)
                sees(&world, probe, bin,
                     cases[i].liars[probe] == '1' && bin >= 10 && bin < 20 ? OUTCOME_BLOCKED : OUTCOME_OK,
                     CONFIDENCE_CERTAIN);
        }
        judge(&world, "XD-N", 30);
        for (size_t j = 0; j < world.detection.event_count; j++)
            is_confirmed = is_confirmed || world.detection.events[j].state == REGION_CONFIRMED;
        if (is_confirmed != cases[i].is_confirmed)
            fail_msg("case %s", cases[i].liars);
        world_end(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_blocking_table),
                                        cmocka_unit_test(test_colluding_probes_confirm_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
