/* What the suites for stores share: an opened store, rows to put, rows gathered. */
#ifndef TESTS_UNIT_COLLECTOR_STORE_FIXTURE_H
#define TESTS_UNIT_COLLECTOR_STORE_FIXTURE_H

#include "tests/unit/collector/clickhouse_fixture.h"
#include "tests/unit/collector/fixture.h"

#include "collector/store/store.h"

#define BIN_S 600

struct opened {
    const struct store *store;
    char *folder;
    struct store_handle *handle;
    int64_t bin_length_s;
};

static inline int setup(void **state)
{
    struct opened *opened = *state;
    struct why why = {""};
    opened->folder = fixture_folder();
    opened->bin_length_s = BIN_S;
    if (opened->store->check_address) {
        clickhouse_fixture_choose(opened->folder);
    }
    assert_int_equal(opened->store->open(opened->folder, false, &opened->bin_length_s, &opened->handle, &why),
                     STATUS_OK);
    return 0;
}

/* Whether the suite can run: a store that has a server of its own needs it installed. */
static inline bool store_is_testable(const struct store *store)
{
    if (!store->check_address || clickhouse_fixture_start()) {
        print_message("store %s\n", store->name);
        return true;
    }
    print_message("store %s: skipped, clickhouse-server is not installed\n", store->name);
    return false;
}

static inline int teardown(void **state)
{
    struct opened *opened = *state;
    opened->store->close(opened->handle);
    fixture_folder_free(opened->folder);
    opened->handle = NULL;
    return 0;
}

/* An observation that `n` makes different from others. */
static inline struct observation observation_of(int n, const char *country, const char *subdivision,
                                                const char *probe)
{
    struct observation observation = {.time_us = FIXTURE_TIME_US + n * US_PER_S,
                                      .is_signed = true,
                                      .asn = 64500,
                                      .access = ACCESS_MOBILE,
                                      .verdict = {.outcome = OUTCOME_OK}};
    sha256(&n, sizeof n, observation.identity);
    snprintf(observation.probe, sizeof observation.probe, "%s", probe);
    snprintf(observation.country, sizeof observation.country, "%s", country);
    snprintf(observation.subdivision, sizeof observation.subdivision, "%s", subdivision);
    snprintf(observation.test_name, sizeof observation.test_name, "web_connectivity");
    snprintf(observation.input, sizeof observation.input, "https://example.org/");
    snprintf(observation.subject, sizeof observation.subject, "example.org");
    return observation;
}

static inline struct store_bundle bundle_of(uint8_t hash, const char *probe, int64_t sequence)
{
    struct store_bundle bundle = {.hash = {hash},
                                  .is_signed = true,
                                  .label = {.sequence = sequence,
                                            .previous_hash = {1, 2},
                                            .start_us = 5,
                                            .end_us = 9,
                                            .boot_id = "boot",
                                            .measurement_count = 3},
                                  .received_us = FIXTURE_TIME_US + 7};
    snprintf(bundle.probe, sizeof bundle.probe, "%s", probe);
    snprintf(bundle.public_key, sizeof bundle.public_key, "key of %s", probe);
    return bundle;
}

static inline struct store_put_result put(struct opened *opened, uint8_t hash, const char *probe,
                                          int64_t sequence, const struct observation *observations,
                                          size_t count)
{
    struct store_bundle bundle = bundle_of(hash, probe, sequence);
    struct store_put_result result = {0};
    struct why why = {""};
    enum status status =
        store_put_one(opened->store, opened->handle, &bundle, observations, count, &result, &why);
    if (status != STATUS_OK) {
        fail_msg("put_bundles: %s: %s", status_name(status), why.text);
    }
    return result;
}

/* Gathers rows of any kind. */
struct gathered {
    size_t count;
    union {
        struct presence presence[64];
        struct sighting sightings[64];
        struct store_measurement measurements[64];
        struct store_region regions[64];
        struct bin_state states[64];
        struct event events[64];
        struct {
            char region[REGION_BYTES];
            int64_t first_us;
        } dirty[64];
    } rows;
};

#define GATHERER(name, type, member)                                                                         \
    static inline enum status name(const type *row, void *arg)                                               \
    {                                                                                                        \
        struct gathered *gathered = arg;                                                                     \
        assert_true(gathered->count < 64);                                                                   \
        gathered->rows.member[gathered->count++] = *row;                                                     \
        return STATUS_OK;                                                                                    \
    }
GATHERER(gather_presence, struct presence, presence)
GATHERER(gather_sighting, struct sighting, sightings)
GATHERER(gather_measurement, struct store_measurement, measurements)
GATHERER(gather_region, struct store_region, regions)
GATHERER(gather_state, struct bin_state, states)
GATHERER(gather_event, struct event, events)

static inline enum status gather_dirty(const char *region, int64_t first_us, void *arg)
{
    struct gathered *gathered = arg;
    gathered->rows.dirty[gathered->count].first_us = first_us;
    snprintf(gathered->rows.dirty[gathered->count++].region, REGION_BYTES, "%s", region);
    return STATUS_OK;
}

static inline struct gathered *presence_of(struct opened *opened, const char *region, struct store_span span)
{
    struct gathered *gathered = calloc(1, sizeof *gathered);
    assert_int_equal(opened->store->each_presence(opened->handle, region, span, gather_presence, gathered),
                     STATUS_OK);
    return gathered;
}

#endif
