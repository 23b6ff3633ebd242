/* Timelines asked of a store with many measurements. */
#ifndef TESTS_BENCH_STORE_TIMELINE_H
#define TESTS_BENCH_STORE_TIMELINE_H

#include "tests/bench/bench.h"

/* Loads DIALTONE_BENCH_ROWS measurements (a million) into SQLite, bundle by bundle and without HTTP, and prints how long a
 * timeline takes then, and what a million of them take on disk. */
enum status timeline_measure(struct bench_table *table, struct why *why);

#endif
