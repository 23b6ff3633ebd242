/* Publication privacy: counts, times, and that nothing a format writes names a probe. */
#include "tests/unit/reports/fake_query.h"

#include <dirent.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "reports/format.h"

static void counts_below_three_are_hidden_under_country_level(void **state)
{
    (void)state;
    static const struct {
        int64_t count;
        bool is_open;
        const char *text;
    } cases[] = {{0, false, "0"},   {1, false, "<3"}, {2, false, "<3"}, {3, false, "3"},
                 {17, false, "17"}, {1, true, "1"},   {2, true, "2"},   {-5, false, "0"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[COUNT_TEXT_BYTES];
        privacy_count_text(privacy_count(cases[i].count, cases[i].is_open), text);
        assert_string_equal(text, cases[i].text);
    }
}

static void measurements_of_few_probes_are_rough(void **state)
{
    (void)state;
    static const struct {
        int64_t count, probe_count;
        bool is_open;
        const char *text;
    } cases[] = {
        {0, 1, false, "0"},       {1, 1, false, "<10"},  {9, 2, false, "<10"},
        {10, 2, false, "10+"},    {99, 2, false, "10+"}, {1234, 2, false, "1000+"},
        {1234, 3, false, "1234"}, {7, 1, true, "7"},     {INT64_MAX, 1, false, "1000000000000000000+"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[COUNT_TEXT_BYTES];
        privacy_count_text(privacy_measurements(cases[i].count, cases[i].probe_count, cases[i].is_open),
                           text);
        assert_string_equal(text, cases[i].text);
    }
}

static void counts_are_ordered_by_what_is_told(void **state)
{
    (void)state;
    struct report_count none = privacy_count(0, false), some = privacy_count(2, false),
                        three = privacy_count(3, false);
    assert_int_equal(privacy_count_compare(none, some), -1);
    assert_int_equal(privacy_count_compare(some, privacy_count(1, false)), 0);
    assert_int_equal(privacy_count_compare(three, some), 1);
}

static void times_are_told_to_the_bin(void **state)
{
    (void)state;
    assert_int_equal(privacy_time_down_s(INT64_C(1234) * US_PER_S + 7, 600), 1200);
    assert_int_equal(privacy_time_up_s(INT64_C(1234) * US_PER_S + 7, 600), 1800);
    assert_int_equal(privacy_time_up_s(INT64_C(1200) * US_PER_S, 600), 1200);
    assert_int_equal(privacy_time_up_s(0, 600), 0);
    assert_int_equal(privacy_time_down_s(0, 600), 0);
}

static void the_model_holds_no_more_than_may_be_told(void **state)
{
    (void)state;
    fake_country();
    struct report_model *model = fake_model();
    const struct report_region *part = report_region_find(model, "XD-N"),
                               *whole = report_region_find(model, "XD");
    assert_non_null(part);
    assert_int_equal(part->probes.precision, COUNT_BELOW);
    assert_int_equal(part->measurements.precision, COUNT_ROUGH);
    assert_int_equal(whole->probes.value, 8);
    assert_int_equal(whole->networks[1].probes.precision, COUNT_BELOW);
    for (size_t i = 0; i < part->timeline.count; i++)
        assert_true(part->timeline.segments[i].seen_most.value == 0 ||
                    part->timeline.segments[i].seen_most.precision == COUNT_BELOW);
    for (size_t i = 0; i < model->event_count; i++) {
        const struct report_event *event = &model->events[i];
        assert_int_equal(event->onset_earliest_s % FAKE_BIN_S, 0);
        assert_int_equal(event->onset_latest_s % FAKE_BIN_S, 0);
        assert_true(event->onset_latest_s > event->onset_earliest_s);
        assert_null(strstr(event->explanation, FAKE_PROBE));
        assert_null(strstr(event->explanation, "12:34:56"));
        if (strcmp(event->region, "XD-N") == 0)
            assert_int_equal(event->probes.precision, COUNT_BELOW);
    }
    for (size_t i = 0; i < whole->recent_count; i++)
        assert_int_not_equal(whole->measurements_recent[i].asn, 64501);
    report_model_free(model);
}

static void copies_point_at_nobody_where_probes_are_few(void **state)
{
    (void)state;
    fake_country();
    fake.regions[0].probe_count = 2;
    struct report_model *model = fake_model();
    size_t withheld = 0, wanted = 0;
    for (size_t i = 0; i < model->evidence_count; i++) {
        assert_int_equal(model->evidence[i].state,
                         model->evidence[i].is_signed ? EVIDENCE_WITHHELD : EVIDENCE_WANTED);
        withheld += model->evidence[i].is_signed;
        wanted += !model->evidence[i].is_signed;
    }
    assert_true(withheld >= 2);
    assert_true(wanted == 1);
    report_model_free(model);
}

/* Reads every file below the folder and fails where it names the probe; removes it too. */
static size_t folder_is_clean(const char *folder)
{
    size_t files = 0;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        char path[512];
        struct buffer text = {0};
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_type == DT_DIR) {
            files += folder_is_clean(path);
            rmdir(path);
            continue;
        }
        assert_int_equal(file_read(path, 1 << 20, &text, NULL), STATUS_OK);
        assert_null(memmem(text.bytes, text.count, FAKE_PROBE, strlen(FAKE_PROBE)));
        assert_null(memmem(text.bytes, text.count, FAKE_KEY_TEXT, strlen(FAKE_KEY_TEXT)));
        buffer_free(&text);
        unlink(path);
        files++;
    }
    closedir(entries);
    return files;
}

static void no_format_names_a_probe(void **state)
{
    (void)state;
    fake_country();
    struct report_model *model = fake_model();
    for (const struct report_format *const *format = report_format_registry; *format; format++) {
        char folder[] = "/tmp/dialtone-report-XXXXXX";
        struct why why = {0};
        assert_non_null(mkdtemp(folder));
        assert_int_equal((*format)->write(model, folder, &why), STATUS_OK);
        assert_true(folder_is_clean(folder) >= 2);
        rmdir(folder);
    }
    report_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_below_three_are_hidden_under_country_level),
        cmocka_unit_test(measurements_of_few_probes_are_rough),
        cmocka_unit_test(counts_are_ordered_by_what_is_told),
        cmocka_unit_test(times_are_told_to_the_bin),
        cmocka_unit_test(the_model_holds_no_more_than_may_be_told),
        cmocka_unit_test(copies_point_at_nobody_where_probes_are_few),
        cmocka_unit_test(no_format_names_a_probe),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(fake.states);
    free(fake.sightings);
    return failed;
}
