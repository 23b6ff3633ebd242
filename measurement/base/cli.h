/* What the three programs share on the command line: subcommands, help, one-line usage errors. */
#ifndef MEASUREMENT_BASE_CLI_H
#define MEASUREMENT_BASE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/status.h"

struct cli_command {
    const char *name;
    const char *summary; /* one line for the program's --help; NULL: not listed there */
    const char *help;    /* whole text of `program name --help`, with examples */
    /* argv[0] is the subcommand. Returns the process's exit status. */
    enum exit_status (*run)(int argc, char **argv);
};

struct cli_program {
    const char *name; /* "dialtone-probe" */
    const char *summary;
    const char *examples;
    const struct cli_command *const *commands; /* ends with NULL */
};

/* Handles --help, --version, `help NAME`, an unknown subcommand (one line that names the nearest, exit 2), and calls
 * the subcommand. */
enum exit_status cli_main(const struct cli_program *program, int argc, char **argv);

/* One option of a subcommand. A table of them ends with {0}. */
struct cli_option {
    const char *name;    /* long name without dashes */
    const char *value;   /* NULL: a flag; else the placeholder, "FILE" */
    const char *meaning; /* one line of the --help of this subcommand */
};

struct cli_arguments; /* parsed options and operands */

/* Parses options anywhere among operands, `--name VALUE` and `--name=VALUE`, "--" ends them. On a usage error prints
 * one line that says what is wrong and what to type, and returns USAGE; on --help prints the help of `command` with
 * the options and returns REFUSED with *out NULL: the caller exits 0. */
enum status cli_parse(const struct cli_command *command, const struct cli_option *options, int argc, char **argv,
                      struct cli_arguments **out);
/* What a configuration file says for one option; `origin` ("probe.conf line 3") is how complaints name it. */
struct cli_setting {
    const char *name;
    const char *value;
    const char *origin;
};
/* The same, with settings that stand in for options which argv does not give. All of it is borrowed until cli_free. A
 * flag's value is yes or no. An unknown name or a bad flag: one line, and USAGE. */
enum status cli_parse_with(const struct cli_command *command, const struct cli_option *options,
                           const struct cli_setting *settings, size_t setting_count, int argc, char **argv,
                           struct cli_arguments **out);
void cli_free(struct cli_arguments *arguments);
/* Prints one line that names the option, the value and where it stands, with what to type. Returns USAGE. */
enum status cli_complain(const struct cli_arguments *arguments, const char *name, const char *value,
                         const char *advice);
/* The last value given, or NULL. A flag that was given has the value "". */
const char *cli_value(const struct cli_arguments *arguments, const char *name);
/* The n-th value of an option given several times, or NULL. */
const char *cli_value_at(const struct cli_arguments *arguments, const char *name, size_t n);
size_t cli_operand_count(const struct cli_arguments *arguments);
const char *cli_operand(const struct cli_arguments *arguments, size_t n);
/* A whole number in [least, most]; where it is not one, prints one line and returns USAGE. Absent: *out untouched. */
enum status cli_number(const struct cli_arguments *arguments, const char *name, int64_t least, int64_t most,
                       int64_t *out);
/* A duration such as 90, 90s, 10m, 2h, 500ms, as microseconds; the same rules. */
enum status cli_duration(const struct cli_arguments *arguments, const char *name, int64_t least_us, int64_t most_us,
                         int64_t *out_us);
/* Prints "program: text" on stderr and returns the exit status given, so that a caller can `return cli_fail(...)`. */
enum exit_status cli_fail(enum exit_status exit_status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
