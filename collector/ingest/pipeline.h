/* Bundles through as many threads as there are: workers prepare, one writer commits what is ready in groups. What is in
 * the pipeline is bounded; beyond the bound a bundle is refused, not queued.
 * Guarantees:
 *   order      none between bundles; each is told once, in a thread of the pipeline
 *   durability `told` with OK means stored durably, or stored before (ingest.h)
 *   end        pipeline_free tells everything that was taken before it returns */
#ifndef COLLECTOR_INGEST_PIPELINE_H
#define COLLECTOR_INGEST_PIPELINE_H

#include "collector/ingest/ingest.h"

struct pipeline;

/* Stands inside the caller's own; the pipeline's from submission until it is told. */
struct pipeline_job {
    struct ingest_job ingest;
    void (*told)(struct pipeline_job *job);
    struct pipeline_job *next;
    size_t charge_bytes;
};

struct pipeline_settings {
    struct collector_folder *folder;     /* whose handle is the writer's alone from now on */
    const struct ingest_policy *policy;  /* NULL: all may */
    int worker_count;                    /* 0: one for each processor */
    size_t bytes_most;                   /* of all bundles in it; 0: the default */
};

enum status pipeline_open(const struct pipeline_settings *settings, struct pipeline **out, struct why *why);
/* From any thread. BUSY: it is full, the job stays the caller's. */
enum status pipeline_submit(struct pipeline *pipeline, struct pipeline_job *job);
/* How many bundles are in it. */
size_t pipeline_count(struct pipeline *pipeline);
void pipeline_free(struct pipeline *pipeline);

#endif
