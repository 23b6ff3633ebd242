/* The thread that moves raw bundles into object storage.
 * Owner: the offloader owns its thread; the raw store lives for one round.
 * Why: a server far away takes its time, and nobody who uploads shall wait for it. Settings are read anew each round, so
 * that a bucket chosen while the collector serves is used from the next minute on. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "collector/raw/raw_store.h"
#include "collector/serve/parts.h"

#define ROUND_S    60
#define STEP_FILES 64 /* between two looks at whether to stop */

struct offloader {
    const struct service *service;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool is_stopping; /* under the mutex */
};

static bool is_stopping(struct offloader *offloader)
{
    pthread_mutex_lock(&offloader->mutex);
    bool stops = offloader->is_stopping;
    pthread_mutex_unlock(&offloader->mutex);
    return stops;
}

static void round_run(struct offloader *offloader)
{
    const struct log *log = &offloader->service->config->log;
    struct raw_store *raw = NULL;
    struct raw_moved moved = {.file_count = STEP_FILES};
    struct why why = {""};
    int64_t before_s = clock_wall_us(&offloader->service->clock) / US_PER_S - RAW_AGE_S;
    enum status status = raw_store_open(offloader->service->folder->path, &raw, &why);
    while (status == STATUS_OK && moved.file_count == STEP_FILES && !is_stopping(offloader)) {
        status = raw_store_move(raw, before_s, STEP_FILES, &moved, &why);
        if (moved.file_count > 0) {
            log_event(log, LOG_LEVEL_DEBUG, "offloaded", "files=%zu bytes=%lld", moved.file_count,
                      (long long)moved.byte_count);
        }
    }
    raw_store_free(raw);
    if (status != STATUS_OK) {
        log_event(log, LOG_LEVEL_ERROR, "offload_failed", "status=%s reason=\"%s\"", status_name(status), why.text);
    }
}

/* False: it is to stop. */
static bool round_wait(struct offloader *offloader)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ROUND_S;
    pthread_mutex_lock(&offloader->mutex);
    int waited = 0;
    while (!offloader->is_stopping && waited == 0) {
        waited = pthread_cond_timedwait(&offloader->wake, &offloader->mutex, &until);
    }
    bool goes_on = !offloader->is_stopping;
    pthread_mutex_unlock(&offloader->mutex);
    return goes_on;
}

static void *offloader_run(void *arg)
{
    do {
        round_run(arg);
    } while (round_wait(arg));
    return NULL;
}

enum status offloader_open(const struct service *service, struct offloader **out, struct why *why)
{
    pthread_condattr_t monotonic;
    struct offloader *offloader = calloc(1, sizeof *offloader);
    if (!offloader) {
        return STATUS_NO_MEMORY;
    }
    offloader->service = service;
    pthread_mutex_init(&offloader->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&offloader->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&offloader->thread, NULL, offloader_run, offloader) != 0) {
        why_set(why, "no thread to move raw bundles; allow the collector more threads");
        pthread_cond_destroy(&offloader->wake);
        pthread_mutex_destroy(&offloader->mutex);
        free(offloader);
        return STATUS_NO_MEMORY;
    }
    *out = offloader;
    return STATUS_OK;
}

void offloader_free(struct offloader *offloader)
{
    if (!offloader) {
        return;
    }
    pthread_mutex_lock(&offloader->mutex);
    offloader->is_stopping = true;
    pthread_cond_signal(&offloader->wake);
    pthread_mutex_unlock(&offloader->mutex);
    pthread_join(offloader->thread, NULL);
    pthread_cond_destroy(&offloader->wake);
    pthread_mutex_destroy(&offloader->mutex);
    free(offloader);
}
