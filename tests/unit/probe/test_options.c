/* The shared flags: what they become, and what is refused.
 * Owner: arguments parsed here.
 * Why: a mistyped place would put measurements into another country's timeline. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "measurement/base/clock.h"
#include "probe/settings/options.h"

static const struct cli_option table[] = {{"format", "FORMAT", ""}, OPTIONS_MEASURING, {0}};
static const struct cli_command command = {.name = "test", .summary = "", .help = ""};

#define WORDS_MAX 24

static enum status read_words(const char *const *words, struct probe_options *out)
{
    char *argv[WORDS_MAX + 1] = {"test"};
    int argc = 1;
    struct cli_arguments *arguments = NULL;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    enum status status = cli_parse(&command, table, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status;
    status = options_read(arguments, out);
    cli_free(arguments);
    return status;
}

static void everything_is_taken(void **state)
{
    (void)state;
    static const char *const words[] = {
        "--control", "http://a.example/v1/control", "--control=http://b.example/v1/control", "--resolver", "192.0.2.1",
        "--ca-file", "ca.pem", "--timeout", "1500ms", "--parallel", "7", "--no-capture", "--country", "CD",
        "--subdivision", "CD-KN", "--asn", "AS37447", "--network", "Net", "--access", "mobile", NULL};
    struct probe_options options = {0};
    assert_int_equal(read_words(words, &options), STATUS_OK);
    assert_int_equal(options.control_count, 2);
    assert_string_equal(options.control_urls[1], "http://b.example/v1/control");
    assert_string_equal(options.resolvers, "192.0.2.1");
    assert_string_equal(options.ca_file, "ca.pem");
    assert_int_equal(options.timeout_us, 1500 * US_PER_MS);
    assert_int_equal(options.parallel_count, 7);
    assert_true(options.no_capture);
    assert_false(options.allow_private_targets);
    assert_string_equal(options.vantage.country, "CD");
    assert_string_equal(options.vantage.subdivision, "CD-KN");
    assert_int_equal(options.vantage.asn, 37447);
    assert_string_equal(options.vantage.network_name, "Net");
    assert_int_equal(options.vantage.access, ACCESS_MOBILE);
}

static void nothing_is_unknown(void **state)
{
    (void)state;
    static const char *const words[] = {NULL};
    struct probe_options options = {0};
    assert_int_equal(read_words(words, &options), STATUS_OK);
    assert_string_equal(options.vantage.country, "ZZ");
    assert_int_equal(options.vantage.asn, 0);
    assert_int_equal(options.timeout_us, 0);
}

static void a_subdivision_names_its_country(void **state)
{
    (void)state;
    static const char *const words[] = {"--subdivision", "XD-N", NULL};
    struct probe_options options = {0};
    assert_int_equal(read_words(words, &options), STATUS_OK);
    assert_string_equal(options.vantage.country, "XD");
}

static void wrong_values_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][5] = {
        {"--control", "collector.example.org", NULL},
        {"--control", "file:///etc/passwd", NULL},
        {"--country", "cd", NULL},
        {"--country", "ZZ", NULL},
        {"--subdivision", "CD", NULL},
        {"--country", "CD", "--subdivision", "UA-46", NULL},
        {"--asn", "", NULL},
        {"--asn", "AS", NULL},
        {"--asn", "-1", NULL},
        {"--asn", "4294967296", NULL},
        {"--asn", "37447x", NULL},
        {"--network", "\xff\xfe", NULL},
        {"--access", "unknown", NULL},
        {"--access", "wifi", NULL},
        {"--timeout", "0", NULL},
        {"--timeout", "soon", NULL},
        {"--parallel", "0", NULL},
        {"--parallel", "100000", NULL},
        {"--paralel", "1", NULL},
    };
    /* The one-line complaints are not for the test's output. */
    int kept = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
    size_t accepted = sizeof cases;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct probe_options options = {0};
        if (read_words(cases[i], &options) != STATUS_USAGE)
            accepted = i;
    }
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(nowhere);
    assert_int_equal(accepted, sizeof cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_taken),
        cmocka_unit_test(nothing_is_unknown),
        cmocka_unit_test(a_subdivision_names_its_country),
        cmocka_unit_test(wrong_values_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
