/* One direction of a client's link: delay, jitter, loss, rate. Pure: time and chance are arguments. */
#ifndef TESTS_LAB_LINK_H
#define TESTS_LAB_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/random.h"

struct link_settings {
    int64_t delay_us;    /* one way */
    int64_t jitter_us;   /* uniform in [0, jitter), without reordering */
    double loss;         /* 0 to 1 */
    int64_t rate_bits_s; /* 0: no limit */
    int64_t queue_us;    /* at a limited rate: how much may wait; what would wait longer is dropped */
};

struct link {
    struct link_settings settings;
    int64_t busy_until_us;
    int64_t last_due_us;
};

/* When a packet that enters now leaves; false where it is lost. */
bool link_schedule(struct link *link, const struct random_source *random, size_t bytes, int64_t now_us,
                   int64_t *out_due_us);

#endif
