/* The simulated world and its files: repeatable, bounded, read back as written.
 * Owner: worlds, findings and a temporary folder live for one test.
 * Why: an error rate means something only if the same seed gives the same world everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/simulate/device.h"
#include "collector/simulate/fleet.h"
#include "collector/simulate/fleet_bundles.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/bundle.h"

static char folder[64];

static int folder_setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/dialtone-simulate-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int folder_teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void path_of(const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", folder, name);
}

static struct plan small_plan(int64_t seed)
{
    struct plan plan = plan_default();
    plan.probe_count = 60;
    plan.region_count = 5;
    plan.day_count = 20;
    plan.seed = seed;
    return plan;
}

static void findings_of(int64_t seed, struct findings *out)
{
    struct plan plan = small_plan(seed);
    struct world world;
    struct fleet_options options = fleet_options_default();
    assert_int_equal(world_make(&plan, &world, NULL), STATUS_OK);
    assert_int_equal(fleet_run(&world, &options, out, NULL), STATUS_OK);
    world_free(&world);
}

static void test_same_seed_same_events(void **state)
{
    (void)state;
    struct findings first, second, other;
    findings_of(11, &first);
    findings_of(11, &second);
    findings_of(12, &other);
    assert_true(first.count > 0);
    assert_int_equal(first.count, second.count);
    assert_int_equal(first.row_count, second.row_count);
    for (size_t i = 0; i < first.count; i++)
        assert_memory_equal(&first.items[i].event, &second.items[i].event, sizeof first.items[i].event);
    assert_int_not_equal(first.row_count, other.row_count);
    findings_free(&first);
    findings_free(&second);
    findings_free(&other);
}

static void test_shares_of_the_fleet(void **state)
{
    (void)state;
    struct plan plan = plan_default();
    struct world world;
    size_t types[3] = {0}, networks[3] = {0};
    plan.probe_count = 3000;
    plan.region_count = 10;
    assert_int_equal(world_make(&plan, &world, NULL), STATUS_OK);
    size_t newcomers = 0, leavers = 0;
    for (size_t i = 0; i < world.device_count; i++) {
        if (world.devices[i].join_us > world.start_us) {
            newcomers++;
            continue;
        }
        leavers += world.devices[i].leave_us < world.end_us;
        types[world.devices[i].type]++;
        networks[world.devices[i].network]++;
    }
    assert_in_range(types[DEVICE_ROUTER], 1190, 1210);
    assert_in_range(types[DEVICE_DESKTOP], 740, 760);
    assert_in_range(types[DEVICE_PHONE], 1040, 1060);
    assert_in_range(networks[0], 1450, 1550);
    assert_in_range(networks[2], 550, 650);
    assert_in_range(leavers, 800, 1000);
    assert_in_range(newcomers, leavers * 8 / 10, leavers);
    world_free(&world);
}

/* During a full shutdown hit devices that are on fail, and none of them reaches the collector. */
static void test_scenario_makes_what_it_says(void **state)
{
    (void)state;
    char path[128];
    static const char text[] = "{\"probes\": 40, \"regions\": 2, \"days\": 6, \"random\": false, \"incidents\":"
                               " [{\"region\": 1, \"kind\": \"full_shutdown\", \"from\": 72, \"until\": 78}]}";
    path_of("scenario.json", path);
    assert_int_equal(file_publish(path, text, strlen(text), 0644, NULL), STATUS_OK);
    struct plan plan = plan_default();
    assert_int_equal(scenario_read(path, &plan, NULL), STATUS_OK);
    assert_int_equal(plan.extra_count, 1);
    struct world world;
    assert_int_equal(world_make(&plan, &world, NULL), STATUS_OK);
    size_t failed = 0, worked = 0, live = 0;
    int64_t bin_us = 600 * US_PER_S, middle_us = (WORLD_START_S + 75 * 3600) * US_PER_S;
    for (size_t i = 20; i < 40; i++)
        for (int64_t at_us = world.start_us; at_us <= middle_us; at_us += bin_us) {
            struct active active;
            struct reading reading;
            world.regions[1].first_active = 0;
            active_find(&world.regions[1], at_us, at_us + bin_us, &active);
            device_read(&world, &world.devices[i], &active, at_us, bin_us, &reading);
            if (at_us < middle_us - bin_us / 2)
                continue;
            failed += reading.sign.kind == SIGN_CUT;
            worked += reading.sign.kind == SIGN_OK;
            live += reading.sign.kind == SIGN_CUT && reading.is_live;
        }
    assert_true(failed >= 5);
    assert_true(worked <= 2);
    assert_int_equal(live, 0);
    world_free(&world);
}

static void test_bad_scenarios(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "{\"probes\": 0}",
        "{\"probes\": 1000000000}",
        "{\"liar_share\": 2}",
        "{\"wrong_clock_s\": 99999}",
        "{\"incidents\": [{}]}",
        "{\"incidents\": [{\"kind\": \"full_shutdown\", \"from\": 5, \"until\": 5}]}",
        "{\"incidents\": [{\"kind\": \"full_shutdown\", \"from\": 5, \"until\": 6, \"region\": 30}]}",
        "{\"incidents\": [{\"kind\": \"full_shutdown\", \"from\": -5, \"until\": 6}]}",
        "{\"incidents\": [{\"kind\": \"nothing\", \"from\": 5, \"until\": 6}]}",
        "{\"incidents\": [7]}",
    };
    char path[128];
    path_of("bad.json", path);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct plan plan = plan_default();
        struct why why = {""};
        assert_int_equal(file_publish(path, texts[i], strlen(texts[i]), 0644, NULL), STATUS_OK);
        assert_int_equal(scenario_read(path, &plan, &why), STATUS_MALFORMED);
        assert_true(strlen(why.text) > 10);
        plan_free(&plan);
    }
}

static void test_files_read_back(void **state)
{
    (void)state;
    char truth_path[128], events_path[128];
    path_of("truth.json", truth_path);
    path_of("events.json", events_path);
    struct plan plan = small_plan(5);
    struct world world;
    struct truth truth, truth_again;
    struct findings findings, again;
    struct fleet_options options = fleet_options_default();
    assert_int_equal(world_make(&plan, &world, NULL), STATUS_OK);
    assert_int_equal(truth_of_world(&world, &truth), STATUS_OK);
    assert_int_equal(fleet_run(&world, &options, &findings, NULL), STATUS_OK);
    assert_int_equal(truth_write(&truth, truth_path, NULL), STATUS_OK);
    assert_int_equal(findings_write(&findings, events_path, NULL), STATUS_OK);
    assert_int_equal(truth_read(truth_path, &truth_again, NULL), STATUS_OK);
    assert_int_equal(findings_read(events_path, &again, NULL), STATUS_OK);
    assert_int_equal(truth.count, truth_again.count);
    for (size_t i = 0; i < truth.count; i++) {
        assert_string_equal(truth.items[i].region, truth_again.items[i].region);
        assert_int_equal(truth.items[i].incident.kind, truth_again.items[i].incident.kind);
        assert_int_equal(truth.items[i].incident.from_us / US_PER_S, truth_again.items[i].incident.from_us / US_PER_S);
    }
    assert_int_equal(truth.plan.seed, truth_again.plan.seed);
    assert_int_equal(findings.count, again.count);
    for (size_t i = 0; i < again.count; i++) {
        assert_int_equal(findings.items[i].view, again.items[i].view);
        assert_int_equal(findings.items[i].event.kind, again.items[i].event.kind);
        assert_int_equal(findings.items[i].event.state, again.items[i].event.state);
        assert_int_equal(findings.items[i].event.end_latest_us / US_PER_S, again.items[i].event.end_latest_us / US_PER_S);
    }
    truth_free(&truth);
    truth_free(&truth_again);
    findings_free(&findings);
    findings_free(&again);
    world_free(&world);
}

/* From the truth alone the same world runs again, with what a scenario listed; a truth of another world is refused. */
static void test_truth_runs_again(void **state)
{
    (void)state;
    static const char scenario[] =
        "{\"probes\": 24, \"regions\": 2, \"days\": 12, \"seed\": 3, \"random\": true, \"incidents\": ["
        "{\"region\": 1, \"kind\": \"full_shutdown\", \"from\": 150.3333, \"until\": 156},"
        "{\"region\": 0, \"kind\": \"operator_outage\", \"network\": 2, \"from\": 100, \"until\": 106},"
        "{\"kind\": \"collector_fault\", \"from\": 200, \"until\": 203}]}";
    char scenario_path[128], truth_path[128];
    path_of("again-scenario.json", scenario_path);
    path_of("again-truth.json", truth_path);
    struct plan plan = plan_default(), planned;
    struct world world, again;
    struct truth truth, read;
    struct findings findings[2];
    struct fleet_options options = fleet_options_default();
    struct why why = {""};
    assert_int_equal(file_publish(scenario_path, scenario, strlen(scenario), 0644, NULL), STATUS_OK);
    assert_int_equal(scenario_read(scenario_path, &plan, NULL), STATUS_OK);
    assert_int_equal(world_make(&plan, &world, NULL), STATUS_OK);
    assert_int_equal(truth_of_world(&world, &truth), STATUS_OK);
    assert_int_equal(truth_write(&truth, truth_path, NULL), STATUS_OK);
    assert_int_equal(truth_read(truth_path, &read, NULL), STATUS_OK);
    assert_int_equal(truth_plan(&read, &planned, &why), STATUS_OK);
    assert_int_equal(planned.extra_count, 3);
    assert_int_equal(world_make(&planned, &again, NULL), STATUS_OK);
    assert_int_equal(fleet_run(&world, &options, &findings[0], NULL), STATUS_OK);
    assert_int_equal(fleet_run(&again, &options, &findings[1], NULL), STATUS_OK);
    assert_true(findings[0].count > 0);
    assert_int_equal(findings[0].count, findings[1].count);
    for (size_t i = 0; i < findings[0].count; i++)
        assert_memory_equal(&findings[0].items[i].event, &findings[1].items[i].event, sizeof(struct event));
    assert_true(truth_agrees(&read, &truth));
    read.items[0].incident.from_us += 60 * US_PER_S;
    assert_false(truth_agrees(&read, &truth));
    memcpy(read.items[0].region, "XS-0ZZ", sizeof "XS-0ZZ");
    read.items[0].is_listed = true;
    assert_int_equal(truth_plan(&read, &planned, &why), STATUS_MALFORMED);
    assert_true(strlen(why.text) > 10);
    findings_free(&findings[0]);
    findings_free(&findings[1]);
    truth_free(&truth);
    truth_free(&read);
    world_free(&world);
    world_free(&again);
}

static void test_bundles_are_signed_and_whole(void **state)
{
    (void)state;
    char path[128], probe[32], key_text[64];
    struct plan plan = small_plan(3);
    plan.probe_count = 4;
    plan.region_count = 1;
    plan.day_count = 2;
    struct world world;
    size_t count;
    path_of("bundles", path);
    assert_int_equal(world_make(&plan, &world, NULL), STATUS_OK);
    assert_int_equal(fleet_bundles_write(&world, path, &count, NULL), STATUS_OK);
    assert_true(count >= 2);
    struct buffer list = {0}, packed = {0}, minisig = {0}, lines = {0};
    path_of("bundles/probes.csv", path);
    assert_int_equal(file_read(path, 100000, &list, NULL), STATUS_OK);
    char *text = buffer_take_text(&list);
    assert_int_equal(sscanf(strchr(text, '\n') + 1, "%31[^,],%63[^,]", probe, key_text), 2);
    snprintf(path, sizeof path, "%s/bundles/%s/000001.jsonl.zst", folder, probe);
    assert_int_equal(file_read(path, BUNDLE_PACKED_BYTES_MAX, &packed, NULL), STATUS_OK);
    strcat(path, ".minisig");
    assert_int_equal(file_read(path, MINISIG_BYTES_MAX, &minisig, NULL), STATUS_OK);
    struct public_key key;
    struct bundle_label label;
    assert_int_equal(public_key_parse(key_text, &key), STATUS_OK);
    assert_int_equal(bundle_open(&key, packed.bytes, packed.count, (const char *)minisig.bytes, minisig.count, &label,
                                 &lines, NULL),
                     STATUS_OK);
    assert_int_equal(label.sequence, 1);
    assert_true(label.measurement_count > 10);
    free(text);
    buffer_free(&packed);
    buffer_free(&minisig);
    buffer_free(&lines);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_events),     cmocka_unit_test(test_shares_of_the_fleet),
        cmocka_unit_test(test_scenario_makes_what_it_says), cmocka_unit_test(test_bad_scenarios),
        cmocka_unit_test(test_files_read_back),           cmocka_unit_test(test_truth_runs_again),
        cmocka_unit_test(test_bundles_are_signed_and_whole),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
