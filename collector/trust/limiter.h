/* How much may come, by key and from all together: token buckets. No address is known here. Of bounded size: where there are
 * too many keys, the one that has used least is forgotten. One caller at a time. */
#ifndef COLLECTOR_TRUST_LIMITER_H
#define COLLECTOR_TRUST_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "measurement/key.h"

struct limiter_rate {
    int64_t burst_count;      /* at once */
    int64_t per_minute_count; /* in the long run; 0: no limit */
};

struct limiter;

enum status limiter_open(struct limiter_rate each, struct limiter_rate all, struct limiter **out);
void limiter_free(struct limiter *limiter);
/* Takes one; false where there is none left, with the seconds after which there will be. */
bool limiter_take_any(struct limiter *limiter, int64_t now_us, int64_t *out_wait_s);
bool limiter_take(struct limiter *limiter, const uint8_t id[KEY_ID_BYTES], int64_t now_us, int64_t *out_wait_s);

#endif
