/* The command line: subcommands, options, numbers, and what a wrong word is told.
 * Each test owns the arguments it parsed; output is caught in files.
 * Every usage error is one line and exit 2, in all three programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/cli.h"

/* What was printed to a stream while it was caught. */
struct caught {
    int kept_fd;
    FILE *stream;
    FILE *file;
};

static struct caught catch_start(FILE *stream)
{
    fflush(stream);
    struct caught caught = {.kept_fd = dup(fileno(stream)), .stream = stream, .file = tmpfile()};
    dup2(fileno(caught.file), fileno(stream));
    return caught;
}

static const char *catch_end(struct caught *caught, char out[4096])
{
    fflush(caught->stream);
    dup2(caught->kept_fd, fileno(caught->stream));
    close(caught->kept_fd);
    rewind(caught->file);
    size_t count = fread(out, 1, 4095, caught->file);
    out[count] = '\0';
    fclose(caught->file);
    return out;
}

static const struct cli_option options[] = {
    {"config", "FILE", "where the configuration stands"},
    {"format", "text|json", "how results are printed"},
    {"list", "FILE", "may be given several times"},
    {"verbose", NULL, "say more"},
    {0},
};

static enum exit_status measure_run(int argc, char **argv);
static const struct cli_command measure = {"measure", "measure a list", "Usage: measure [LIST]", measure_run};
static enum exit_status check_run(int argc, char **argv)
{
    return argc == 2 && strcmp(argv[0], "check") == 0 && strcmp(argv[1], "x") == 0 ? EXIT_FOUND
                                                                                   : EXIT_OWN_FAILURE;
}
static const struct cli_command check = {"check", "may we call?", "Usage: check", check_run};
static const struct cli_command *const commands[] = {&check, &measure, NULL};
static const struct cli_program program = {"dialtone-test", "a program", "  dialtone-test check\n", commands};

static enum exit_status measure_run(int argc, char **argv)
{
    struct cli_arguments *arguments;
    enum status status = cli_parse(&measure, options, argc, argv, &arguments);
    if (status == STATUS_REFUSED)
        return EXIT_NOTHING_WRONG;
    cli_free(arguments);
    return exit_of_status(status);
}

#define WORDS_MAX 8
static int words_count(const char *const *words)
{
    int count = 0;
    while (words[count])
        count++;
    return count;
}

static void main_finds_the_command_or_the_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *words[WORDS_MAX];
        enum exit_status expected;
        const char *on_stdout, *on_stderr;
    } cases[] = {
        {{"p", "check", "x"}, EXIT_FOUND, "", ""},
        {{"p"}, EXIT_USAGE, "", "no command given"},
        {{"p", "--help"}, EXIT_NOTHING_WRONG, "Usage: dialtone-test COMMAND", ""},
        {{"p", "help"}, EXIT_NOTHING_WRONG, "measure a list", ""},
        {{"p", "--version"}, EXIT_NOTHING_WRONG, "dialtone-test " DIALTONE_VERSION "\n", ""},
        {{"p", "help", "measure"}, EXIT_NOTHING_WRONG, "Usage: measure [LIST]", ""},
        {{"p", "measure", "--help"}, EXIT_NOTHING_WRONG, "--config FILE", ""},
        {{"p", "mesure"}, EXIT_USAGE, "", "did you mean \"dialtone-test measure\"?"},
        {{"p", "chekc"}, EXIT_USAGE, "", "did you mean \"dialtone-test check\"?"},
        {{"p", "help", "chck"}, EXIT_USAGE, "", "did you mean \"dialtone-test check\"?"},
        {{"p", "quux"}, EXIT_USAGE, "", "type \"dialtone-test --help\""},
        {{"p", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
         EXIT_USAGE,
         "",
         "there is no command"},
        {{"p", ""}, EXIT_USAGE, "", "there is no command"},
        {{"p", "--verison"}, EXIT_USAGE, "", "there is no option \"--verison\""},
        {{"p", "measure", "--bogus"}, EXIT_USAGE, "", "there is no option \"--bogus\""},
        {{"p", "measure", "--confg", "x"}, EXIT_USAGE, "", "did you mean \"--config\"?"},
        {{"p", "measure", "--config"}, EXIT_USAGE, "", "--config needs a value: type --config FILE"},
        {{"p", "measure", "--verbose=yes"}, EXIT_USAGE, "", "--verbose takes no value"},
        {{"p", "measure", "-c"}, EXIT_USAGE, "", "options begin with two dashes"},
        {{"p", "measure", "--=x"}, EXIT_USAGE, "", "there is no option \"--\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[4096], err[4096];
        struct caught caught_out = catch_start(stdout), caught_err = catch_start(stderr);
        enum exit_status got =
            cli_main(&program, words_count(cases[i].words), (char **)(uintptr_t)cases[i].words);
        catch_end(&caught_err, err);
        catch_end(&caught_out, out);
        if (got != cases[i].expected || !strstr(out, cases[i].on_stdout) || !strstr(err, cases[i].on_stderr))
            fail_msg("case %zu: %d\n%s\n%s", i, (int)got, out, err);
        bool is_one_line = strchr(err, '\n') == NULL || strchr(err, '\n')[1] == '\0';
        assert_true(is_one_line);
        assert_true((got == EXIT_USAGE) == (err[0] != '\0'));
    }
}

static struct cli_arguments *parsed(const char *const *words)
{
    struct cli_arguments *arguments = NULL;
    assert_int_equal(cli_parse(&measure, options, words_count(words), (char **)(uintptr_t)words, &arguments),
                     STATUS_OK);
    return arguments;
}

static void options_stand_anywhere(void **state)
{
    (void)state;
    const char *const words[] = {"measure",   "a",      "--list",    "one", "--list=two", "-",
                                 "--verbose", "--list", "--format=", "--",  "--config",   NULL};
    const char *const more[] = {"measure", "--list", "--", "x", "--list=a=b", NULL};
    struct cli_arguments *arguments = parsed(words);
    assert_string_equal(cli_value(arguments, "list"), "--format=");
    assert_string_equal(cli_value_at(arguments, "list", 0), "one");
    assert_string_equal(cli_value_at(arguments, "list", 1), "two");
    assert_string_equal(cli_value_at(arguments, "list", 2), "--format=");
    assert_null(cli_value_at(arguments, "list", 3));
    assert_string_equal(cli_value(arguments, "verbose"), "");
    assert_null(cli_value(arguments, "config"));
    assert_int_equal(cli_operand_count(arguments), 3);
    assert_string_equal(cli_operand(arguments, 0), "a");
    assert_string_equal(cli_operand(arguments, 1), "-");
    assert_string_equal(cli_operand(arguments, 2), "--config");
    assert_null(cli_operand(arguments, 3));
    cli_free(arguments);
    arguments = parsed(more);
    assert_string_equal(cli_value_at(arguments, "list", 0), "--");
    assert_string_equal(cli_value(arguments, "list"), "a=b");
    cli_free(arguments);
    cli_free(NULL);
}

static void numbers_are_whole_and_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status expected;
        int64_t value;
    } cases[] = {
        {"5", STATUS_OK, 5},      {"-3", STATUS_OK, -3},    {"100", STATUS_OK, 100},
        {"101", STATUS_USAGE, 0}, {"-11", STATUS_USAGE, 0}, {"", STATUS_USAGE, 0},
        {" 5", STATUS_USAGE, 0},  {"5x", STATUS_USAGE, 0},  {"0x5", STATUS_USAGE, 0},
        {"5.0", STATUS_USAGE, 0}, {"-", STATUS_USAGE, 0},   {"99999999999999999999", STATUS_USAGE, 0},
        {"+5", STATUS_USAGE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const words[] = {"measure", "--config", cases[i].text, NULL};
        struct cli_arguments *arguments = parsed(words);
        int64_t value = 0;
        char err[4096];
        struct caught caught = catch_start(stderr);
        enum status status = cli_number(arguments, "config", -10, 100, &value);
        catch_end(&caught, err);
        if (status != cases[i].expected || value != cases[i].value)
            fail_msg("\"%s\"", cases[i].text);
        assert_true(status == STATUS_OK ? err[0] == '\0' : strstr(err, "from -10 to 100") != NULL);
        value = 77;
        assert_int_equal(cli_number(arguments, "list", 0, 1, &value), STATUS_OK);
        assert_true(value == 77);
        cli_free(arguments);
    }
}

static void durations_carry_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status expected;
        int64_t us;
    } cases[] = {
        {"90", STATUS_OK, 90000000},   {"90s", STATUS_OK, 90000000},
        {"10m", STATUS_OK, 600000000}, {"2h", STATUS_OK, 7200000000},
        {"500ms", STATUS_OK, 500000},  {"1d", STATUS_OK, 86400000000},
        {"1us", STATUS_OK, 1},         {"2d", STATUS_USAGE, 0},
        {"0", STATUS_USAGE, 0},        {"-5s", STATUS_USAGE, 0},
        {"5 s", STATUS_USAGE, 0},      {"5S", STATUS_USAGE, 0},
        {"s", STATUS_USAGE, 0},        {"", STATUS_USAGE, 0},
        {"1.5h", STATUS_USAGE, 0},     {"9223372036854775807d", STATUS_USAGE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const words[] = {"measure", "--config", cases[i].text, NULL};
        struct cli_arguments *arguments = parsed(words);
        int64_t us = 0;
        char err[4096];
        struct caught caught = catch_start(stderr);
        enum status status = cli_duration(arguments, "config", 1, INT64_C(86400000000), &us);
        catch_end(&caught, err);
        if (status != cases[i].expected || us != cases[i].us)
            fail_msg("\"%s\"", cases[i].text);
        cli_free(arguments);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(main_finds_the_command_or_the_nearest),
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(numbers_are_whole_and_bounded),
        cmocka_unit_test(durations_carry_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
