/* The soak's checks: bins against deeds, and bundles against what was signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "tests/lab/soak_check.h"
#include "tests/lab/workspace.h"

#define BASE_S INT64_C(1780000000)
#define BIN_S  5
#define AT(s)  ((BASE_S + (s)) * US_PER_S)

/* A timeline of one region: ok, then `state` from one second to another, then ok. */
static json_t *timeline_of(const char *state, int64_t from_s, int64_t to_s)
{
    char text[4][TIME_TEXT_BYTES];
    const int64_t borders_s[] = {-100, from_s, to_s, 1000};
    for (size_t i = 0; i < 4; i++)
        time_format_utc(AT(borders_s[i]), text[i]);
    return json_pack("{s:[{s:s, s:[{s:s,s:s,s:s}, {s:s,s:s,s:s}, {s:s,s:s,s:s}]}]}", "timeline", "region",
                     "XD-N", "segments", "start", text[0], "end", text[1], "state", "ok", "start", text[1],
                     "end", text[2], "state", state, "start", text[2], "end", text[3], "state", "ok");
}

static void test_bins_against_deeds(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *found;
        int64_t from_s, to_s; /* found; the deed was from 100 to 140 */
        bool is_right;
    } cases[] = {
        {"full_shutdown", "confirmed", 100, 140, true},
        {"full_shutdown", "suspected", 100, 140, true},
        {"international_cut", "probable", 100, 140, true},
        {"full_shutdown", "confirmed", 105, 145, true},  /* one bin late */
        {"full_shutdown", "confirmed", 95, 135, true},   /* one bin early */
        {"full_shutdown", "confirmed", 120, 140, false}, /* four bins late */
        {"full_shutdown", "confirmed", 100, 170, false}, /* goes on */
        {"full_shutdown", "ok", 100, 140, false},
        {"full_shutdown", "blind", 100, 140, false},
        {"service_blocking", "ok", 100, 140, true},
        {"service_blocking", "confirmed", 100, 140, false},
        {"", "suspected", 100, 140, false},
        {"", "blind", 100, 140, false},
    };
    const struct soak_span span = {.from_us = AT(0), .to_us = AT(300), .bin_us = BIN_S * US_PER_S};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct deed deed = {.kind = cases[i].kind,
                                  .region = "XD-N",
                                  .subject = "",
                                  .layer = "",
                                  .from_us = AT(101),
                                  .to_us = AT(139)};
        struct soak_timeline found = {0};
        struct why why = {0};
        json_t *document = timeline_of(cases[i].found, cases[i].from_s, cases[i].to_s);
        assert_int_equal(soak_timeline_check(document, "XD-N", &deed, 1, &span, &found, &why), STATUS_OK);
        if ((found.wrong_count == 0) != cases[i].is_right)
            fail_msg("%zu: %lld wrong, %.*s", i, (long long)found.wrong_count, (int)found.wrong.count,
                     (const char *)found.wrong.bytes);
        int64_t line_count = 0;
        for (size_t at = 0; at < found.wrong.count; at++)
            line_count += found.wrong.bytes[at] == '\n';
        assert_int_equal(line_count, found.wrong_count);
        assert_in_range(found.bin_count, 40, 60);
        assert_int_equal(soak_timeline_check(document, "XD-S", &deed, 1, &span, &found, &why),
                         STATUS_NOT_FOUND);
        buffer_free(&found.wrong);
        json_decref(document);
    }
}

#define SIGNATURE(comment)                                                                                   \
    "untrusted comment: signature by Dialtone key 72cdfc0ed965fb96\n"                                        \
    "RURyzfwO2WX7lm6JYllfFNSGWRT8YGks8cHKNkTCDxhWFG1qT58WN1feXqwBss40qBQ5fRKKjSdnDLy/z6Zz1Z61JLN6I15+SAw=\n" \
    "trusted comment: dialtone:1 " comment "\n"                                                              \
    "Plv1kuWLaOe+dpdy0cs3tIDR9RbDGm4XMto8edSHUl1J1ndtylMW6jgb70AAXz5uoFqgpucMckhp5V37wJLnCg==\n"

static void test_signatures_are_read(void **state)
{
    (void)state;
    static const uint8_t key_id[8] = {0x72, 0xcd, 0xfc, 0x0e, 0xd9, 0x65, 0xfb, 0x96};
    static const char *const wrong[] = {"", "a\nb\nc\n", SIGNATURE("seq=1"), SIGNATURE("count=2"),
                                        SIGNATURE("seq=x count=2")};
    struct soak_bundle bundle;
    static const char right[] = SIGNATURE("seq=25 prev=64 count=4");
    assert_int_equal(soak_bundle_read(right, sizeof right - 1, &bundle), STATUS_OK);
    assert_int_equal(bundle.sequence, 25);
    assert_int_equal(bundle.line_count, 4);
    assert_memory_equal(bundle.key_id, key_id, sizeof key_id);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(soak_bundle_read(wrong[i], strlen(wrong[i]), &bundle), STATUS_MALFORMED);
}

static void test_a_missing_bundle_shows(void **state)
{
    (void)state;
    static const char *const texts[] = {SIGNATURE("seq=1 count=4"), SIGNATURE("seq=2 count=3"),
                                        SIGNATURE("seq=4 count=5")};
    struct soak_account account;
    struct why why = {0};
    char *folder = NULL;
    assert_int_equal(workspace_make(&folder, &why), STATUS_OK);
    for (size_t i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "%zu.minisig", i);
        char *path = path_join(folder, name);
        assert_int_equal(file_publish(path, texts[i], strlen(texts[i]), 0600, &why), STATUS_OK);
        free(path);
    }
    assert_int_equal(soak_account_read(folder, &account, &why), STATUS_OK);
    assert_int_equal(account.probe_count, 1);
    assert_int_equal(account.bundle_count, 3);
    assert_int_equal(account.line_count, 12);
    assert_int_equal(account.missing_count, 1);
    workspace_clear(folder);
    assert_int_equal(soak_account_read(folder, &account, &why), STATUS_IO);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bins_against_deeds),
        cmocka_unit_test(test_signatures_are_read),
        cmocka_unit_test(test_a_missing_bundle_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
