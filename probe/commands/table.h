/* Verdicts as a table that people read. */
#ifndef PROBE_COMMANDS_TABLE_H
#define PROBE_COMMANDS_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "measurement/verdict.h"

struct table_row {
    const char *target; /* borrowed */
    struct verdict verdict;
    double runtime_s;
    bool is_done; /* false: our own failure, no measurement was made */
};

struct table_counts {
    size_t ok_count;
    size_t blocked_count;
    size_t down_count;
    size_t offline_count;
    size_t unknown_count;
    size_t failed_count; /* not measured, by our own failure */
};

struct table_counts table_count(const struct table_row *rows, size_t count);
void table_print(FILE *out, const char *what, const struct table_row *rows, size_t count);
/* "tls: connection_reset", "connection_reset" or "" for a verdict; `out` holds at least 80. */
const char *table_method(const struct verdict *verdict, char *out, size_t out_bytes);

#endif
