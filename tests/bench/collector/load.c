/* Clients in threads, each with one connection that it keeps.
 * Owner: a client owns its socket and its list of times.
 * Why: the figure is that of the collector's process; clients must be light, and many enough that its writer always has a
 * group to commit. */
#include "tests/bench/collector/load.h"

#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "tests/http_client.h"

#define CLIENTS_MOST 64
#define START_WAIT_MS 20000

static int64_t now_us(void)
{
    struct clock clock = clock_system();
    return clock_monotonic_us(&clock);
}

static void sleep_ms(int ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

/* The program beside this one. */
static void program_find(char *out, size_t out_bytes)
{
    char self[4000] = "";
    ssize_t count = readlink("/proc/self/exe", self, sizeof self - 1);
    self[count > 0 ? count : 0] = 0;
    snprintf(out, out_bytes, "%s/dialtone-collector", dirname(self));
}

static void server_exec(const char *folder, const char *log_path)
{
    char program[4096];
    int log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    program_find(program, sizeof program);
    if (log < 0 || dup2(log, STDERR_FILENO) < 0) {
        _exit(126);
    }
    execl(program, program, "serve", "--data", folder, "--listen", "127.0.0.1:0", "--key-rate", "0", "--rate", "0",
          (char *)NULL);
    _exit(127);
}

static int port_read(const char *log_path)
{
    struct buffer bytes = {0};
    int port = 0;
    if (file_read(log_path, 1u << 20, &bytes, NULL) == STATUS_OK) {
        char *text = buffer_take_text(&bytes);
        const char *found = text ? strstr(text, "event=listening port=") : NULL;
        if (found && strchr(found, '\n')) {
            port = (int)strtol(found + strlen("event=listening port="), NULL, 10);
        }
        free(text);
    }
    buffer_free(&bytes);
    return port;
}

enum status load_server_start(const char *folder, struct load_server *out, struct why *why)
{
    char *log_path = path_join(folder, "bench.log");
    *out = (struct load_server){.pid = log_path ? fork() : -1};
    if (out->pid == 0) {
        server_exec(folder, log_path);
    }
    for (int waited_ms = 0; out->pid > 0 && waited_ms < START_WAIT_MS && out->port == 0; waited_ms += 20) {
        sleep_ms(20);
        out->port = port_read(log_path);
    }
    free(log_path);
    if (out->port == 0) {
        why_set(why, "the collector did not start; build dialtone-collector beside this program");
        return STATUS_IO;
    }
    return STATUS_OK;
}

int64_t load_server_cpu_us(const struct load_server *server)
{
    clockid_t clock;
    struct timespec used = {0};
    if (clock_getcpuclockid(server->pid, &clock) == 0) {
        clock_gettime(clock, &used);
    }
    return (int64_t)used.tv_sec * US_PER_S + used.tv_nsec / 1000;
}

static int64_t us_of(const struct timeval *time)
{
    return (int64_t)time->tv_sec * US_PER_S + time->tv_usec;
}

enum status load_server_stop(struct load_server *server, struct load_usage *out, struct why *why)
{
    struct rusage usage;
    int status = 0;
    kill(server->pid, SIGTERM);
    if (wait4(server->pid, &status, 0, &usage) != server->pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        why_set(why, "the collector ended with %d; see its log", status);
        return STATUS_IO;
    }
    out->system_us = us_of(&usage.ru_stime);
    out->cpu_us = us_of(&usage.ru_utime) + out->system_us;
    out->peak_bytes = (int64_t)usage.ru_maxrss * 1024;
    return STATUS_OK;
}

/* What the clients of one run share. */
struct load {
    int port;
    const struct workload *workload;
    atomic_size_t next;
    atomic_size_t receipt_count;
    atomic_size_t refused_count;
    atomic_bool has_failed;
    int64_t *times_us; /* by bundle */
};

/* Sends it until it is taken; false where it is refused for good. */
static bool bundle_send(struct load *load, int *fd, const struct buffer *request, struct buffer *answer)
{
    for (;;) {
        *fd = *fd >= 0 ? *fd : http_client_dial(load->port);
        int code = *fd >= 0 ? http_client_ask(*fd, request->bytes, request->count, answer) : 0;
        if (code == 201) {
            atomic_fetch_add(&load->receipt_count, 1);
            return true;
        }
        if (code != 503) {
            fprintf(stderr, "dialtone-bench: a bundle was answered with %d\n", code);
            return false;
        }
        atomic_fetch_add(&load->refused_count, 1);
        sleep_ms(20);
    }
}

static void *client_run(void *arg)
{
    struct load *load = arg;
    struct buffer request = {0};
    struct buffer answer = {0};
    int fd = -1;
    for (size_t i = atomic_fetch_add(&load->next, 1); i < load->workload->bundle_count && !load->has_failed;
         i = atomic_fetch_add(&load->next, 1)) {
        const struct workload_bundle *bundle = &load->workload->bundles[i];
        request.count = 0;
        http_client_upload(bundle->key, &bundle->minisig, &bundle->packed, &request);
        int64_t start_us = now_us();
        if (request.failed || !bundle_send(load, &fd, &request, &answer)) {
            load->has_failed = true;
        }
        load->times_us[i] = now_us() - start_us;
    }
    if (fd >= 0) {
        close(fd);
    }
    buffer_free(&request);
    buffer_free(&answer);
    return NULL;
}

static int by_time(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y);
}

enum status load_run(const struct load_server *server, const struct workload *workload, int client_count,
                     struct load_result *out, struct why *why)
{
    pthread_t threads[CLIENTS_MOST];
    int started = 0;
    struct load load = {.port = server->port, .workload = workload};
    load.times_us = calloc(workload->bundle_count, sizeof *load.times_us);
    if (!load.times_us) {
        return STATUS_NO_MEMORY;
    }
    int64_t start_us = now_us();
    while (started < client_count && started < CLIENTS_MOST &&
           pthread_create(&threads[started], NULL, client_run, &load) == 0) {
        started++;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    out->wall_us = now_us() - start_us;
    out->receipt_count = load.receipt_count;
    out->refused_count = load.refused_count;
    qsort(load.times_us, workload->bundle_count, sizeof *load.times_us, by_time);
    out->median_us = load.times_us[workload->bundle_count / 2];
    out->p99_us = load.times_us[workload->bundle_count * 99 / 100];
    free(load.times_us);
    if (load.has_failed || out->receipt_count != workload->bundle_count) {
        why_set(why, "%zu receipts for %zu bundles", out->receipt_count, workload->bundle_count);
        return STATUS_CONFLICT;
    }
    return STATUS_OK;
}
