/* A collector of its own process, and clients that upload to it. */
#ifndef TESTS_BENCH_COLLECTOR_LOAD_H
#define TESTS_BENCH_COLLECTOR_LOAD_H

#include <sys/types.h>

#include "tests/bench/collector/workload.h"

struct load_server {
    pid_t pid;
    int port;
};

/* What the process has used since it started. */
struct load_usage {
    int64_t cpu_us;
    int64_t system_us; /* of it, in the kernel; whole process, where it has ended */
    int64_t peak_bytes;
};

/* Starts dialtone-collector from the folder that this program stands in, and waits until it listens. */
enum status load_server_start(const char *folder, struct load_server *out, struct why *why);
int64_t load_server_cpu_us(const struct load_server *server);
/* SIGTERM, and what it used. */
enum status load_server_stop(struct load_server *server, struct load_usage *out, struct why *why);

struct load_result {
    size_t receipt_count;
    size_t refused_count; /* 503, sent again until taken */
    int64_t wall_us;
    int64_t median_us; /* of one upload, until its receipt */
    int64_t p99_us;
};

/* Uploads every bundle once over `client_count` kept connections. */
enum status load_run(const struct load_server *server, const struct workload *workload, int client_count,
                     struct load_result *out, struct why *why);

#endif
