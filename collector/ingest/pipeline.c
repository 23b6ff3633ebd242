/* Two queues and their threads.
 * Owner: the pipeline owns its threads and readers; a job in it belongs to it until it is told.
 * Why: preparing a bundle takes a processor, committing one takes a disk. Workers use all processors; the writer commits
 * whatever became ready during the last commit in one transaction, so that the disk is waited for once for many. */
#include "collector/ingest/pipeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "measurement/base/clock.h"

#define BYTES_MOST_DEFAULT (48u << 20)
#define WORKERS_MOST       32
#define GROUP_MOST         64

struct job_queue {
    struct pipeline_job *first;
    struct pipeline_job **end;
};

struct pipeline {
    struct collector_folder *folder;
    struct unpack_room *room;
    size_t bytes_most;
    pthread_mutex_t mutex; /* of everything below */
    pthread_cond_t has_raw;
    pthread_cond_t has_ready;
    struct job_queue raw;
    struct job_queue ready;
    size_t charged_bytes;
    size_t job_count;
    size_t working_count; /* workers that may still make something ready */
    bool is_ending;
    pthread_t writer;
    bool has_writer;
    int worker_count;
    struct worker {
        struct pipeline *pipeline;
        struct ingest_reader *reader;
        pthread_t thread;
        bool is_running;
    } workers[WORKERS_MOST];
};

static void queue_put(struct job_queue *queue, struct pipeline_job *job)
{
    job->next = NULL;
    *queue->end = job;
    queue->end = &job->next;
}

static struct pipeline_job *queue_take(struct job_queue *queue)
{
    struct pipeline_job *job = queue->first;
    if (job) {
        queue->first = job->next;
        if (!queue->first) {
            queue->end = &queue->first;
        }
    }
    return job;
}

/* What the job may hold at most while it is here. */
static size_t charge_of(const struct pipeline_job *job)
{
    return job->ingest.packed_count + BUNDLE_MEASUREMENTS_MAX * sizeof(struct observation);
}

static void job_tell(struct pipeline *pipeline, struct pipeline_job *job)
{
    size_t charge_bytes = job->charge_bytes;
    job->told(job); /* the job is its owner's again */
    pthread_mutex_lock(&pipeline->mutex);
    pipeline->charged_bytes -= charge_bytes;
    pipeline->job_count--;
    pthread_mutex_unlock(&pipeline->mutex);
}

/* NULL: the pipeline ends and nothing is left. */
static struct pipeline_job *raw_wait(struct pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->mutex);
    while (!pipeline->raw.first && !pipeline->is_ending) {
        pthread_cond_wait(&pipeline->has_raw, &pipeline->mutex);
    }
    struct pipeline_job *job = queue_take(&pipeline->raw);
    if (!job) {
        pipeline->working_count--;
        pthread_cond_signal(&pipeline->has_ready);
    }
    pthread_mutex_unlock(&pipeline->mutex);
    return job;
}

static void *worker_run(void *arg)
{
    struct worker *worker = arg;
    struct pipeline *pipeline = worker->pipeline;
    for (struct pipeline_job *job = raw_wait(pipeline); job; job = raw_wait(pipeline)) {
        ingest_prepare(worker->reader, &job->ingest);
        if (job->ingest.status != STATUS_OK || job->ingest.is_known) {
            job_tell(pipeline, job);
            continue;
        }
        pthread_mutex_lock(&pipeline->mutex);
        queue_put(&pipeline->ready, job);
        pthread_cond_signal(&pipeline->has_ready);
        pthread_mutex_unlock(&pipeline->mutex);
    }
    return NULL;
}

/* 0: the pipeline ends and nothing will become ready any more. */
static size_t group_wait(struct pipeline *pipeline, struct pipeline_job *out[GROUP_MOST])
{
    size_t count = 0;
    pthread_mutex_lock(&pipeline->mutex);
    while (!pipeline->ready.first && pipeline->working_count > 0) {
        pthread_cond_wait(&pipeline->has_ready, &pipeline->mutex);
    }
    while (count < GROUP_MOST && pipeline->ready.first) {
        out[count++] = queue_take(&pipeline->ready);
    }
    pthread_mutex_unlock(&pipeline->mutex);
    return count;
}

static void *writer_run(void *arg)
{
    struct pipeline *pipeline = arg;
    struct pipeline_job *group[GROUP_MOST];
    struct ingest_job *jobs[GROUP_MOST];
    for (size_t count = group_wait(pipeline, group); count > 0; count = group_wait(pipeline, group)) {
        for (size_t i = 0; i < count; i++) {
            jobs[i] = &group[i]->ingest;
        }
        ingest_commit(pipeline->folder, jobs, count);
        for (size_t i = 0; i < count; i++) {
            job_tell(pipeline, group[i]);
        }
    }
    return NULL;
}

static int worker_count_of(const struct pipeline_settings *settings)
{
    long count = settings->worker_count > 0 ? settings->worker_count : sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > WORKERS_MOST ? WORKERS_MOST : (int)count;
}

static enum status worker_start(struct pipeline *pipeline, struct worker *worker,
                                const struct ingest_policy *policy, struct why *why)
{
    worker->pipeline = pipeline;
    enum status status = ingest_reader_open(pipeline->folder, NULL, policy, &worker->reader, why);
    if (status == STATUS_OK) {
        ingest_reader_share(worker->reader, pipeline->room);
    }
    if (status == STATUS_OK && pthread_create(&worker->thread, NULL, worker_run, worker) != 0) {
        why_set(why, "no thread for a worker; allow the collector more threads");
        status = STATUS_NO_MEMORY;
    }
    worker->is_running = status == STATUS_OK;
    return status;
}

static enum status threads_start(struct pipeline *pipeline, const struct pipeline_settings *settings,
                                 struct why *why)
{
    enum status status = STATUS_OK;
    pipeline->worker_count = worker_count_of(settings);
    pipeline->working_count = (size_t)pipeline->worker_count;
    for (int i = 0; i < pipeline->worker_count && status == STATUS_OK; i++) {
        status = worker_start(pipeline, &pipeline->workers[i], settings->policy, why);
    }
    if (status == STATUS_OK && pthread_create(&pipeline->writer, NULL, writer_run, pipeline) != 0) {
        why_set(why, "no thread for the writer; allow the collector more threads");
        status = STATUS_NO_MEMORY;
    }
    pipeline->has_writer = status == STATUS_OK;
    return status;
}

enum status pipeline_open(const struct pipeline_settings *settings, struct pipeline **out, struct why *why)
{
    struct pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (!pipeline) {
        return STATUS_NO_MEMORY;
    }
    pipeline->folder = settings->folder;
    pipeline->bytes_most = settings->bytes_most ? settings->bytes_most : BYTES_MOST_DEFAULT;
    pipeline->raw.end = &pipeline->raw.first;
    pipeline->ready.end = &pipeline->ready.first;
    pthread_mutex_init(&pipeline->mutex, NULL);
    pthread_cond_init(&pipeline->has_raw, NULL);
    pthread_cond_init(&pipeline->has_ready, NULL);
    struct clock clock = clock_system();
    raw_folder_clean(settings->folder, clock_wall_us(&clock));
    enum status status = unpack_room_open(&pipeline->room);
    if (status == STATUS_OK) {
        status = threads_start(pipeline, settings, why);
    }
    if (status == STATUS_OK) {
        *out = pipeline;
    } else {
        pipeline_free(pipeline);
    }
    return status;
}

enum status pipeline_submit(struct pipeline *pipeline, struct pipeline_job *job)
{
    job->charge_bytes = charge_of(job);
    pthread_mutex_lock(&pipeline->mutex);
    bool is_full = pipeline->job_count > 0 && pipeline->charged_bytes + job->charge_bytes > pipeline->bytes_most;
    if (!is_full) {
        pipeline->charged_bytes += job->charge_bytes;
        pipeline->job_count++;
        queue_put(&pipeline->raw, job);
        pthread_cond_signal(&pipeline->has_raw);
    }
    pthread_mutex_unlock(&pipeline->mutex);
    return is_full ? STATUS_BUSY : STATUS_OK;
}

size_t pipeline_count(struct pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->mutex);
    size_t count = pipeline->job_count;
    pthread_mutex_unlock(&pipeline->mutex);
    return count;
}

void pipeline_free(struct pipeline *pipeline)
{
    if (!pipeline) {
        return;
    }
    pthread_mutex_lock(&pipeline->mutex);
    pipeline->is_ending = true;
    pthread_cond_broadcast(&pipeline->has_raw);
    pthread_mutex_unlock(&pipeline->mutex);
    for (int i = 0; i < pipeline->worker_count; i++) {
        if (pipeline->workers[i].is_running) {
            pthread_join(pipeline->workers[i].thread, NULL);
        }
    }
    if (pipeline->has_writer) {
        pthread_join(pipeline->writer, NULL);
    }
    for (int i = 0; i < pipeline->worker_count; i++) {
        ingest_reader_free(pipeline->workers[i].reader);
    }
    unpack_room_free(pipeline->room);
    pthread_cond_destroy(&pipeline->has_raw);
    pthread_cond_destroy(&pipeline->has_ready);
    pthread_mutex_destroy(&pipeline->mutex);
    free(pipeline);
}
