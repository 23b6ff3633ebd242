/* dialtone-lab demo: the whole line, from target list to region timeline, against a truth that is known. */
#ifndef TESTS_LAB_DEMO_H
#define TESTS_LAB_DEMO_H

#include "measurement/base/cli.h"
#include "tests/lab/judge.h"

extern const struct cli_command command_demo;

/* Where namespaces are not allowed: a collector, one probe and a page on the loopback device, and the site.
 * Says what it shows and what it does not. `out` is the folder for the site, `programs` that of the programs.
 */
enum exit_status demo_without_namespaces(const char *out, const char *programs);

/* Prints the table on standard output. Returns whether all rows agree. */
bool demo_table_print(const struct judge_row *rows, size_t count);

/* Runs a program of Dialtone's in the caller's network with the words given (ends with NULL) behind its name,
 * its output added to `log`. IO where it does not exit with 0. */
enum status demo_program_run(const char *programs, const char *name, const char *const *words,
                             const char *log, struct why *why);
/* detect, site and export over the collector's data: OUT/site and OUT/export. */
enum status demo_report(const char *programs, const char *data, const char *out, const char *log,
                        struct why *why);

#endif
