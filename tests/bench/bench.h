/* Figures of speed and memory, printed as one table and never asserted in a timed test.
 * A bench is tests/bench/NAME/NAME.c that ends with `const struct bench bench_NAME`. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/status.h"

struct bench_table; /* where figures go */

enum bench_sense { BENCH_AT_LEAST, BENCH_AT_MOST, BENCH_NO_BAR };

/* One row: `what`, the figure with its unit, the bar, and `ok` or `MISS` where there is a bar. */
void bench_row(struct bench_table *table, const char *what, double figure, const char *unit, enum bench_sense sense,
               double bar);

/* CPU time of this process, and its peak resident memory. */
int64_t bench_cpu_us(void);
int64_t bench_peak_bytes(void);

struct bench {
    const char *name;
    const char *summary;
    enum status (*run)(struct bench_table *table, struct why *why);
};

extern const struct bench *const bench_registry[];

#endif
