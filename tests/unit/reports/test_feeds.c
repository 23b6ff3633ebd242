/* rss and cap as report formats: which files, well-formed, linked to the site's pages, and as private as the
 * pages. */
#include "tests/unit/reports/fake_query.h"

#include <dirent.h>
#include <unistd.h>

#include "tests/unit/collector/xml_check.h"

#include "measurement/base/file.h"
#include "reports/format.h"

struct folder {
    char path[64];
    size_t file_count;
};

static struct folder folder_write(const char *format, const struct report_model *model)
{
    struct folder folder = {.path = "/tmp/dialtone-feeds-XXXXXX"};
    struct why why = {0};
    assert_non_null(mkdtemp(folder.path));
    assert_int_equal(report_format_find(format)->write(model, folder.path, &why), STATUS_OK);
    DIR *entries = opendir(folder.path);
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries))
        folder.file_count += entry->d_name[0] != '.';
    closedir(entries);
    return folder;
}

static char *file_text(const struct folder *folder, const char *name)
{
    struct buffer text = {0};
    char *path = path_join(folder->path, name);
    struct why why = {0};
    if (file_read(path, 1 << 20, &text, &why) != STATUS_OK)
        fail_msg("%s", why.text);
    free(path);
    return buffer_take_text(&text);
}

static void folder_remove(const struct folder *folder)
{
    DIR *entries = opendir(folder->path);
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries))
        if (entry->d_name[0] != '.') {
            char *path = path_join(folder->path, entry->d_name);
            unlink(path);
            free(path);
        }
    closedir(entries);
    rmdir(folder->path);
}

static void is_fit(const char *text, const char *root)
{
    const char *fault = xml_fault(text, root);
    if (fault)
        fail_msg("%s in:\n%s", fault, text);
    assert_null(strstr(text, FAKE_PROBE));
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "12:34:56"));
}

static void feeds_stand_and_link(void **state)
{
    (void)state;
    fake_country();
    struct report_model *model = fake_model();
    model->public_url = "https://reports.example.org";
    struct folder folder = folder_write("rss", model);
    assert_int_equal(folder.file_count, 2);
    char *rss = file_text(&folder, "events.rss"), *atom = file_text(&folder, "events.atom");
    is_fit(rss, "rss");
    is_fit(atom, "feed");
    assert_non_null(strstr(rss, "<link>https://reports.example.org/event/e-cut.html</link>"));
    assert_non_null(strstr(atom, "href=\"https://reports.example.org/event/e-cut.html\""));
    assert_non_null(strstr(rss, "fewer than 3 probes"));
    free(rss);
    free(atom);
    folder_remove(&folder);
    model->public_url = NULL; /* then RSS, which wants whole addresses, has none */
    folder = folder_write("rss", model);
    rss = file_text(&folder, "events.rss");
    atom = file_text(&folder, "events.atom");
    is_fit(rss, "rss");
    assert_null(strstr(rss, "event/e-cut"));
    assert_non_null(strstr(atom, "href=\"event/e-cut.html\""));
    free(rss);
    free(atom);
    folder_remove(&folder);
    report_model_free(model);
}

static void alerts_stand_one_a_message(void **state)
{
    (void)state;
    fake_country();
    struct event *withdrawn = fake_event("e-gone", "XD", EVENT_POWER_CUT, "", FAKE_NOW_S - 90 * FAKE_BIN_S);
    withdrawn = fake_event("e-gone", "XD", EVENT_POWER_CUT, "", FAKE_NOW_S - 90 * FAKE_BIN_S);
    withdrawn->revision = 2;
    withdrawn->state = REGION_OK;
    fake_event("../e-escape", "XD", EVENT_POWER_CUT, "", FAKE_NOW_S - 80 * FAKE_BIN_S);
    struct report_model *model = fake_model();
    struct folder folder = folder_write("cap", model);
    static const struct {
        const char *name, *type, *status;
    } files[] = {{"e-cut-1.xml", "<msgType>Alert</msgType>", "<certainty>Possible</certainty>"},
                 {"e-cut-2.xml", "<msgType>Update</msgType>", "<certainty>Observed</certainty>"},
                 {"e-block-1.xml", "<msgType>Alert</msgType>", "<urgency>Past</urgency>"},
                 {"e-hostile-1.xml", "<msgType>Alert</msgType>", "<certainty>Likely</certainty>"},
                 {"e-gone-1.xml", "<msgType>Alert</msgType>", "<status>Exercise</status>"},
                 {"e-gone-2.xml", "<msgType>Cancel</msgType>", "dialtone,dialtone-e-gone-1,"}};
    assert_int_equal(folder.file_count, sizeof files / sizeof files[0] + 1);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *text = file_text(&folder, files[i].name);
        is_fit(text, "alert");
        assert_non_null(strstr(text, files[i].type));
        assert_non_null(strstr(text, files[i].status));
        free(text);
    }
    char *list = file_text(&folder, "alerts.xml");
    is_fit(list, "feed");
    free(list);
    folder_remove(&folder);
    report_model_free(model);
}

static void an_empty_collector_has_empty_feeds(void **state)
{
    (void)state;
    fake_reset();
    struct report_model *model = fake_model();
    static const char *const formats[] = {"rss", "cap"}, *const names[] = {"events.rss", "alerts.xml"};
    static const char *const roots[] = {"rss", "feed"};
    for (size_t i = 0; i < 2; i++) {
        struct folder folder = folder_write(formats[i], model);
        char *text = file_text(&folder, names[i]);
        is_fit(text, roots[i]);
        free(text);
        folder_remove(&folder);
    }
    report_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feeds_stand_and_link),
        cmocka_unit_test(alerts_stand_one_a_message),
        cmocka_unit_test(an_empty_collector_has_empty_feeds),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(fake.states);
    free(fake.sightings);
    return failed;
}
