/* How fast cells are filled and walked. */
#ifndef TESTS_BENCH_DETECTION_SPEED_H
#define TESTS_BENCH_DETECTION_SPEED_H

#include "tests/bench/bench.h"

enum status speed_run(struct bench_table *table, struct why *why);

#endif
