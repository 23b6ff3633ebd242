/* Subcommands, options, help and one-line usage errors, for the three programs alike.
 * Parsed arguments borrow argv and the option table; cli_free frees the lists.
 * One parser, so that a habit learnt with one program holds for the others. */
#include "measurement/base/cli.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"

struct cli_given {
    const struct cli_option *option;
    const char *value;
    const char *origin; /* NULL: the command line */
};

struct cli_arguments {
    struct cli_given *given;
    size_t given_count;
    const char **operands;
    size_t operand_count;
};

/* The running program's name as the user typed it; glibc keeps it. */
static const char *program_name(void)
{
    return program_invocation_short_name;
}

enum exit_status cli_fail(enum exit_status exit_status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program_name());
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return exit_status;
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

#define HINT_LENGTH_MAX 32

/* Edits that turn one word into the other (Levenshtein 1966). */
static size_t edit_distance(const char *from, const char *to)
{
    size_t from_count = strlen(from), to_count = strlen(to);
    if (from_count > HINT_LENGTH_MAX || to_count > HINT_LENGTH_MAX)
        return SIZE_MAX;
    size_t row[HINT_LENGTH_MAX + 1];
    for (size_t i = 0; i <= to_count; i++)
        row[i] = i;
    for (size_t i = 0; i < from_count; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < to_count; j++) {
            size_t substituted = diagonal + (from[i] != to[j]);
            diagonal = row[j + 1];
            row[j + 1] = least_of(substituted, least_of(row[j], row[j + 1]) + 1);
        }
    }
    return row[to_count];
}

/* Keeps `candidate` where it is nearer to `word` than what was kept before. */
static void hint_consider(const char *word, const char *candidate, const char **best, size_t *best_distance)
{
    size_t distance = edit_distance(word, candidate);
    if (distance < *best_distance) {
        *best = candidate;
        *best_distance = distance;
    }
}

static const struct cli_command *command_find(const struct cli_program *program, const char *name)
{
    for (const struct cli_command *const *at = program->commands; *at; at++) {
        if (strcmp((*at)->name, name) == 0)
            return *at;
    }
    return NULL;
}

static void program_help(const struct cli_program *program)
{
    printf("%s: %s\n\nUsage: %s COMMAND [OPTIONS]\n\nCommands:\n", program->name, program->summary,
           program->name);
    int width = 4;
    for (const struct cli_command *const *at = program->commands; *at; at++) {
        int length = (*at)->summary ? (int)strnlen((*at)->name, HINT_LENGTH_MAX) : 0;
        width = length > width ? length : width;
    }
    for (const struct cli_command *const *at = program->commands; *at; at++) {
        if ((*at)->summary)
            printf("  %-*s  %s\n", width, (*at)->name, (*at)->summary);
    }
    printf("  %-*s  %s\n\n", width, "help", "the whole help of a command: help COMMAND");
    printf(
        "Options:\n  --help     this text; after a command, that command's\n  --version  name and version\n");
    if (program->examples)
        printf("\nExamples:\n%s%s", program->examples,
               program->examples[0] && program->examples[strlen(program->examples) - 1] == '\n' ? "" : "\n");
}

static enum exit_status unknown_command(const struct cli_program *program, const char *name)
{
    const char *best = NULL;
    size_t distance = SIZE_MAX;
    for (const struct cli_command *const *at = program->commands; *at; at++) {
        if ((*at)->summary)
            hint_consider(name, (*at)->name, &best, &distance);
    }
    hint_consider(name, "help", &best, &distance);
    /* Far from everything: a guess would only mislead. */
    if (best && distance <= 1 + strlen(best) / 2)
        return cli_fail(EXIT_USAGE, "there is no command \"%s\": did you mean \"%s %s\"?", name,
                        program->name, best);
    return cli_fail(EXIT_USAGE, "there is no command \"%s\": type \"%s --help\" for the list", name,
                    program->name);
}

enum exit_status cli_main(const struct cli_program *program, int argc, char **argv)
{
    if (argc < 2)
        return cli_fail(EXIT_USAGE, "no command given: type \"%s --help\" for the list", program->name);
    const char *first = argv[1];
    bool is_help = strcmp(first, "help") == 0;
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || (is_help && argc == 2)) {
        program_help(program);
        return EXIT_NOTHING_WRONG;
    }
    if (strcmp(first, "--version") == 0) {
        printf("%s %s\n", program->name, DIALTONE_VERSION);
        return EXIT_NOTHING_WRONG;
    }
    if (first[0] == '-')
        return cli_fail(EXIT_USAGE, "there is no option \"%s\" before a command: type \"%s --help\"", first,
                        program->name);
    const struct cli_command *command = command_find(program, is_help ? argv[2] : first);
    if (!command)
        return unknown_command(program, is_help ? argv[2] : first);
    if (is_help) {
        char help[] = "--help";
        char *arguments[] = {argv[2], help, NULL};
        return command->run(2, arguments);
    }
    return command->run(argc - 1, argv + 1);
}

static void command_help(const struct cli_command *command, const struct cli_option *options)
{
    size_t length = command->help ? strlen(command->help) : 0;
    if (length > 0)
        printf("%s%s", command->help, command->help[length - 1] == '\n' ? "" : "\n");
    printf("\nOptions:\n");
    int width = (int)strlen("--help");
    for (const struct cli_option *at = options; at->name; at++) {
        int need = snprintf(NULL, 0, "--%s%s%s", at->name, at->value ? " " : "", at->value ? at->value : "");
        width = need > width ? need : width;
    }
    for (const struct cli_option *at = options; at->name; at++) {
        int used = printf("  --%s%s%s", at->name, at->value ? " " : "", at->value ? at->value : "");
        printf("%*s  %s\n", width + 2 - used, "", at->meaning ? at->meaning : "");
    }
    printf("  %-*s  %s\n", width, "--help", "this text");
}

static enum status unknown_option(const struct cli_command *command, const struct cli_option *options,
                                  const char *name)
{
    const char *best = NULL;
    size_t distance = SIZE_MAX;
    for (const struct cli_option *at = options; at->name; at++)
        hint_consider(name, at->name, &best, &distance);
    if (best && distance <= 1 + strlen(best) / 2)
        cli_fail(EXIT_USAGE, "%s: there is no option \"--%s\": did you mean \"--%s\"?", command->name, name,
                 best);
    else
        cli_fail(EXIT_USAGE, "%s: there is no option \"--%s\": type \"%s %s --help\"", command->name, name,
                 program_name(), command->name);
    return STATUS_USAGE;
}

static const struct cli_option *option_find(const struct cli_option *options, const char *name, size_t length)
{
    for (const struct cli_option *at = options; at->name; at++) {
        if (strlen(at->name) == length && strncmp(at->name, name, length) == 0)
            return at;
    }
    return NULL;
}

/* One "--name", "--name=VALUE" or "--name VALUE" at argv[*index]; moves *index to the last word it used. */
static enum status option_take(const struct cli_command *command, const struct cli_option *options,
                               char **argv, int argc, int *index, struct cli_arguments *arguments)
{
    const char *name = argv[*index] + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    const struct cli_option *option = option_find(options, name, length);
    if (!option) {
        char word[HINT_LENGTH_MAX + 1];
        snprintf(word, sizeof word, "%.*s", (int)least_of(length, HINT_LENGTH_MAX), name);
        return unknown_option(command, options, word);
    }
    if (!option->value && value) {
        cli_fail(EXIT_USAGE, "%s: --%s takes no value: type --%s alone", command->name, option->name,
                 option->name);
        return STATUS_USAGE;
    }
    if (option->value && !value) {
        if (*index + 1 >= argc) {
            cli_fail(EXIT_USAGE, "%s: --%s needs a value: type --%s %s", command->name, option->name,
                     option->name, option->value);
            return STATUS_USAGE;
        }
        value = argv[++*index];
    }
    arguments->given[arguments->given_count++] = (struct cli_given){.option = option, .value = value ? value : ""};
    return STATUS_OK;
}

static enum status unknown_setting(const struct cli_option *options, const struct cli_setting *setting)
{
    const char *best = NULL;
    size_t distance = SIZE_MAX;
    for (const struct cli_option *at = options; at->name; at++)
        hint_consider(setting->name, at->name, &best, &distance);
    if (best && distance <= 1 + strlen(best) / 2)
        cli_fail(EXIT_USAGE, "%s: there is no setting \"%.80s\": did you mean \"%s\"?", setting->origin,
                 setting->name, best);
    else
        cli_fail(EXIT_USAGE, "%s: there is no setting \"%.80s\": take the line away, or look for its name in the help",
                 setting->origin, setting->name);
    return STATUS_USAGE;
}

static enum status setting_take(const struct cli_option *options, const struct cli_setting *setting,
                                size_t argv_count, struct cli_arguments *arguments)
{
    const struct cli_option *option = option_find(options, setting->name, strlen(setting->name));
    if (!option)
        return unknown_setting(options, setting);
    bool is_no = !option->value && strcmp(setting->value, "no") == 0;
    if (!option->value && !is_no && strcmp(setting->value, "yes") != 0) {
        cli_fail(EXIT_USAGE, "%s: %s = %.80s: write yes or no", setting->origin, setting->name, setting->value);
        return STATUS_USAGE;
    }
    for (size_t i = 0; i < argv_count && !is_no; i++)
        is_no = arguments->given[i].option == option;
    if (!is_no)
        arguments->given[arguments->given_count++] =
            (struct cli_given){option, option->value ? setting->value : "", setting->origin};
    return STATUS_OK;
}

static struct cli_arguments *arguments_new(size_t argc)
{
    struct cli_arguments *arguments = calloc(1, sizeof *arguments);
    if (!arguments)
        return NULL;
    arguments->given = calloc(argc + 1, sizeof *arguments->given);
    arguments->operands = calloc(argc + 1, sizeof *arguments->operands);
    if (arguments->given && arguments->operands)
        return arguments;
    cli_free(arguments);
    return NULL;
}

static enum status word_take(const struct cli_command *command, const struct cli_option *options, char **argv,
                             int argc, int *index, struct cli_arguments *arguments)
{
    const char *word = argv[*index];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        command_help(command, options);
        return STATUS_REFUSED;
    }
    if (word[1] == '-')
        return option_take(command, options, argv, argc, index, arguments);
    cli_fail(EXIT_USAGE, "%s: there is no option \"%s\": options begin with two dashes, see \"%s %s --help\"",
             command->name, word, program_name(), command->name);
    return STATUS_USAGE;
}

enum status cli_parse_with(const struct cli_command *command, const struct cli_option *options,
                           const struct cli_setting *settings, size_t setting_count, int argc, char **argv,
                           struct cli_arguments **out)
{
    *out = NULL;
    struct cli_arguments *arguments = arguments_new((size_t)argc + setting_count);
    enum status status = arguments ? STATUS_OK : STATUS_NO_MEMORY;
    bool is_ended = false;
    for (int i = 1; i < argc && status == STATUS_OK; i++) {
        const char *word = argv[i];
        if (is_ended || word[0] != '-' || word[1] == '\0')
            arguments->operands[arguments->operand_count++] = word;
        else if (strcmp(word, "--") == 0)
            is_ended = true;
        else
            status = word_take(command, options, argv, argc, &i, arguments);
    }
    size_t argv_count = arguments ? arguments->given_count : 0;
    for (size_t i = 0; i < setting_count && status == STATUS_OK; i++)
        status = setting_take(options, &settings[i], argv_count, arguments);
    if (status == STATUS_OK)
        *out = arguments;
    else
        cli_free(arguments);
    return status;
}

enum status cli_parse(const struct cli_command *command, const struct cli_option *options, int argc,
                      char **argv, struct cli_arguments **out)
{
    return cli_parse_with(command, options, NULL, 0, argc, argv, out);
}

void cli_free(struct cli_arguments *arguments)
{
    if (!arguments)
        return;
    free(arguments->given);
    free(arguments->operands);
    free(arguments);
}

const char *cli_value(const struct cli_arguments *arguments, const char *name)
{
    for (size_t i = arguments->given_count; i > 0; i--) {
        if (strcmp(arguments->given[i - 1].option->name, name) == 0)
            return arguments->given[i - 1].value;
    }
    return NULL;
}

const char *cli_value_at(const struct cli_arguments *arguments, const char *name, size_t n)
{
    for (size_t i = 0; i < arguments->given_count; i++) {
        if (strcmp(arguments->given[i].option->name, name) == 0 && n-- == 0)
            return arguments->given[i].value;
    }
    return NULL;
}

size_t cli_operand_count(const struct cli_arguments *arguments)
{
    return arguments->operand_count;
}

const char *cli_operand(const struct cli_arguments *arguments, size_t n)
{
    return n < arguments->operand_count ? arguments->operands[n] : NULL;
}

enum status cli_complain(const struct cli_arguments *arguments, const char *name, const char *value,
                         const char *advice)
{
    const char *origin = NULL;
    for (size_t i = 0; i < arguments->given_count; i++) {
        if (strcmp(arguments->given[i].option->name, name) == 0 && strcmp(arguments->given[i].value, value) == 0)
            origin = arguments->given[i].origin;
    }
    if (origin)
        cli_fail(EXIT_USAGE, "%s: %s = %.200s: %s", origin, name, value, advice);
    else
        cli_fail(EXIT_USAGE, "--%s \"%.200s\": %s", name, value, advice);
    return STATUS_USAGE;
}

/* A decimal number at the start of `text`; *rest is what stands behind it. */
static bool number_take(const char *text, int64_t *out, const char **rest)
{
    if (!isdigit((unsigned char)text[text[0] == '-']))
        return false;
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    *rest = end;
    return errno == 0;
}

enum status cli_number(const struct cli_arguments *arguments, const char *name, int64_t least, int64_t most,
                       int64_t *out)
{
    const char *text = cli_value(arguments, name);
    if (!text)
        return STATUS_OK;
    const char *rest;
    int64_t value;
    if (!number_take(text, &value, &rest) || *rest || value < least || value > most) {
        char advice[96];
        snprintf(advice, sizeof advice, "type a whole number from %" PRId64 " to %" PRId64, least, most);
        return cli_complain(arguments, name, text, advice);
    }
    *out = value;
    return STATUS_OK;
}

static int64_t unit_us(const char *unit)
{
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {{"", US_PER_S},         {"us", 1},
                 {"ms", US_PER_MS},      {"s", US_PER_S},
                 {"m", 60 * US_PER_S},   {"h", 3600 * US_PER_S},
                 {"d", 86400 * US_PER_S}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].name) == 0)
            return units[i].us;
    }
    return 0;
}

enum status cli_duration(const struct cli_arguments *arguments, const char *name, int64_t least_us,
                         int64_t most_us, int64_t *out_us)
{
    const char *text = cli_value(arguments, name);
    if (!text)
        return STATUS_OK;
    const char *rest;
    int64_t value, value_us = 0;
    bool is_duration = number_take(text, &value, &rest) && unit_us(rest) > 0 &&
                       !__builtin_mul_overflow(value, unit_us(rest), &value_us);
    if (!is_duration)
        return cli_complain(arguments, name, text, "type a duration such as 500ms, 90s, 10m, 2h or 1d");
    if (value_us < least_us || value_us > most_us) {
        char advice[96];
        snprintf(advice, sizeof advice, "type a duration from %gs to %gs", (double)least_us / 1e6,
                 (double)most_us / 1e6);
        return cli_complain(arguments, name, text, advice);
    }
    *out_us = value_us;
    return STATUS_OK;
}
