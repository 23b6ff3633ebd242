/* Token buckets in a table of fixed size.
 * Owner: a limiter owns its table.
 * Why: whoever makes a million keys must not make us remember a million. */
#include "collector/trust/limiter.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"

#define WAYS      8
#define SET_COUNT 4096 /* 32,768 keys; a power of two */
#define MINUTE_US (60 * US_PER_S)

struct bucket {
    uint8_t id[KEY_ID_BYTES];
    bool is_used;
    int64_t seen_us;
    double tokens;
};

struct limiter {
    struct limiter_rate each;
    struct limiter_rate all;
    struct bucket together;
    struct bucket sets[SET_COUNT][WAYS];
};

enum status limiter_open(struct limiter_rate each, struct limiter_rate all, struct limiter **out)
{
    struct limiter *limiter = calloc(1, sizeof *limiter);
    if (!limiter) {
        return STATUS_NO_MEMORY;
    }
    limiter->each = each;
    limiter->all = all;
    limiter->together.tokens = (double)all.burst_count;
    *out = limiter;
    return STATUS_OK;
}

void limiter_free(struct limiter *limiter)
{
    free(limiter);
}

static double tokens_at(const struct bucket *bucket, struct limiter_rate rate, int64_t now_us)
{
    int64_t passed_us = now_us > bucket->seen_us ? now_us - bucket->seen_us : 0;
    double tokens = bucket->tokens + (double)passed_us * (double)rate.per_minute_count / (double)MINUTE_US;
    return tokens < (double)rate.burst_count ? tokens : (double)rate.burst_count;
}

static bool bucket_take(struct bucket *bucket, struct limiter_rate rate, int64_t now_us, int64_t *out_wait_s)
{
    if (rate.per_minute_count <= 0) {
        return true;
    }
    bucket->tokens = tokens_at(bucket, rate, now_us);
    bucket->seen_us = now_us;
    if (bucket->tokens < 1) {
        *out_wait_s = (int64_t)((1 - bucket->tokens) * 60.0 / (double)rate.per_minute_count) + 1;
        return false;
    }
    bucket->tokens -= 1;
    return true;
}

bool limiter_take_any(struct limiter *limiter, int64_t now_us, int64_t *out_wait_s)
{
    return bucket_take(&limiter->together, limiter->all, now_us, out_wait_s);
}

bool limiter_take(struct limiter *limiter, const uint8_t id[KEY_ID_BYTES], int64_t now_us, int64_t *out_wait_s)
{
    struct bucket *set = limiter->sets[((size_t)id[0] | (size_t)id[1] << 8) % SET_COUNT];
    struct bucket *place = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].is_used && memcmp(set[i].id, id, KEY_ID_BYTES) == 0) {
            return bucket_take(&set[i], limiter->each, now_us, out_wait_s);
        }
        bool is_better = !set[i].is_used ? place->is_used
                                         : place->is_used && tokens_at(&set[i], limiter->each, now_us) >
                                                                 tokens_at(place, limiter->each, now_us);
        place = is_better ? &set[i] : place;
    }
    *place = (struct bucket){.is_used = true, .seen_us = now_us, .tokens = (double)limiter->each.burst_count};
    memcpy(place->id, id, KEY_ID_BYTES);
    return bucket_take(place, limiter->each, now_us, out_wait_s);
}
