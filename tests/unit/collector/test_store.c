/* One suite for every store in the registry: the guarantees of store.h on bundles, cells and reads.
 * Owner: each test has a folder of its own.
 * Why: a second backend is right when it passes what the first one passes. */
#include "tests/unit/collector/store_fixture.h"

static void test_put_and_find(void **state)
{
    struct opened *opened = *state;
    struct observation rows[] = {observation_of(1, "XD", "XD-N", "p1"),
                                 observation_of(2, "XD", "XD-N", "p1")};
    struct store_put_result result = put(opened, 1, "p1", 1, rows, 2);
    assert_int_equal(result.log_index, 0);
    assert_int_equal(result.accepted_count, 2);
    assert_int_equal(result.duplicate_count, 0);
    assert_false(result.is_duplicate_bundle);
    struct store_bundle bundle;
    uint8_t hash[SHA256_BYTES] = {1};
    assert_int_equal(opened->store->find_bundle(opened->handle, NULL, hash, &bundle, &result), STATUS_OK);
    struct store_bundle expected = bundle_of(1, "p1", 1);
    assert_memory_equal(bundle.hash, expected.hash, SHA256_BYTES);
    assert_string_equal(bundle.probe, "p1");
    assert_string_equal(bundle.public_key, expected.public_key);
    assert_true(bundle.is_signed);
    assert_int_equal(bundle.label.sequence, 1);
    assert_memory_equal(bundle.label.previous_hash, expected.label.previous_hash, SHA256_BYTES);
    assert_int_equal(bundle.label.start_us, 5);
    assert_int_equal(bundle.label.end_us, 9);
    assert_string_equal(bundle.label.boot_id, "boot");
    assert_int_equal(bundle.label.measurement_count, 3);
    assert_int_equal(bundle.received_us, FIXTURE_TIME_US + 7);
    assert_int_equal(result.accepted_count, 2);
    uint8_t other[SHA256_BYTES] = {2};
    assert_int_equal(opened->store->find_bundle(opened->handle, NULL, other, &bundle, &result), STATUS_NOT_FOUND);
}

static void test_again_changes_nothing(void **state)
{
    struct opened *opened = *state;
    struct observation rows[] = {observation_of(1, "XD", "XD-N", "p1"), observation_of(2, "XD", "XD-N", "p1"),
                                 observation_of(1, "XD", "XD-N", "p1")};
    struct store_put_result first = put(opened, 1, "p1", 1, rows, 3);
    assert_int_equal(first.accepted_count, 2);
    assert_int_equal(first.duplicate_count, 1);
    struct gathered *before = presence_of(opened, "XD", (struct store_span){0});
    struct store_put_result again = put(opened, 1, "p1", 1, rows, 3);
    assert_true(again.is_duplicate_bundle);
    assert_int_equal(again.log_index, first.log_index);
    assert_int_equal(again.received_us, first.received_us);
    assert_int_equal(again.accepted_count, 0);
    assert_int_equal(again.duplicate_count, 3);
    /* The same measurements in another bundle: the bundle is new, they are not. */
    struct store_put_result other = put(opened, 2, "p1", 2, rows, 2);
    assert_false(other.is_duplicate_bundle);
    assert_int_equal(other.log_index, 1);
    assert_int_equal(other.accepted_count, 0);
    assert_int_equal(other.duplicate_count, 2);
    struct gathered *after = presence_of(opened, "XD", (struct store_span){0});
    assert_int_equal(before->count, 1);
    assert_int_equal(after->count, 1);
    assert_int_equal(after->rows.presence[0].ok_count, 2);
    assert_memory_equal(&before->rows.presence[0], &after->rows.presence[0], sizeof(struct presence));
    free(before);
    free(after);
}

static void test_sequence_conflict(void **state)
{
    struct opened *opened = *state;
    struct observation row = observation_of(1, "XD", "", "p1");
    put(opened, 1, "p1", 1, &row, 1);
    struct observation other = observation_of(2, "XD", "", "p1");
    struct store_bundle bundle = bundle_of(9, "p1", 1);
    struct store_put_result result = {.log_index = -7};
    struct why why = {""};
    assert_int_equal(store_put_one(opened->store, opened->handle, &bundle, &other, 1, &result, &why),
                     STATUS_CONFLICT);
    assert_true(why.text[0] != 0);
    assert_int_equal(result.log_index, -7);
    /* Nothing of it stayed, and the log has no gap. */
    struct gathered *rows = presence_of(opened, "XD", (struct store_span){0});
    assert_int_equal(rows->rows.presence[0].ok_count, 1);
    free(rows);
    assert_int_equal(put(opened, 3, "p2", 1, &other, 1).log_index, 1);
    /* Unsigned bundles have no sequence. */
    struct store_bundle plain = bundle_of(10, "", 0);
    struct store_bundle plain_again = bundle_of(11, "", 0);
    plain.is_signed = plain_again.is_signed = false;
    assert_int_equal(store_put_one(opened->store, opened->handle, &plain, NULL, 0, &result, &why), STATUS_OK);
    assert_int_equal(store_put_one(opened->store, opened->handle, &plain_again, NULL, 0, &result, &why),
                     STATUS_OK);
    assert_int_equal(result.log_index, 3);
}

/* One batch with a new bundle, the same again, one that contradicts it, a known one, and another new one. */
static void test_a_batch_is_judged_one_by_one(void **state)
{
    struct opened *opened = *state;
    struct observation rows[] = {observation_of(1, "XD", "XD-N", "p1"), observation_of(2, "XD", "XD-N", "p1"),
                                 observation_of(3, "XD", "XD-N", "p2"), observation_of(4, "XD", "XD-N", "p2")};
    put(opened, 1, "p1", 1, &rows[0], 1);
    struct store_bundle bundles[] = {bundle_of(2, "p1", 2), bundle_of(2, "p1", 2), bundle_of(3, "p1", 2),
                                     bundle_of(1, "p1", 1), bundle_of(4, "p2", 1)};
    const struct {
        size_t first_row, row_count;
        enum status status;
        int64_t log_index;
        size_t accepted_count, duplicate_count;
        bool is_duplicate_bundle;
    } expected[] = {
        {0, 2, STATUS_OK, 1, 1, 1, false}, {0, 2, STATUS_OK, 1, 0, 2, true}, {2, 1, STATUS_CONFLICT, -7, 0, 0, false},
        {0, 1, STATUS_OK, 0, 0, 1, true},  {1, 3, STATUS_OK, 2, 2, 1, false},
    };
    enum { PUT_COUNT = sizeof expected / sizeof expected[0] };
    struct store_put puts[PUT_COUNT];
    struct why why = {""};
    for (size_t i = 0; i < PUT_COUNT; i++) {
        puts[i] = (struct store_put){.bundle = &bundles[i],
                                     .observations = &rows[expected[i].first_row],
                                     .count = expected[i].row_count,
                                     .status = STATUS_UNSUPPORTED,
                                     .result = {.log_index = -7}};
    }
    assert_int_equal(opened->store->put_bundles(opened->handle, puts, PUT_COUNT, &why), STATUS_OK);
    for (size_t i = 0; i < PUT_COUNT; i++) {
        print_message("put %zu\n", i);
        assert_int_equal(puts[i].status, expected[i].status);
        assert_int_equal(puts[i].why.text[0] != 0, expected[i].status != STATUS_OK);
        assert_int_equal(puts[i].result.log_index, expected[i].log_index);
        assert_int_equal(puts[i].result.accepted_count, expected[i].accepted_count);
        assert_int_equal(puts[i].result.duplicate_count, expected[i].duplicate_count);
        assert_int_equal(puts[i].result.is_duplicate_bundle, expected[i].is_duplicate_bundle);
    }
    struct gathered *presence = presence_of(opened, "XD", (struct store_span){0});
    assert_int_equal(presence->count, 2);
    assert_int_equal(presence->rows.presence[0].ok_count + presence->rows.presence[1].ok_count, 4);
    free(presence);
    assert_int_equal(opened->store->put_bundles(opened->handle, NULL, 0, &why), STATUS_OK);
}

/* What may not be written leaves nothing, and says so of each. */
static void test_a_batch_fails_as_a_whole(void **state)
{
    struct opened *opened = *state;
    struct observation row = observation_of(1, "XD", "XD-N", "p1");
    struct store_bundle bundles[] = {bundle_of(1, "p1", 1), bundle_of(2, "p1", 2)};
    struct store_put puts[] = {{.bundle = &bundles[0], .observations = &row, .count = 1},
                               {.bundle = &bundles[1], .observations = &row, .count = 1}};
    struct store_handle *reader = NULL;
    int64_t bin_length_s = 0;
    struct why why = {""};
    assert_int_equal(opened->store->open(opened->folder, true, &bin_length_s, &reader, &why), STATUS_OK);
    enum status status = opened->store->put_bundles(reader, puts, 2, &why);
    opened->store->close(reader);
    assert_int_not_equal(status, STATUS_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(puts[i].status, status);
        assert_string_equal(puts[i].why.text, why.text);
    }
    assert_int_equal(put(opened, 2, "p1", 2, &row, 1).log_index, 0);
}

struct log_rows {
    size_t count;
    int64_t indexes[8];
    uint8_t hashes[8];
};

static enum status log_gather(const struct store_bundle *row, const struct store_put_result *result, void *arg)
{
    struct log_rows *rows = arg;
    assert_true(rows->count < 8);
    rows->indexes[rows->count] = result->log_index;
    rows->hashes[rows->count++] = row->hash[0];
    return STATUS_OK;
}

static struct log_rows log_of(struct opened *opened, const struct store_bundle_filter *filter)
{
    struct log_rows rows = {0};
    assert_int_equal(opened->store->each_bundle(opened->handle, filter, log_gather, &rows), STATUS_OK);
    return rows;
}

static void test_bundles_in_order(void **state)
{
    struct opened *opened = *state;
    struct observation row = observation_of(1, "XD", "XD-N", "p1");
    put(opened, 7, "p1", 1, &row, 1);
    put(opened, 3, "p2", 1, &row, 1);
    put(opened, 5, "p1", 2, &row, 1);
    struct log_rows rows = log_of(opened, &(struct store_bundle_filter){0});
    assert_int_equal(rows.count, 3);
    assert_memory_equal(rows.hashes, ((uint8_t[]){7, 3, 5}), 3);
    assert_int_equal(rows.indexes[2], 2);
    rows = log_of(opened, &(struct store_bundle_filter){.from_index = 1, .limit = 1});
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.hashes[0], 3);
    rows = log_of(opened, &(struct store_bundle_filter){.probe = "p1"});
    assert_int_equal(rows.count, 2);
    assert_memory_equal(rows.hashes, ((uint8_t[]){7, 5}), 2);
}

/* Each collector numbers its own log; a bundle that two of them took counts once. */
static void test_logs_of_several_collectors(void **state)
{
    struct opened *opened = *state;
    struct observation rows[] = {observation_of(1, "XD", "XD-N", "p1"), observation_of(2, "XD", "XD-N", "p1"),
                                 observation_of(3, "XD", "XD-N", "p1")};
    const struct {
        const char *log;
        uint8_t hash;
        int64_t sequence;
        size_t first_row;
        enum status status;
        int64_t log_index;
        size_t accepted_count;
        bool is_duplicate_bundle;
    } cases[] = {
        {"north", 1, 1, 0, STATUS_OK, 0, 1, false},       {"south", 1, 1, 0, STATUS_OK, 0, 0, false},
        {"south", 2, 2, 1, STATUS_OK, 1, 1, false},       {"north", 2, 2, 1, STATUS_OK, 1, 0, false},
        {"north", 2, 2, 1, STATUS_OK, 1, 0, true},        {"north", 3, 2, 2, STATUS_CONFLICT, -7, 0, false},
        {"south", 4, 3, 2, STATUS_OK, 2, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct store_bundle bundle = bundle_of(cases[i].hash, "p1", cases[i].sequence);
        struct store_put_result result = {.log_index = -7};
        struct why why = {""};
        print_message("log case %zu\n", i);
        snprintf(bundle.log, sizeof bundle.log, "%s", cases[i].log);
        assert_int_equal(store_put_one(opened->store, opened->handle, &bundle, &rows[cases[i].first_row], 1, &result, &why),
                         cases[i].status);
        assert_int_equal(result.log_index, cases[i].log_index);
        assert_int_equal(result.accepted_count, cases[i].accepted_count);
        assert_int_equal(result.is_duplicate_bundle, cases[i].is_duplicate_bundle);
    }
    struct gathered *presence = presence_of(opened, "XD", (struct store_span){0});
    assert_int_equal(presence->count, 1);
    assert_int_equal(presence->rows.presence[0].ok_count, 3);
    free(presence);
    struct log_rows log = log_of(opened, &(struct store_bundle_filter){.log = "north"});
    assert_int_equal(log.count, 2);
    assert_memory_equal(log.hashes, ((uint8_t[]){1, 2}), 2);
    log = log_of(opened, &(struct store_bundle_filter){.log = "south", .from_index = 1});
    assert_int_equal(log.count, 2);
    assert_memory_equal(log.hashes, ((uint8_t[]){2, 4}), 2);
    assert_int_equal(log_of(opened, &(struct store_bundle_filter){.log = "east"}).count, 0);
    assert_int_equal(log_of(opened, &(struct store_bundle_filter){0}).count, 5);
    struct store_bundle bundle;
    struct store_put_result result;
    uint8_t hash[SHA256_BYTES] = {4};
    assert_int_equal(opened->store->find_bundle(opened->handle, "north", hash, &bundle, &result), STATUS_NOT_FOUND);
    assert_int_equal(opened->store->find_bundle(opened->handle, NULL, hash, &bundle, &result), STATUS_OK);
    assert_string_equal(bundle.log, "south");
}

static void test_cells_fold_over_bundles(void **state)
{
    struct opened *opened = *state;
    struct observation rows[5];
    for (int i = 0; i < 5; i++) {
        rows[i] = observation_of(i + 1, "XD", "XD-N", "p1");
    }
    rows[1].verdict = (struct verdict){OUTCOME_BLOCKED, LAYER_TLS, "connection_reset", CONFIDENCE_MEDIUM};
    rows[2].verdict = (struct verdict){OUTCOME_BLOCKED, LAYER_DNS, "dns_forged_answer", CONFIDENCE_CERTAIN};
    rows[3].time_us += BIN_S * US_PER_S; /* the next bin */
    snprintf(rows[4].subject, sizeof rows[4].subject, "%s", SUBJECT_CONNECTIVITY);
    rows[4].ladder = (struct ladder_result){
        .state = CONNECTIVITY_FULL_SHUTDOWN, .controls_failed_count = 3, .operators_failed_count = 2};
    rows[4].verdict.outcome = OUTCOME_OFFLINE;
    put(opened, 1, "p1", 1, &rows[0], 2);
    put(opened, 2, "p1", 2, &rows[2], 3);
    struct gathered *presence = presence_of(opened, "XD", (struct store_span){0});
    assert_int_equal(presence->count, 2);
    const struct presence *first = &presence->rows.presence[0];
    assert_int_equal(first->bin_s, FIXTURE_TIME_US / US_PER_S);
    assert_int_equal(first->ok_count, 1);
    assert_int_equal(first->fail_count, 1);
    assert_int_equal(first->other_count, 2);
    assert_int_equal(first->worst_state, CONNECTIVITY_FULL_SHUTDOWN);
    assert_int_equal(first->access, ACCESS_MOBILE);
    assert_string_equal(first->subdivision, "XD-N");
    assert_int_equal(first->asn, 64500);
    assert_int_equal(first->first_fail_us, rows[4].time_us);
    free(presence);
    struct gathered *sightings = calloc(1, sizeof *sightings);
    struct store_span all = {0};
    assert_int_equal(opened->store->each_sighting(opened->handle, "XD", all, gather_sighting, sightings),
                     STATUS_OK);
    assert_int_equal(sightings->count, 2); /* none for the ladder */
    const struct sighting *row = &sightings->rows.sightings[0];
    assert_string_equal(row->subject, "example.org");
    assert_int_equal(row->ok_count, 1);
    assert_int_equal(row->blocked_count[CONFIDENCE_MEDIUM], 1);
    assert_int_equal(row->blocked_count[CONFIDENCE_CERTAIN], 1);
    assert_int_equal(row->layer, LAYER_DNS);
    assert_string_equal(row->method, "dns_forged_answer");
    assert_memory_equal(row->example, rows[2].identity, SHA256_BYTES);
    free(sightings);
}

static void test_regions_and_spans(void **state)
{
    struct opened *opened = *state;
    struct observation rows[] = {observation_of(1, "XD", "XD-N", "p1"), observation_of(2, "XD", "XD-S", "p1"),
                                 observation_of(3, "XD", "", "p2"), observation_of(4, "XE", "XE-N", "p3"),
                                 observation_of(5, "ZZ", "", "p4")};
    rows[1].asn = 64501;
    rows[2].asn = 0;
    rows[2].time_us += 10 * BIN_S * US_PER_S;
    put(opened, 1, "p1", 1, rows, 5);
    struct store_span all = {0};
    struct gathered *gathered = presence_of(opened, "XD", all);
    assert_int_equal(gathered->count, 3); /* p1 in two places of one bin, p2 */
    free(gathered);
    gathered = presence_of(opened, "XD-S", all);
    assert_int_equal(gathered->count, 1);
    assert_int_equal(gathered->rows.presence[0].asn, 64501);
    free(gathered);
    /* A bin belongs to every span that overlaps it; the end is not in it. */
    struct store_span within = {FIXTURE_TIME_US + 3, FIXTURE_TIME_US + 4};
    gathered = presence_of(opened, "XD", within);
    assert_int_equal(gathered->count, 2);
    free(gathered);
    struct store_span before = {1, FIXTURE_TIME_US};
    gathered = presence_of(opened, "XD", before);
    assert_int_equal(gathered->count, 0);
    free(gathered);
    struct store_span later = {FIXTURE_TIME_US + BIN_S * US_PER_S, 0};
    gathered = presence_of(opened, "XD", later);
    assert_int_equal(gathered->count, 1);
    free(gathered);
    gathered = calloc(1, sizeof *gathered);
    assert_int_equal(opened->store->each_region(opened->handle, gather_region, gathered), STATUS_OK);
    for (size_t i = 0; i < gathered->count; i++) {
        const struct store_region *row = &gathered->rows.regions[i];
        assert_string_not_equal(row->region, "ZZ");
        if (strcmp(row->region, "XD") == 0 && row->asn == 0) {
            assert_int_equal(row->measurement_count, 3);
            assert_int_equal(row->probe_count, 2);
            assert_int_equal(row->network_count, 2);
            assert_int_equal(row->first_us, rows[0].time_us);
            assert_int_equal(row->last_us, rows[2].time_us);
        }
    }
    assert_int_equal(gathered->count,
                     11); /* XD and its two networks; XD-N, XD-S, XE and XE-N each with one */
    free(gathered);
}

static void test_measurement_filters(void **state)
{
    struct opened *opened = *state;
    struct observation rows[6];
    for (int i = 0; i < 6; i++) {
        rows[i] = observation_of(i + 1, i < 4 ? "XD" : "XE", i % 2 ? "XD-N" : "", "p1");
    }
    rows[1].verdict.outcome = OUTCOME_BLOCKED;
    memset(rows[2].subject, 0, sizeof rows[2].subject);
    memcpy(rows[2].subject, "other.org", 9);
    memset(rows[3].test_name, 0, sizeof rows[3].test_name);
    memcpy(rows[3].test_name, "whatsapp", 8);
    rows[3].ladder = (struct ladder_result){CONNECTIVITY_DNS_FAILURE, 1, 2, 3, "boot", 4.5};
    put(opened, 1, "p1", 1, rows, 6);
    const struct {
        struct store_measurement_filter filter;
        size_t count;
        int first; /* index of the first row given */
    } cases[] = {
        {{.limit = 10}, 6, 5},
        {{.limit = 2}, 2, 5},
        {{.limit = 2, .offset = 1}, 2, 4},
        {{.limit = 10, .offset = 6}, 0, 0},
        {{.region = "XD", .limit = 10}, 4, 3},
        {{.region = "XD-N", .limit = 10}, 2, 3},
        {{.subject = "other.org", .limit = 10}, 1, 2},
        {{.test_name = "whatsapp", .limit = 10}, 1, 3},
        {{.outcome = OUTCOME_BLOCKED, .has_outcome = true, .limit = 10}, 1, 1},
        {{.outcome = OUTCOME_UNKNOWN, .has_outcome = true, .limit = 10}, 0, 0},
        {{.identity = rows[4].identity, .limit = 10}, 1, 4},
        {{.span = {rows[1].time_us, rows[3].time_us}, .limit = 10}, 2, 2},
        {{.region = "XX", .limit = 10}, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gathered *gathered = calloc(1, sizeof *gathered);
        print_message("case %zu\n", i);
        assert_int_equal(
            opened->store->each_measurement(opened->handle, &cases[i].filter, gather_measurement, gathered),
            STATUS_OK);
        assert_int_equal(gathered->count, cases[i].count);
        if (gathered->count > 0) {
            const struct store_measurement *row = &gathered->rows.measurements[0];
            assert_memory_equal(&row->observation, &rows[cases[i].first], sizeof row->observation);
            assert_int_equal(row->line, cases[i].first);
            assert_int_equal(row->bundle_hash[0], 1);
        }
        free(gathered);
    }
}

static void test_wrong_clocks_stay_out_of_cells(void **state)
{
    struct opened *opened = *state;
    struct observation rows[] = {observation_of(1, "XD", "", "p1"), observation_of(2, "XD", "", "p1"),
                                 observation_of(3, "XD", "", "p1")};
    rows[0].time_us = 5 * US_PER_S;                           /* 1970 */
    rows[1].time_us = FIXTURE_TIME_US + 86400 * 3 * US_PER_S; /* in three days */
    struct store_put_result result = put(opened, 1, "p1", 1, rows, 3);
    assert_int_equal(result.accepted_count, 3);
    struct gathered *gathered = presence_of(opened, "XD", (struct store_span){0});
    assert_int_equal(gathered->count, 1);
    assert_int_equal(gathered->rows.presence[0].first_ok_us, rows[2].time_us);
    free(gathered);
}

static enum status stop(const struct presence *row, void *arg)
{
    (void)row;
    (*(int *)arg)++;
    return STATUS_BUSY;
}

static void test_a_callback_may_stop_and_may_read(void **state)
{
    struct opened *opened = *state;
    struct observation rows[] = {observation_of(1, "XD", "XD-N", "p1"),
                                 observation_of(2, "XD", "XD-S", "p1")};
    int count = 0;
    put(opened, 1, "p1", 1, rows, 2);
    struct store_span all = {0};
    assert_int_equal(opened->store->each_presence(opened->handle, "XD", all, stop, &count), STATUS_BUSY);
    assert_int_equal(count, 1);
    /* The read was ended: writing works. */
    struct observation more = observation_of(3, "XD", "", "p1");
    put(opened, 2, "p1", 2, &more, 1);
}

static void test_reopen(void **state)
{
    struct opened *opened = *state;
    struct observation row = observation_of(1, "XD", "", "p1");
    struct why why = {""};
    put(opened, 1, "p1", 1, &row, 1);
    struct store_handle *reader = NULL;
    int64_t bin_length_s = 0;
    /* A reader beside the writer sees what is committed, and what comes later. */
    assert_int_equal(opened->store->open(opened->folder, true, &bin_length_s, &reader, &why), STATUS_OK);
    assert_int_equal(bin_length_s, BIN_S);
    struct opened second = {opened->store, opened->folder, reader, bin_length_s};
    struct gathered *gathered = presence_of(&second, "XD", (struct store_span){0});
    assert_int_equal(gathered->count, 1);
    free(gathered);
    struct observation other = observation_of(2, "XD", "XD-N", "p1");
    put(opened, 2, "p1", 2, &other, 1);
    gathered = presence_of(&second, "XD", (struct store_span){0});
    assert_int_equal(gathered->count, 2);
    free(gathered);
    struct store_bundle bundle = bundle_of(3, "p1", 3);
    struct store_put_result result;
    assert_int_not_equal(store_put_one(opened->store, reader, &bundle, &other, 1, &result, &why), STATUS_OK);
    opened->store->close(reader);
    /* Closed and opened again, another bin length changes nothing. */
    opened->store->close(opened->handle);
    opened->handle = NULL;
    bin_length_s = 60;
    assert_int_equal(opened->store->open(opened->folder, false, &bin_length_s, &opened->handle, &why),
                     STATUS_OK);
    assert_int_equal(bin_length_s, BIN_S);
    gathered = presence_of(opened, "XD", (struct store_span){0});
    assert_int_equal(gathered->count, 2);
    free(gathered);
    assert_int_equal(put(opened, 4, "p1", 4, &row, 1).log_index, 2);
}

static void test_open_what_is_not_there(void **state)
{
    struct opened *opened = *state;
    struct store_handle *handle = NULL;
    int64_t bin_length_s = 0;
    struct why why = {""};
    assert_int_equal(opened->store->open("/nonexistent/folder", true, &bin_length_s, &handle, &why),
                     STATUS_NOT_FOUND);
    assert_true(why.text[0] != 0);
    assert_int_not_equal(opened->store->open("/nonexistent/folder", false, &bin_length_s, &handle, &why),
                         STATUS_OK);
    assert_null(handle);
}

static void test_find_by_name(void **state)
{
    struct opened *opened = *state;
    assert_ptr_equal(store_find(opened->store->name), opened->store);
    assert_null(store_find("no such store"));
}

struct trust_row {
    char id[16];
    int64_t time_us;
    char text[64];
};

struct trust_rows {
    struct trust_row rows[8];
    size_t count;
};

static enum status trust_keep(const char *id, int64_t time_us, const char *text, void *arg)
{
    struct trust_rows *rows = arg;
    assert_in_range(rows->count, 0, 7);
    struct trust_row *row = &rows->rows[rows->count++];
    row->time_us = time_us;
    snprintf(row->id, sizeof row->id, "%s", id);
    snprintf(row->text, sizeof row->text, "%s", text);
    return STATUS_OK;
}

static void test_statements_about_keys(void **state)
{
    struct opened *opened = *state;
    struct trust_rows seen = {.count = 0};
    struct why why = {""};
    assert_int_equal(opened->store->each_trust(opened->handle, trust_keep, &seen), STATUS_OK);
    assert_int_equal(seen.count, 0);
    assert_int_equal(opened->store->put_trust(opened->handle, "b", 20, "{\"a\":\"it's \\\\ \xc3\xa9\"}", &why), STATUS_OK);
    assert_int_equal(opened->store->put_trust(opened->handle, "a", 20, "second by its id", &why), STATUS_OK);
    assert_int_equal(opened->store->put_trust(opened->handle, "c", 10, "first by its time", &why), STATUS_OK);
    assert_int_equal(opened->store->put_trust(opened->handle, "c", 10, "first by its time", &why), STATUS_OK);
    assert_int_equal(opened->store->each_trust(opened->handle, trust_keep, &seen), STATUS_OK);
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.rows[0].id, "c");
    assert_int_equal(seen.rows[0].time_us, 10);
    assert_string_equal(seen.rows[0].text, "first by its time");
    assert_string_equal(seen.rows[1].id, "a");
    assert_string_equal(seen.rows[2].text, "{\"a\":\"it's \\\\ \xc3\xa9\"}");
}

int main(void)
{
    int failed_count = 0;
    for (const struct store *const *store = store_registry; *store; store++) {
        struct opened opened = {.store = *store};
#define CASE(test) cmocka_unit_test_prestate_setup_teardown(test, setup, teardown, &opened)
        const struct CMUnitTest tests[] = {
            CASE(test_put_and_find),
            CASE(test_again_changes_nothing),
            CASE(test_sequence_conflict),
            CASE(test_a_batch_is_judged_one_by_one),
            CASE(test_a_batch_fails_as_a_whole),
            CASE(test_bundles_in_order),
            CASE(test_logs_of_several_collectors),
            CASE(test_statements_about_keys),
            CASE(test_cells_fold_over_bundles),
            CASE(test_regions_and_spans),
            CASE(test_measurement_filters),
            CASE(test_reopen),
            CASE(test_wrong_clocks_stay_out_of_cells),
            CASE(test_open_what_is_not_there),
            CASE(test_find_by_name),
            CASE(test_a_callback_may_stop_and_may_read),
        };
        if (store_is_testable(*store)) {
            failed_count += cmocka_run_group_tests(tests, NULL, NULL);
        }
    }
    clickhouse_fixture_stop();
    return failed_count;
}
