/* Scenario files: what they mean, what is wrong with them, and whether an expectation holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "measurement/base/clock.h"
#include "measurement/base/json.h"
#include "tests/lab/scenario.h"

static struct scenario *scenario_of(const char *text, enum status expected, struct why *why)
{
    struct scenario *scenario = calloc(1, sizeof *scenario);
    assert_non_null(scenario);
    enum status status = scenario_parse(text, strlen(text), scenario, why);
    if (status != expected)
        fail_msg("%s: %s", text, why->text);
    return scenario;
}

static void test_a_whole_file(void **state)
{
    (void)state;
    struct why why = {0};
    struct scenario *scenario =
        scenario_of("# a comment\n\ntitle Two clients\nclient a delay=20ms loss=0.5\r\n"
                    "client b rate=2000000\n  rule client=b CutEverything()\n"
                    "at 5s remove 7\nat 1.5s add 7 DropUDPPort(Port=443)\n"
                    "measure client=b --timeout 2s https://www.example.com/\nlimit 10s\ntruth blocked dns\n"
                    "expect blocking=offline|unknown layer=null\nmeasure x\n",
                    STATUS_OK, &why);
    assert_string_equal(scenario->title, "Two clients");
    assert_int_equal(scenario->client_count, 2);
    assert_int_equal(scenario->clients[0].down.delay_us, 20000);
    assert_true(scenario->clients[0].up.loss > 0.49);
    assert_int_equal(scenario->clients[1].up.rate_bits_s, 2000000);
    assert_int_equal(scenario->change_count, 3);
    assert_true(scenario->changes[0].at_us < 0);
    assert_int_equal(scenario->changes[0].clients, 2);
    assert_int_equal(scenario->changes[1].at_us, 1500000);
    assert_true(scenario->changes[2].is_removal);
    assert_int_equal(scenario->limit_us, 10 * US_PER_S);
    assert_int_equal(scenario->measure_count, 2);
    assert_int_equal(scenario->measures[0].client, 1);
    assert_string_equal(scenario->measures[0].arguments, "--timeout 2s https://www.example.com/");
    assert_int_equal(scenario->measures[0].expect_count, 2);
    assert_int_equal(scenario->measures[1].client, 0);
    assert_string_equal(scenario->measures[0].truth, "blocked dns");
    assert_string_equal(scenario->measures[1].truth, "");
    assert_true(scenario->has_collector && !scenario->needs_quic);
    assert_int_equal(scenario->seed, 1);
    free(scenario);
}

static void test_a_client_of_its_own_kind(void **state)
{
    (void)state;
    struct why why = {0};
    struct scenario *scenario = scenario_of(
        "seed 7\nneeds quic\nclient a mtu=256\nclient b clock=-48h\nclient c clock=+40d\nmeasure x\n",
        STATUS_OK, &why);
    assert_int_equal(scenario->seed, 7);
    assert_true(scenario->needs_quic);
    assert_int_equal(scenario->client_count, 3);
    assert_int_equal(scenario->clients[0].mtu, 256);
    assert_string_equal(scenario->clients[0].address6, "");
    assert_true(scenario->clients[1].has_own_clock && !scenario->clients[0].has_own_clock);
    assert_true(scenario->clients[1].clock_skew_us == -48 * 3600 * US_PER_S);
    assert_true(scenario->clients[2].clock_skew_us == 40 * 86400 * US_PER_S);
    free(scenario);
}

static void test_wrong_lines_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place;
    } cases[] = {
        {"", "no measure"},
        {"title x\n", "no measure"},
        {"measure\n", "line 1"},
        {"\nexpect blocking=ok\n", "line 2"},
        {"rule Nonsense()\nmeasure x\n", "line 1"},
        {"rule client=who CutEverything()\nmeasure x\n", "line 1"},
        {"at soon add 1 CutEverything()\nmeasure x\n", "line 1"},
        {"at 1s add CutEverything()\nmeasure x\n", "line 1"},
        {"at 1s add 1000 CutEverything()\nmeasure x\n", "line 1"},
        {"measure x\nexpect blocking\n", "line 2"},
        {"client a delay\nmeasure x\n", "line 1"},
        {"client a loss=2\nmeasure x\n", "line 1"},
        {"collector maybe\nmeasure x\n", "line 1"},
        {"measure x\nwhatever\n", "line 2"},
        {"truth ok\nmeasure x\n", "line 1"},
        {"measure x\ntruth perhaps\n", "line 2"},
        {"client a mtu=5\nmeasure x\n", "line 1"},
        {"client a clock=soon\nmeasure x\n", "line 1"},
        {"seed x\nmeasure x\n", "line 1"},
        {"needs luck\nmeasure x\n", "line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct why why = {0};
        struct scenario *scenario = scenario_of(cases[i].text, STATUS_MALFORMED, &why);
        if (!strstr(why.text, cases[i].place))
            fail_msg("%s: %s", cases[i].text, why.text);
        free(scenario);
    }
}

static void test_expectations(void **state)
{
    (void)state;
    static const char text[] =
        "{\"test_keys\":{\"blocking\":false,\"n\":3,\"p\":0.5,\"none\":null,\"list\":[{\"a\":1},{\"a\":2}],"
        "\"x_dialtone\":{\"verdict\":{\"blocking\":\"ok\",\"layer\":null}}}}";
    static const struct {
        struct scenario_expect expect;
        bool holds;
    } cases[] = {
        {{"blocking", "ok"}, true},
        {{"blocking", "blocked|ok"}, true},
        {{"blocking", "o"}, false},
        {{"blocking", "okay"}, false},
        {{"layer", "null"}, true},
        {{"layer", "dns"}, false},
        {{"method", "null"}, false},
        {{"method", "absent"}, true},
        {{"test_keys.blocking", "false"}, true},
        {{"test_keys.n", "3"}, true},
        {{"test_keys.p", "0.5"}, true},
        {{"test_keys.none", "null"}, true},
        {{"test_keys.n.deeper", "3"}, false},
        {{"test_keys.list", ""}, false},
        {{"test_keys.list.1.a", "2"}, true},
        {{"test_keys.list.2.a", "absent"}, true},
        {{"test_keys.list.a.a", "1"}, false},
        {{"test_keys.list..a", "1"}, false},
        {{"nowhere", "absent"}, true},
    };
    json_t *record = NULL;
    struct why why = {0};
    assert_int_equal(json_read(text, sizeof text - 1, &record, &why), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (scenario_expect_holds(&cases[i].expect, record, &why) != cases[i].holds)
            fail_msg("%s=%s", cases[i].expect.key, cases[i].expect.values);
    json_decref(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_file),
        cmocka_unit_test(test_a_client_of_its_own_kind),
        cmocka_unit_test(test_wrong_lines_are_named),
        cmocka_unit_test(test_expectations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
