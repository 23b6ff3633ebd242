/* Log lines: their form, their level, and that no value forges a line.
 * Each test owns its stream.
 * Operators grep these lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/log.h"

static struct clock_manual stopped = {.now_wall_us = INT64_C(1767225600) * 1000000};

static void lines_are_key_value_and_one_each(void **state)
{
    (void)state;
    char *text = NULL;
    size_t count = 0;
    FILE *stream = open_memstream(&text, &count);
    struct log log = {.least = LOG_LEVEL_INFO, .stream = stream, .clock = clock_of_manual(&stopped)};
    log_event(&log, LOG_LEVEL_DEBUG, "hidden", "a=%d", 1);
    log_event(&log, LOG_LEVEL_WARN, "upload_failed", "bundle=%s status=%s", "x.zst", "busy");
    log_event(&log, LOG_LEVEL_ERROR, "forged", "value=%s", "a\nb\x1b[0m\x7f");
    log_event(&log, LOG_LEVEL_INFO, "started", "%s", "");
    log_event(NULL, LOG_LEVEL_ERROR, "nobody", "a=%d", 1);
    fclose(stream);
    assert_string_equal(text,
                        "time=2026-01-01T00:00:00Z level=warn event=upload_failed bundle=x.zst status=busy\n"
                        "time=2026-01-01T00:00:00Z level=error event=forged value=a?b?[0m?\n"
                        "time=2026-01-01T00:00:00Z level=info event=started\n");
    free(text);
    log.stream = NULL;
    log_event(&log, LOG_LEVEL_ERROR, "silent", "a=%d", 1);
}

static void long_values_are_cut_not_spilt(void **state)
{
    (void)state;
    char longer[10000], *text = NULL;
    size_t count = 0;
    memset(longer, 'z', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    FILE *stream = open_memstream(&text, &count);
    struct log log = {.stream = stream, .clock = clock_of_manual(&stopped)};
    log_event(&log, LOG_LEVEL_INFO, "long", "value=%s", longer);
    fclose(stream);
    assert_in_range(count, 2000, 2200);
    assert_int_equal(text[count - 1], '\n');
    free(text);
}

static void values_are_quoted_where_they_must(void **state)
{
    (void)state;
    static const struct {
        const char *value, *quoted;
    } cases[] = {
        {"plain", "plain"}, {"", "\"\""},           {"two words", "\"two words\""},
        {"a=b", "\"a=b\""}, {"q\"q", "\"q\\\"q\""}, {"back\\slash", "\"back\\\\slash\""},
    };
    char out[40];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(log_quote(cases[i].value, out, sizeof out), cases[i].quoted);
    assert_string_equal(log_quote(NULL, out, sizeof out), "\"\"");
    char small[5];
    assert_string_equal(log_quote("a b c d", small, sizeof small), "\"a \"");
    assert_string_equal(log_quote("\"\"\"\"", small, sizeof small), "\"\\\"\"");
    assert_string_equal(log_quote("a b", small, 2), "");
    assert_string_equal(log_quote("abcdefgh", small, sizeof small), "abcd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_key_value_and_one_each),
        cmocka_unit_test(long_values_are_cut_not_spilt),
        cmocka_unit_test(values_are_quoted_where_they_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
