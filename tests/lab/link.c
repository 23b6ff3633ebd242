/* One direction of a client's link.
 * Owner: nothing is allocated.
 * Why: sch_netem is missing in most containers; this behaves the same everywhere and repeats with its seed.
 */
#include "tests/lab/link.h"

static int64_t later(int64_t left, int64_t right)
{
    return left > right ? left : right;
}

bool link_schedule(struct link *link, const struct random_source *random, size_t bytes, int64_t now_us,
                   int64_t *out_due_us)
{
    const struct link_settings *settings = &link->settings;
    if (settings->loss > 0 && random_unit(random) < settings->loss)
        return false;
    int64_t sent_us = now_us;
    if (settings->rate_bits_s > 0) {
        int64_t start_us = later(now_us, link->busy_until_us);
        if (settings->queue_us > 0 && start_us - now_us > settings->queue_us)
            return false;
        sent_us = start_us + (int64_t)bytes * 8 * 1000000 / settings->rate_bits_s;
        link->busy_until_us = sent_us;
    }
    int64_t jitter_us =
        settings->jitter_us > 0 ? (int64_t)random_below(random, (uint64_t)settings->jitter_us) : 0;
    int64_t due_us = later(sent_us + settings->delay_us + jitter_us, link->last_due_us);
    link->last_due_us = due_us;
    *out_due_us = due_us;
    return true;
}
