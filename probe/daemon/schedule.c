/* Due times with jitter, waits after failures, and the order of targets.
 * Owner: nothing is kept.
 * Why: apart from the daemon, so that tests can give time and randomness. */
#include "probe/daemon/schedule.h"

int64_t schedule_next_us(int64_t due_us, int64_t now_us, int64_t interval_us, int jitter_percent,
                         const struct random_source *random)
{
    double spread_us = (double)interval_us * jitter_percent / 100.0;
    int64_t shift_us = (int64_t)((random_unit(random) * 2.0 - 1.0) * spread_us);
    int64_t next_us = due_us + interval_us + shift_us;
    return next_us < now_us ? now_us : next_us;
}

int64_t schedule_backoff_us(int64_t failure_count, int64_t base_us, int64_t most_us,
                            const struct random_source *random)
{
    int64_t wait_us = base_us < most_us ? base_us : most_us;
    for (int64_t i = 1; i < failure_count && wait_us < most_us; i++)
        wait_us = wait_us > most_us / 2 ? most_us : wait_us * 2;
    int64_t half_us = wait_us / 2;
    return half_us + (int64_t)(random_unit(random) * (double)(wait_us - half_us));
}

void schedule_shuffle(size_t *order, size_t count, const struct random_source *random)
{
    for (size_t i = 0; i < count; i++) {
        size_t j = (size_t)random_below(random, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}
