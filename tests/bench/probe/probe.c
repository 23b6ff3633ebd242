/* Bench: the probe measures a thousand HTTPS targets with a control, where curl only fetches them.
 * Owner: the outer run owns the file of figures that the inner one fills.
 * Why: both need the same far network, so that this program starts itself again inside of the lab. Plan: 1 outer: start
 * `dialtone-lab shell` with a round trip of 100 ms, and in it this very bench; 2 inner: the lists, then curl, then the
 * probe, each with its own resource usage; 3 outer: ratios. The lab serves a few names only: each target is a URL of its
 * own, and both make a connection for each; but curl looks up each name once and the probe each time. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "tests/bench/bench.h"

#define TARGET_COUNT   1000
#define FIGURES_NAME   "DIALTONE_BENCH_FIGURES"
#define FIGURES_MAX    4096
#define PATH_BYTES     512
#define LAB_SKIPPED    77
#define EXIT_NOT_FOUND 127

struct usage {
    double wall_s, cpu_s, peak_mb;
    int exit_code;
};

static void path_beside(const char *name, char out[PATH_BYTES])
{
    char self[PATH_BYTES / 2] = "";
    ssize_t count = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = count > 0 ? strrchr(self, '/') : NULL;
    if (slash)
        *slash = '\0';
    snprintf(out, PATH_BYTES, "%s/%s", self, name);
}

static enum status child_use(const char *const *argv, const char *stdout_path, struct usage *out)
{
    const struct clock clock = clock_system();
    int64_t start_us = clock_monotonic_us(&clock);
    struct rusage used;
    int code;
    pid_t pid = fork();
    if (pid < 0)
        return STATUS_IO;
    if (pid == 0) {
        int sink = open(stdout_path, O_WRONLY | O_CREAT | O_TRUNC, 0600), none = open("/dev/null", O_WRONLY);
        if (sink >= 0 && none >= 0 && dup2(sink, 1) >= 0 && dup2(none, 2) >= 0)
            execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(EXIT_NOT_FOUND);
    }
    if (wait4(pid, &code, 0, &used) != pid)
        return STATUS_IO;
    *out = (struct usage){
        .wall_s = (double)(clock_monotonic_us(&clock) - start_us) / (double)US_PER_S,
        .cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / (double)US_PER_S,
        .peak_mb = (double)used.ru_maxrss / 1024,
        .exit_code = WIFEXITED(code) ? WEXITSTATUS(code) : EXIT_NOT_FOUND,
    };
    return STATUS_OK;
}

static enum status lists_write(const char *targets_path, const char *curl_path, struct why *why)
{
    static const char *const hosts[] = {"www.news.lab", "www.video.lab", "www.wiki.lab", "www.chat.lab"};
    struct buffer targets = {0}, config = {0};
    buffer_text(&targets, "url,category_code\n");
    for (int i = 0; i < TARGET_COUNT; i++) {
        const char *host = hosts[(size_t)i % (sizeof hosts / sizeof hosts[0])];
        buffer_printf(&targets, "https://%s/?n=%d,NEWS\n", host, i);
        buffer_printf(&config, "url = \"https://%s/?n=%d\"\noutput = \"/dev/null\"\n", host, i);
    }
    enum status status = targets.failed || config.failed ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK)
        status = file_publish(targets_path, targets.bytes, targets.count, 0600, why);
    if (status == STATUS_OK)
        status = file_publish(curl_path, config.bytes, config.count, 0600, why);
    buffer_free(&targets);
    buffer_free(&config);
    return status;
}

static int lines_with(const char *path, const char *needle)
{
    struct buffer text = {0};
    int count = 0;
    if (file_read(path, 256u << 20, &text, NULL) == STATUS_OK) {
        const char *at = (const char *)text.bytes, *end = at + text.count;
        while ((at = memmem(at, (size_t)(end - at), needle, strlen(needle)))) {
            count++;
            at += strlen(needle);
        }
    }
    buffer_free(&text);
    return count;
}

static enum status inner_run(const char *figures_path, struct why *why)
{
    const char *lab = getenv("LAB") ? getenv("LAB") : "";
    char ca[PATH_BYTES], anchors[PATH_BYTES], targets[PATH_BYTES], config[PATH_BYTES], records[PATH_BYTES];
    char probe[PATH_BYTES], text[256];
    snprintf(ca, sizeof ca, "%s/ca.pem", lab);
    snprintf(anchors, sizeof anchors, "%s/anchors.csv", lab);
    snprintf(targets, sizeof targets, "%s/bench.csv", lab);
    snprintf(config, sizeof config, "%s/bench.curl", lab);
    snprintf(records, sizeof records, "%s/bench.jsonl", lab);
    path_beside("dialtone-probe", probe);
    const char *curl_argv[] = {"curl", "-sS", "--cacert", ca, "--http1.1", "--no-sessionid", "-H", "Connection: close",
                               "--parallel", "--parallel-immediate", "--parallel-max", "100", "-K", config, NULL};
    const char *probe_argv[] = {probe, "measure", "--format", "json", "--no-capture", "--targets", targets,
                                "--parallel", "100", "--ca-file", ca, "--anchors", anchors, "--resolver",
                                "130.192.3.21", "--control", "https://162.55.247.208/v1/control", NULL};
    struct usage curl = {0}, own = {0};
    enum status status = lists_write(targets, config, why);
    if (status == STATUS_OK)
        status = child_use(curl_argv, "/dev/null", &curl);
    if (status == STATUS_OK)
        status = child_use(probe_argv, records, &own);
    if (status != STATUS_OK)
        return status;
    int ok_count = lines_with(records, "\"verdict\":{\"blocking\":\"ok\"");
    int control_count = lines_with(records, "\"control_failure\":null");
    int count = snprintf(text, sizeof text, "%.6f %.6f %.6f %d %.6f %.6f %.6f %d %d", curl.wall_s, curl.cpu_s,
                         curl.peak_mb, curl.exit_code, own.wall_s, own.cpu_s, own.peak_mb, ok_count, control_count);
    return file_publish(figures_path, text, (size_t)count, 0600, why);
}

static void rows_print(struct bench_table *table, const struct usage *curl, const struct usage *own, int ok_count,
                       int control_count)
{
    bench_row(table, "curl, 1,000 targets at 100 ms: wall", curl->wall_s, "s", BENCH_NO_BAR, 0);
    bench_row(table, "curl: CPU", curl->cpu_s, "s", BENCH_NO_BAR, 0);
    bench_row(table, "curl: peak memory", curl->peak_mb, "MB", BENCH_NO_BAR, 0);
    bench_row(table, "probe with control: wall", own->wall_s, "s", BENCH_NO_BAR, 0);
    bench_row(table, "probe with control: CPU", own->cpu_s, "s", BENCH_NO_BAR, 0);
    bench_row(table, "probe with control: wall to curl's", own->wall_s / curl->wall_s, "x", BENCH_AT_MOST, 1.0);
    bench_row(table, "probe with control: CPU to curl's", own->cpu_s / curl->cpu_s, "x", BENCH_AT_MOST, 1.5);
    bench_row(table, "probe with control: peak memory", own->peak_mb, "MB", BENCH_AT_MOST, 24);
    bench_row(table, "targets found ok", ok_count, "of 1000", BENCH_AT_LEAST, TARGET_COUNT);
    bench_row(table, "targets whose control answered", control_count, "of 1000", BENCH_AT_LEAST, TARGET_COUNT);
}

static enum status figures_print(const char *path, struct bench_table *table, struct why *why)
{
    struct buffer text = {0};
    struct usage curl = {0}, own = {0};
    int ok_count = 0, control_count = 0;
    enum status status = file_read(path, FIGURES_MAX, &text, why);
    char *figures = status == STATUS_OK ? buffer_take_text(&text) : NULL;
    buffer_free(&text);
    if (status != STATUS_OK)
        return status;
    if (!figures || sscanf(figures, "%lf %lf %lf %d %lf %lf %lf %d %d", &curl.wall_s, &curl.cpu_s, &curl.peak_mb,
                           &curl.exit_code, &own.wall_s, &own.cpu_s, &own.peak_mb, &ok_count, &control_count) != 9 ||
        curl.exit_code != 0) {
        why_set(why, "curl did not fetch all targets in the lab; look at it with dialtone-lab shell");
        status = STATUS_IO;
    } else {
        rows_print(table, &curl, &own, ok_count, control_count);
    }
    free(figures);
    return status;
}

static enum status outer_run(struct bench_table *table, struct why *why)
{
    char lab[PATH_BYTES], self[PATH_BYTES], figures[] = "/tmp/dialtone-bench-XXXXXX";
    struct usage used = {0};
    int fd = mkstemp(figures);
    if (fd < 0) {
        why_set(why, "cannot make a file in /tmp; free some space");
        return STATUS_IO;
    }
    close(fd);
    path_beside("dialtone-lab", lab);
    path_beside("dialtone-bench", self);
    const char *argv[] = {lab, "shell", "--collector", "--delay", "50ms", "--", self, "probe", NULL};
    setenv(FIGURES_NAME, figures, 1);
    enum status status = child_use(argv, "/dev/null", &used);
    unsetenv(FIGURES_NAME);
    if (status == STATUS_OK && used.exit_code == LAB_SKIPPED)
        fprintf(stderr, "dialtone-bench: probe is left out: this system allows no network namespaces\n");
    else if (status == STATUS_OK)
        status = figures_print(figures, table, why);
    unlink(figures);
    return status;
}

static enum status probe_run(struct bench_table *table, struct why *why)
{
    const char *figures = getenv(FIGURES_NAME);
    return figures ? inner_run(figures, why) : outer_run(table, why);
}

const struct bench bench_probe = {
    .name = "probe",
    .summary = "1,000 HTTPS targets at 100 ms with a control, against curl --parallel (in the lab)",
    .run = probe_run,
};
