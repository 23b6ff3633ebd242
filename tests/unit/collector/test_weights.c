/* How far whose word goes: what a discount does to a judgement, and where discounts come from.
 * Owner: each test's world owns its rows; the last ones have a data folder of their own.
 * Why: many keys of one owner must not confirm what two people would, and whole voices must count as they always did. */
#include "tests/unit/collector/detect_world.h"

#include "collector/trust/ledger.h"
#include "collector/trust/trust.h"
#include "collector/trust/weights.h"
#include "tests/unit/collector/fixture.h"

#define KEY_A "0123456789abcdef"
#define KEY_B "fedcba9876543210"

static void presence_discount(struct world *world, const double *weights)
{
    char name[KEY_NAME_BYTES];
    for (size_t i = 0; i < world->presence_count; i++)
        for (size_t probe = 0; probe < world->vantage_count; probe++) {
            probe_name(probe, name);
            if (strcmp(world->presence[i].probe, name) == 0)
                world->presence[i].discount = 1 - weights[probe];
        }
}

static void sightings_discount(struct world *world, const double *weights)
{
    char name[KEY_NAME_BYTES];
    for (size_t i = 0; i < world->sighting_count; i++)
        for (size_t probe = 0; probe < world->vantage_count; probe++) {
            probe_name(probe, name);
            if (strcmp(world->sightings[i].probe, name) == 0)
                world->sightings[i].discount = 1 - weights[probe];
        }
}

/* The fleet: three probes of one network, three of another, two of a third. */
#define FLEET 8
struct weighed_case {
    const char *name;
    double weights[FLEET];
    enum region_state state; /* of the one event; OK: there is none */
};

static enum region_state judged_state(struct world *world, int64_t now_bin)
{
    judge(world, "XD-N", now_bin);
    return world->detection.event_count > 0 ? world->detection.events[0].state : REGION_OK;
}

static void test_a_cut_is_confirmed_by_whole_voices(void **state)
{
    static const struct weighed_case cases[] = {
        {"all whole", {1, 1, 1, 1, 1, 1, 1, 1}, REGION_CONFIRMED},
        {"half voices, and enough of them in each network", {.5, .5, .5, .5, .5, .5, .5, .5}, REGION_CONFIRMED},
        {"a tenth each: eight are less than one", {.1, .1, .1, .1, .1, .1, .1, .1}, REGION_OK},
        {"one network whole, the others of no weight to speak of", {1, 1, 1, .01, .01, .01, .01, .01}, REGION_OK},
        {"two whole voices in two networks", {1, .01, .01, 1, .01, .01, .01, .01}, REGION_CONFIRMED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world = WORLD(2, fleet);
        for (size_t probe = 0; probe < FLEET; probe++) {
            works(&world, probe, 0, 20);
            fails(&world, probe, 20, 60, CONNECTIVITY_FULL_SHUTDOWN);
        }
        presence_discount(&world, cases[i].weights);
        enum region_state found = judged_state(&world, 60);
        if (cases[i].state == REGION_CONFIRMED ? found != REGION_CONFIRMED : found == REGION_CONFIRMED)
            fail_msg("%s: %s", cases[i].name, region_state_name(found));
        world_end(&world);
    }
}

/* Light keys cannot shout a cut down, whole ones can. */
static void test_witnesses_weigh_too(void **state)
{
    static const struct weighed_case cases[] = {
        {"as many whole voices say that it works", {1, 1, 1, 1, 1, 1, 1, 1}, REGION_OK},
        {"those who say that it works weigh little", {1, .05, .05, 1, .05, .05, .05, 1}, REGION_CONFIRMED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world = WORLD(2, fleet);
        for (size_t probe = 0; probe < FLEET; probe++) {
            works(&world, probe, 0, 20);
            if (cases[1].weights[probe] >= 1)
                fails(&world, probe, 20, 60, CONNECTIVITY_FULL_SHUTDOWN);
            else
                works(&world, probe, 20, 60);
        }
        presence_discount(&world, cases[i].weights);
        enum region_state found = judged_state(&world, 60);
        if (cases[i].state == REGION_CONFIRMED ? found != REGION_CONFIRMED : found == REGION_CONFIRMED)
            fail_msg("%s: %s", cases[i].name, region_state_name(found));
        world_end(&world);
    }
}

static void test_blocking_weighs(void **state)
{
    static const struct weighed_case cases[] = {
        {"all whole", {1, 1, 1, 1, 1, 1, 1, 1}, REGION_CONFIRMED},
        {"a tenth each", {.1, .1, .1, .1, .1, .1, .1, .1}, REGION_OK},
        {"one network whole", {1, 1, 1, .01, .01, .01, .01, .01}, REGION_OK},
        {"two whole voices in two networks", {1, .01, .01, 1, .01, .01, .01, .01}, REGION_CONFIRMED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world = WORLD(600, fleet);
        for (size_t probe = 0; probe < FLEET; probe++)
            for (int64_t bin = 10; bin < 14; bin++)
                sees(&world, probe, bin, OUTCOME_BLOCKED, CONFIDENCE_STRONG);
        sightings_discount(&world, cases[i].weights);
        enum region_state found = judged_state(&world, 20);
        if (cases[i].state == REGION_CONFIRMED ? found != REGION_CONFIRMED : found == REGION_CONFIRMED)
            fail_msg("%s: %s", cases[i].name, region_state_name(found));
        world_end(&world);
    }
}

/* Probes of little weight do not make a region's silence expected, nor paint it green. */
static void test_sight_needs_weight(void **state)
{
    static const double light[FLEET] = {.1, .1, .1, .1, .1, .1, .1, .1};
    (void)state;
    struct world world = WORLD(2, fleet);
    for (size_t probe = 0; probe < FLEET; probe++)
        works(&world, probe, 0, 30);
    judge(&world, "XD-N", 30);
    assert_int_equal(state_at(&world, 20), REGION_OK);
    presence_discount(&world, light);
    judge(&world, "XD-N", 30);
    assert_int_equal(state_at(&world, 20), REGION_BLIND);
    world_end(&world);
}

struct rig {
    char *path;
    struct collector_folder folder;
    struct trust *trust;
};

static int setup(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct trust_config config = trust_config_default();
    struct why why = {""};
    rig->path = fixture_folder();
    assert_int_equal(collector_folder_open(rig->path, 60, &rig->folder, &why), STATUS_OK);
    assert_int_equal(trust_open(&rig->folder, &config, false, &rig->trust, &why), STATUS_OK);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    trust_free(rig->trust);
    collector_folder_close(&rig->folder);
    fixture_folder_free(rig->path);
    free(rig);
    return 0;
}

static struct weights *read_now(struct rig *rig)
{
    struct weights *weights = NULL;
    struct why why = {""};
    assert_int_equal(weights_read(&rig->folder, &weights, &why), STATUS_OK);
    return weights;
}

#define ABOUT(value, wanted) assert_true((value) > (wanted) - 1e-9 && (value) < (wanted) + 1e-9)

static void test_revocation_is_weight_nothing(void **state)
{
    struct rig *rig = *state;
    struct why why = {""};
    assert_null(read_now(rig));
    ABOUT(weights_of(NULL, KEY_A, 64500, 100), 1);
    assert_int_equal(trust_revoke(rig->trust, KEY_A, 100 * US_PER_S, "", &why), STATUS_OK);
    struct weights *weights = read_now(rig);
    ABOUT(weights_of(weights, KEY_A, 64500, 99), 1);
    ABOUT(weights_of(weights, KEY_A, 64500, 100), 0);
    ABOUT(weights_of(weights, KEY_B, 64500, 100), 1);
    weights_free(weights);
    assert_int_equal(trust_restore(rig->trust, KEY_A, &why), STATUS_OK);
    assert_null(read_now(rig));
}

static void test_key_times_network(void **state)
{
    struct rig *rig = *state;
    struct why why = {""};
    assert_int_equal(trust_weigh(rig->trust, KEY_A, 0, 50, "one owner", &why), STATUS_OK);
    assert_int_equal(trust_weigh(rig->trust, NULL, 64500, 40, "", &why), STATUS_OK);
    assert_int_equal(trust_weigh(rig->trust, NULL, 64501, 0, "", &why), STATUS_OK);
    struct weights *weights = read_now(rig);
    ABOUT(weights_of(weights, KEY_A, 64502, 0), .5);
    ABOUT(weights_of(weights, KEY_A, 64500, 0), .2);
    ABOUT(weights_of(weights, KEY_B, 64500, 0), .4);
    struct presence rows[3] = {{.probe = KEY_A, .asn = 64501}, {.probe = KEY_B, .asn = 64502}, {.probe = KEY_A, .asn = 64502}};
    assert_int_equal(weights_presence(weights, rows, 3), 2); /* weight 0: kept in the store, not counted */
    assert_string_equal(rows[0].probe, KEY_B);
    ABOUT(rows[0].discount, 0);
    ABOUT(rows[1].discount, .5);
    struct sighting seen[2] = {{.probe = KEY_B, .asn = 64501}, {.probe = KEY_B, .asn = 64500}};
    assert_int_equal(weights_sightings(weights, seen, 2), 1);
    ABOUT(seen[0].discount, .6);
    weights_free(weights);
    assert_int_equal(trust_weigh(rig->trust, KEY_A, 0, 100, "", &why), STATUS_OK); /* the last word holds */
    weights = read_now(rig);
    ABOUT(weights_of(weights, KEY_A, 64502, 0), 1);
    weights_free(weights);
}

/* Or a light key would grow heavy by naming another. */
static void test_successors_inherit(void **state)
{
    (void)state;
    struct ledger ledger = {.probes = NULL};
    struct trust_statement said[] = {
        {.kind = STATEMENT_ROTATE, .time_us = 1, .probe = KEY_A, .successor = KEY_B},
        {.kind = STATEMENT_WEIGH, .time_us = 2, .probe = KEY_A, .weight_percent = 25},
        {.kind = STATEMENT_WEIGH, .time_us = 3, .probe = KEY_B, .weight_percent = 75},
    };
    assert_int_equal(ledger_add(&ledger, &said[0]), STATUS_OK);
    ABOUT(ledger_weight(&ledger, KEY_B), 1);
    assert_int_equal(ledger_add(&ledger, &said[1]), STATUS_OK);
    ABOUT(ledger_weight(&ledger, KEY_B), .25);
    assert_int_equal(ledger_add(&ledger, &said[2]), STATUS_OK);
    ABOUT(ledger_weight(&ledger, KEY_A), .25);
    ABOUT(ledger_weight(&ledger, KEY_B), .75);
    ledger_free(&ledger);
}

static void test_bad_weights_say_nothing(void **state)
{
    static const char *const texts[] = {
        "{\"kind\":\"weigh\",\"probe\":\"" KEY_A "\"}",
        "{\"kind\":\"weigh\",\"probe\":\"" KEY_A "\",\"percent\":101}",
        "{\"kind\":\"weigh\",\"probe\":\"" KEY_A "\",\"percent\":-1}",
        "{\"kind\":\"weigh\",\"probe\":\"" KEY_A "\",\"asn\":5,\"percent\":50}",
        "{\"kind\":\"weigh\",\"probe\":\"\",\"asn\":4294967296,\"percent\":50}",
        "{\"kind\":\"weigh\",\"percent\":50}",
    };
    struct trust_statement statement = {.kind = STATEMENT_WEIGH, .time_us = 7, .asn = 64500, .weight_percent = 33};
    struct trust_statement again;
    struct buffer text = {0};
    char id[STATEMENT_ID_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(statement_read(texts[i], strlen(texts[i]), &again), STATUS_MALFORMED);
    assert_int_equal(statement_write(&statement, &text, id), STATUS_OK);
    assert_int_equal(statement_read((const char *)text.bytes, text.count, &again), STATUS_OK);
    assert_memory_equal(&again, &statement, sizeof again);
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cut_is_confirmed_by_whole_voices),
        cmocka_unit_test(test_witnesses_weigh_too),
        cmocka_unit_test(test_blocking_weighs),
        cmocka_unit_test(test_sight_needs_weight),
        cmocka_unit_test_setup_teardown(test_revocation_is_weight_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_times_network, setup, teardown),
        cmocka_unit_test(test_successors_inherit),
        cmocka_unit_test(test_bad_weights_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
