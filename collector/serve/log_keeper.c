/* The service's one view of the evidence log.
 * Owner: the keeper owns the view, its reader and the thread that makes it ready.
 * Why: a log of a million entries takes a second to hash; no loop may stand still for it, and one view is enough. */
#include <stdlib.h>
#include <time.h>

#include "collector/log/evidence_log.h"
#include "collector/serve/parts.h"

#define READY_LOOK_US (5 * US_PER_MS)
#define READY_WAIT_US US_PER_S /* a small log is ready before the first caller comes */

struct log_keeper {
    pthread_mutex_t lock;
    struct query *query;
    struct evidence_log *log;
    atomic_bool is_ready;
    pthread_t thread;
    bool is_running;
};

/* What it finds wrong is found again, and told, when somebody asks. */
static void *make_ready(void *arg)
{
    struct log_keeper *keeper = arg;
    pthread_mutex_lock(&keeper->lock);
    evidence_log_update(keeper->log, NULL);
    pthread_mutex_unlock(&keeper->lock);
    atomic_store(&keeper->is_ready, true);
    return NULL;
}

static void ready_await(struct log_keeper *keeper)
{
    const struct timespec pause = {.tv_nsec = READY_LOOK_US * 1000};
    for (int64_t waited_us = 0; waited_us < READY_WAIT_US && !atomic_load(&keeper->is_ready); waited_us += READY_LOOK_US) {
        nanosleep(&pause, NULL);
    }
}

enum status log_keeper_open(struct service *service, struct log_keeper **out, struct why *why)
{
    struct log_keeper *keeper = calloc(1, sizeof *keeper);
    if (!keeper) {
        return STATUS_NO_MEMORY;
    }
    pthread_mutex_init(&keeper->lock, NULL);
    enum status status = query_open(service->folder->path, &keeper->query, why);
    if (status == STATUS_OK) {
        status = evidence_log_open(keeper->query, &service->key.public_key, &keeper->log);
    }
    if (status == STATUS_OK) {
        keeper->is_running = pthread_create(&keeper->thread, NULL, make_ready, keeper) == 0;
        status = keeper->is_running ? STATUS_OK : STATUS_NO_MEMORY;
    }
    if (status != STATUS_OK) {
        log_keeper_free(keeper);
        return status;
    }
    ready_await(keeper);
    *out = keeper;
    return STATUS_OK;
}

void log_keeper_free(struct log_keeper *keeper)
{
    if (!keeper) {
        return;
    }
    if (keeper->is_running) {
        pthread_join(keeper->thread, NULL);
    }
    evidence_log_free(keeper->log);
    query_close(keeper->query);
    pthread_mutex_destroy(&keeper->lock);
    free(keeper);
}

enum status log_keeper_take(struct log_keeper *keeper, struct evidence_log **out, struct why *why)
{
    if (!atomic_load(&keeper->is_ready)) {
        why_set(why, "the log is being read after a start; try again in some seconds");
        return STATUS_BUSY;
    }
    pthread_mutex_lock(&keeper->lock);
    *out = keeper->log;
    return STATUS_OK;
}

void log_keeper_give(struct log_keeper *keeper)
{
    pthread_mutex_unlock(&keeper->lock);
}
