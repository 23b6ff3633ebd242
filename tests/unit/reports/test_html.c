/* The pages: escaped, well-formed, without script, small whatever the data. */
#include "tests/unit/reports/fake_query.h"

#include <ctype.h>
#include <zlib.h>

#include "measurement/base/file.h"
#include "reports/format.h"
#include "reports/html/markup.h"
#include "reports/html/pages.h"

#define DEPTH_MAX 64

static bool is_void(const char *name)
{
    return strcmp(name, "meta") == 0 || strcmp(name, "link") == 0 || strcmp(name, "br") == 0;
}

/* Reads the tag's name and moves to its '>', minding quoted attributes. */
static const char *tag_read(const char *at, char name[16])
{
    size_t length = 0;
    char quote = 0;
    while (isalnum((unsigned char)*at) || *at == '/' || *at == '!')
        name[length < 15 ? length++ : length] = *at++;
    name[length] = '\0';
    for (; *at && (quote || *at != '>'); at++) {
        assert_true(*at != '<');
        if (*at == '"')
            quote = quote ? 0 : '"';
    }
    assert_int_equal(*at, '>');
    return at;
}

/* Every tag that opens closes, in order; no bare '<'; every '&' begins an entity that we write. */
static void page_is_balanced(const char *text)
{
    char open[DEPTH_MAX][16];
    size_t depth = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '&')
            assert_true(strncmp(at, "&amp;", 5) == 0 || strncmp(at, "&lt;", 4) == 0 ||
                        strncmp(at, "&gt;", 4) == 0 || strncmp(at, "&quot;", 6) == 0 ||
                        strncmp(at, "&#39;", 5) == 0);
        if (*at != '<')
            continue;
        char name[16];
        const char *end = tag_read(at + 1, name);
        if (name[0] == '!' || is_void(name) || end[-1] == '/') {
            at = end;
            continue;
        }
        if (name[0] == '/') {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], name + 1);
        } else {
            assert_true(depth < DEPTH_MAX);
            memcpy(open[depth++], name, sizeof name);
        }
        at = end;
    }
    assert_int_equal(depth, 0);
}

/* What every page promises. */
static void page_is_sound(struct buffer *page)
{
    assert_false(page->failed);
    assert_true(page->count < PAGE_BYTES_MAX);
    char *text = buffer_take_text(page);
    assert_non_null(text);
    page_is_balanced(text);
    assert_null(strcasestr(text, "<script"));
    assert_null(strcasestr(text, " style="));
    assert_null(strcasestr(text, " onclick="));
    assert_null(strcasestr(text, "javascript:"));
    assert_null(strstr(text, "http://"));
    assert_non_null(strstr(text, "<html lang=\"en\" dir=\"ltr\">"));
    assert_non_null(strstr(text, "Content-Security-Policy"));
    assert_int_equal(strstr(text, "<h1>") != NULL, 1);
    assert_null(strstr(strstr(text, "<h1>") + 1, "<h1>"));
    free(text);
}

static void pages_are_sound(const struct report_model *model)
{
    struct buffer page = {0};
    page_index(model, &page);
    page_is_sound(&page);
    page_coverage(model, &page);
    page_is_sound(&page);
    page_method(model, &page);
    page_is_sound(&page);
    for (size_t i = 0; i < model->region_count; i++) {
        page_region(model, &model->regions[i], &page);
        page_is_sound(&page);
    }
    for (size_t i = 0; i < model->event_count; i++) {
        page_event(model, &model->events[i], &page);
        page_is_sound(&page);
    }
}

static void text_is_escaped(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"plain", "plain"},
        {"<b a='1' c=\"2\">&amp;", "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;"},
        {"caf\xc3\xa9 \xd8\xb9", "caf\xc3\xa9 \xd8\xb9"},
        {"a\x01"
         "b\x7f",
         "a\xef\xbf\xbd"
         "b\xef\xbf\xbd"},
        {"a\xff<", "a\xef\xbf\xbd&lt;"},
        {"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer out = {0};
        markup_text(&out, cases[i][0]);
        buffer_append(&out, "", 1);
        assert_string_equal((const char *)out.bytes, cases[i][1]);
        buffer_free(&out);
    }
}

static void the_country_is_told_soundly(void **state)
{
    (void)state;
    fake_country();
    struct report_model *model = fake_model();
    pages_are_sound(model);
    struct buffer page = {0};
    page_region(model, report_region_find(model, "XD-N"), &page);
    char *text = buffer_take_text(&page);
    assert_non_null(strstr(text, "Disruption confirmed</span> since"));
    assert_non_null(strstr(text, "&lt;3"));
    assert_non_null(strstr(text, "role=\"img\" aria-labelledby=\"whole-title whole-desc\""));
    assert_non_null(strstr(text, "<details>"));
    assert_non_null(strstr(text, "This is an emulation"));
    free(text);
    page_region(model, report_region_find(model, "DE"), &page);
    text = buffer_take_text(&page);
    assert_non_null(strstr(text, "No data</span>, last word"));
    assert_non_null(strstr(text, "unsigned"));
    assert_null(strstr(text, "class=\"now ok\""));
    free(text);
    report_model_free(model);
}

static void nothing_at_all_is_told_as_no_data(void **state)
{
    (void)state;
    fake_reset();
    struct report_model *model = fake_model();
    pages_are_sound(model);
    struct buffer page = {0};
    page_index(model, &page);
    char *text = buffer_take_text(&page);
    assert_non_null(strstr(text, "no data everywhere"));
    free(text);
    report_model_free(model);
}

static size_t compressed_bytes(struct buffer *page)
{
    uLongf count = compressBound((uLong)page->count);
    Bytef *packed = malloc(count);
    assert_int_equal(compress(packed, &count, page->bytes, (uLong)page->count), Z_OK);
    free(packed);
    return count;
}

/* A year of ten-minute bins that flicker, every list longer than a page shows, names as long as they get. */
static void a_year_of_everything_fits_a_page(void **state)
{
    (void)state;
    fake_reset();
    static const enum region_state flicker[] = {REGION_OK, REGION_BLIND, REGION_OK, REGION_SUSPECTED,
                                                REGION_CONFIRMED};
    fake_region("GB", 0, 5000, 90000000);
    for (int64_t bin = 52560; bin > 0; bin--)
        fake_states("GB", bin, bin - 1, flicker[bin % 5], (uint32_t)bin % 50);
    for (size_t i = 0; i < region_row_count && fake.region_count < 300; i++)
        if (strncmp(region_rows[i].code, "GB-", 3) == 0) {
            fake_region(region_rows[i].code, 0, 40, 1000);
            for (int64_t bin = 1000; bin > 0; bin--)
                fake_states(region_rows[i].code, bin, bin - 1, flicker[bin % 5], 7);
        }
    for (uint32_t asn = 1; asn < 80; asn++)
        fake_region("GB", fake.flickering_networks[fake.flickering_count++] = 4200000000u + asn, 50, 100000000);
    for (int i = 0; i < 120; i++) {
        char id[EVENT_ID_BYTES], subject[SUBJECT_BYTES];
        snprintf(id, sizeof id, "event-%017d", i);
        memset(subject, '&', sizeof subject - 1);
        subject[sizeof subject - 1] = '\0';
        for (int revision = 1; revision <= 3; revision++)
            fake_event(id, "GB", EVENT_SERVICE_BLOCKING, subject, FAKE_NOW_S - i * 7200)->revision = revision;
    }
    for (int service = 0; service < 60; service++)
        for (int64_t bin = 600; bin > 0; bin--) {
            char subject[SUBJECT_BYTES];
            snprintf(subject, sizeof subject, "%0120d.test", service);
            struct sighting *row = fake_sighting("GB", subject, "p", FAKE_NOW_S - bin * FAKE_BIN_S);
            row->ok_count = bin % 2 == 0;
            row->blocked_count[CONFIDENCE_STRONG] = bin % 3 == 0;
            row->unknown_count = 1;
        }
    for (uint8_t i = 0; i < 40; i++)
        fake_measurement("GB", FAKE_MARKUP, i, i % 2 ? OUTCOME_BLOCKED : OUTCOME_OK);
    struct report_model *model = fake_model();
    assert_true(report_region_find(model, "GB")->timeline.count > 40000);
    pages_are_sound(model);
    struct buffer page = {0};
    page_region(model, report_region_find(model, "GB"), &page);
    print_message("largest region page: %zu bytes, compressed %zu\n", page.count, compressed_bytes(&page));
    buffer_free(&page);
    report_model_free(model);
}

/* 249 countries on the front page: the first view. */
static void the_first_view_of_the_world_is_small(void **state)
{
    (void)state;
    fake_reset();
    for (size_t i = 0; i < region_row_count; i++)
        if (region_is_country(region_rows[i].code))
            fake_region(region_rows[i].code, 0, (int64_t)i, (int64_t)i * 1000);
    assert_true(fake.region_count > 240);
    struct report_model *model = fake_model();
    struct buffer page = {0};
    page_index(model, &page);
    buffer_text(&page, html_style);
    size_t packed = compressed_bytes(&page);
    print_message("front page with its style: %zu bytes, compressed %zu\n", page.count, packed);
    assert_true(packed < 20000);
    buffer_free(&page);
    pages_are_sound(model);
    report_model_free(model);
}

/* A judgement that was taken back does not go on being told at its old address. */
/* An outside signal is drawn apart, and leaves what we say as it was. */
static void signals_stand_apart(void **state)
{
    (void)state;
    struct buffer without = {0}, with = {0};
    fake_country();
    struct report_model *model = fake_model();
    page_region(model, report_region_find(model, "XD"), &without);
    report_model_free(model);
    fake_country();
    for (int hour = 0; hour < 48; hour++)
        fake_signal("ioda-bgp", "XD", FAKE_NOW_S - (60 - hour) * 3600, hour < 24 ? 100 : 3);
    fake_signal("old", "XD", FAKE_NOW_S - 400 * 86400, 1);
    fake_signal("other-land", "XE", FAKE_NOW_S - 3600, 1);
    model = fake_model();
    page_region(model, report_region_find(model, "XD"), &with);
    buffer_append(&without, "", 1);
    buffer_append(&with, "", 1);
    page_is_balanced((char *)with.bytes);
    assert_null(strstr((char *)without.bytes, "Outside signals"));
    char *from = strstr((char *)with.bytes, "<section aria-labelledby=\"signals\">");
    assert_non_null(from);
    char *to = strstr(from, "</section>\n") + strlen("</section>\n");
    assert_non_null(strstr(from, "class=\"signal\""));
    assert_non_null(strstr(from, "ioda-bgp from"));
    assert_non_null(strstr(from, "between 3 and 100"));
    assert_non_null(strstr(from, "It tells nothing of this time"));
    assert_null(strstr((char *)with.bytes, "other-land"));
    memmove(from, to, strlen(to) + 1);
    assert_string_equal((char *)with.bytes, (char *)without.bytes);
    report_model_free(model);
    buffer_free(&with);
    buffer_free(&without);
}

static void a_withdrawn_event_says_so(void **state)
{
    (void)state;
    char folder[] = "/tmp/dialtone-withdrawn-XXXXXX", path[128], command[128];
    struct why why = {0};
    struct buffer text = {0};
    assert_non_null(mkdtemp(folder));
    fake_country();
    struct report_model *model = fake_model();
    assert_int_equal(report_format_find("html")->write(model, folder, &why), STATUS_OK);
    report_model_free(model);
    fake.event_count = 2; /* the two revisions of e-cut */
    model = fake_model();
    assert_int_equal(report_format_find("html")->write(model, folder, &why), STATUS_OK);
    snprintf(path, sizeof path, "%s/event/e-block.html", folder);
    assert_int_equal(file_read(path, PAGE_BYTES_MAX, &text, &why), STATUS_OK);
    char *page = buffer_take_text(&text);
    assert_non_null(strstr(page, "was withdrawn"));
    assert_null(strstr(page, "Confirmed"));
    page_is_balanced(page);
    free(page);
    snprintf(path, sizeof path, "%s/event/e-cut.html", folder);
    assert_int_equal(file_read(path, PAGE_BYTES_MAX, &text, &why), STATUS_OK);
    page = buffer_take_text(&text);
    assert_non_null(strstr(page, "Confirmed"));
    free(page);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    report_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(the_country_is_told_soundly),
        cmocka_unit_test(nothing_at_all_is_told_as_no_data),
        cmocka_unit_test(a_year_of_everything_fits_a_page),
        cmocka_unit_test(the_first_view_of_the_world_is_small),
        cmocka_unit_test(signals_stand_apart),
        cmocka_unit_test(a_withdrawn_event_says_so),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(fake.states);
    free(fake.sightings);
    return failed;
}
