/* CSV and JSON: quoted, parsable, and the same story in both. */
#include "tests/unit/reports/fake_query.h"

#include <unistd.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "reports/format.h"

/* Writes the format into a new folder and reads one of its files back. */
static char *export_read(const char *format, const char *name, const struct report_model *model)
{
    static const char *const names[] = {"regions", "timeline", "events", "services", "signals"};
    char folder[] = "/tmp/dialtone-export-XXXXXX", path[128];
    struct buffer text = {0};
    struct why why = {0};
    assert_non_null(mkdtemp(folder));
    assert_int_equal(report_format_find(format)->write(model, folder, &why), STATUS_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s.%s", folder, names[i], format);
        if (strcmp(names[i], name) == 0)
            assert_int_equal(file_read(path, 64 << 20, &text, &why), STATUS_OK);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
    return buffer_take_text(&text);
}

/* RFC 4180: the columns of each record, counted as a reader would. */
static void every_record_has(const char *text, size_t columns)
{
    size_t count = 1, records = 0;
    bool is_quoted = false;
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            is_quoted = !is_quoted;
        else if (*c == ',' && !is_quoted)
            count++;
        else if (*c == '\n' && !is_quoted) {
            assert_int_equal(c[-1], '\r');
            assert_int_equal(count, columns);
            count = 1;
            records++;
        }
    }
    assert_false(is_quoted);
    assert_true(records >= 2);
}

static void csv_is_quoted(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t columns;
    } tables[] = {{"regions", 10}, {"timeline", 6}, {"events", 24}, {"services", 8}, {"signals", 4}};
    fake_country();
    fake_signal("ioda", "XD", FAKE_NOW_S - 7200, 93.5);
    fake_sighting("XD", "=cmd|'/c calc'!A1", "p9", FAKE_NOW_S - FAKE_BIN_S)->ok_count = 1;
    fake_sighting("XD", "a\"b,c\nd", "p9", FAKE_NOW_S - FAKE_BIN_S)->ok_count = 1;
    struct report_model *model = fake_model();
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char *text = export_read("csv", tables[i].name, model);
        every_record_has(text, tables[i].columns);
        if (strcmp(tables[i].name, "services") == 0) {
            assert_non_null(strstr(text, ",\"'=cmd|'/c calc'!A1\","));
            assert_non_null(strstr(text, ",\"a\"\"b,c\nd\","));
        }
        if (strcmp(tables[i].name, "signals") == 0)
            assert_non_null(strstr(text, "\"XD\",\"ioda\",2026-01-04T22:00:00Z,93.5\r\n"));
        if (strcmp(tables[i].name, "regions") == 0)
            assert_non_null(
                strstr(text, "\"XD-N\",\"XD-N\",1,\"confirmed\",2026-01-04T04:20:00Z,<3,<3,1000+,"));
        free(text);
    }
    report_model_free(model);
}

static json_t *document_read(const char *name, const struct report_model *model)
{
    json_t *document = NULL;
    struct why why = {0};
    char *text = export_read("json", name, model);
    assert_int_equal(json_read(text, strlen(text), &document, &why), STATUS_OK);
    free(text);
    return document;
}

static void json_tells_the_same(void **state)
{
    (void)state;
    fake_country();
    fake_sighting("XD", "no\xffutf8", "p9", FAKE_NOW_S - FAKE_BIN_S)->ok_count = 1;
    struct report_model *model = fake_model();
    json_t *regions = document_read("regions", model), *events = document_read("events", model);
    json_t *timeline = document_read("timeline", model), *services = document_read("services", model);
    const json_t *part = json_array_get(json_object_get(regions, "regions"), 2);
    assert_string_equal(json_member_text(part, "region"), "XD-N");
    assert_string_equal(json_member_text(part, "probes"), "<3");
    assert_int_equal(json_array_size(json_object_get(events, "events")), 3);
    const json_t *first = json_array_get(json_object_get(events, "events"), 0);
    assert_string_equal(json_member_text(first, "subject"), FAKE_MARKUP);
    assert_true(json_is_null(json_array_get(json_object_get(first, "end"), 0)));
    assert_int_equal(json_array_size(json_object_get(timeline, "timeline")), model->region_count);
    assert_true(json_array_size(json_object_get(services, "services")) >= 8);
    json_decref(regions);
    json_decref(events);
    json_decref(timeline);
    json_decref(services);
    report_model_free(model);
}

static void formats_are_found_by_name(void **state)
{
    (void)state;
    assert_non_null(report_format_find("html"));
    assert_non_null(report_format_find("csv"));
    assert_non_null(report_format_find("json"));
    assert_null(report_format_find("pdf"));
}

static void an_unwritable_folder_is_told(void **state)
{
    (void)state;
    fake_country();
    struct report_model *model = fake_model();
    for (const struct report_format *const *format = report_format_registry; *format; format++) {
        struct why why = {0};
        assert_int_not_equal((*format)->write(model, "/proc/none", &why), STATUS_OK);
        assert_true(why.text[0] != '\0');
    }
    report_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_is_quoted),
        cmocka_unit_test(json_tells_the_same),
        cmocka_unit_test(formats_are_found_by_name),
        cmocka_unit_test(an_unwritable_folder_is_told),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(fake.states);
    free(fake.sightings);
    return failed;
}
