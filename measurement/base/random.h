/* Randomness as an argument. */
#ifndef MEASUREMENT_BASE_RANDOM_H
#define MEASUREMENT_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random_source {
    void (*fill)(void *state, void *out, size_t count);
    void *state;
};

struct random_source random_system(void); /* getrandom(2) */

/* Repeatable, for tests and simulation; never for keys. (xoshiro256**, Blackman and Vigna 2018) */
struct random_seeded {
    uint64_t words[4];
};
struct random_source random_of_seed(struct random_seeded *state, uint64_t seed);

void random_fill(const struct random_source *source, void *out, size_t count);
/* Uniform in [0, bound); bound > 0. */
uint64_t random_below(const struct random_source *source, uint64_t bound);
/* Uniform in [0, 1). */
double random_unit(const struct random_source *source);

#endif
