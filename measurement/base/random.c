/* The kernel's randomness, and a repeatable source for tests.
 * A seeded source borrows its state from the caller.
 * Randomness is an argument, so that a test can repeat what a program did. */
#include "measurement/base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void system_fill(void *state, void *out, size_t count)
{
    (void)state;
    uint8_t *target = out;
    while (count > 0) {
        ssize_t got = getrandom(target, count, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort(); /* a key made of anything else would be guessable */
        target += got;
        count -= (size_t)got;
    }
}

struct random_source random_system(void)
{
    return (struct random_source){.fill = system_fill};
}

static uint64_t rotate_left(uint64_t value, int by)
{
    return value << by | value >> (64 - by);
}

/* xoshiro256** 1.0 */
static uint64_t seeded_next(struct random_seeded *seeded)
{
    uint64_t *s = seeded->words;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

static void seeded_fill(void *state, void *out, size_t count)
{
    uint8_t *target = out;
    while (count > 0) {
        uint64_t word = seeded_next(state);
        for (size_t i = 0; i < sizeof word && count > 0; i++, count--, target++)
            *target = (uint8_t)(word >> (8 * i));
    }
}

struct random_source random_of_seed(struct random_seeded *state, uint64_t seed)
{
    /* splitmix64 spreads the seed over the state, as xoshiro's authors advise. */
    for (size_t i = 0; i < 4; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t mixed = (seed ^ seed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
        state->words[i] = mixed ^ mixed >> 31;
    }
    return (struct random_source){.fill = seeded_fill, .state = state};
}

void random_fill(const struct random_source *source, void *out, size_t count)
{
    source->fill(source->state, out, count);
}

static uint64_t random_word(const struct random_source *source)
{
    uint8_t bytes[8];
    random_fill(source, bytes, sizeof bytes);
    uint64_t word = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t random_below(const struct random_source *source, uint64_t bound)
{
    /* Words below 2^64 mod bound would make small values likelier. */
    uint64_t reject_below = (0 - bound) % bound;
    uint64_t word;
    do {
        word = random_word(source);
    } while (word < reject_below);
    return word % bound;
}

double random_unit(const struct random_source *source)
{
    return (double)(random_word(source) >> 11) * 0x1p-53;
}
