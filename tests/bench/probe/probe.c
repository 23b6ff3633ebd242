/* Bench: the probe measures a thousand HTTPS targets with a control, where curl only fetches them.
 * Owner: the outer run owns the file of figures that the inner one fills.
 * Why: both need the same far network, so that this program starts itself again inside of the lab. Plan: 1 outer: start
 * `dialtone-lab shell` with a round trip of 100 ms, and in it this very bench; 2 inner: the lists, then curl, then the
 * probe, each with its own resource usage, over a thousand names of their own; 3 the same with a tenth of the targets
 * silent; 4 outer: ratios. */
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
#define HOLE_EVERY     10 /* of the second list, one target in ten is silent */
#define HOLE_RULE      "DropTrafficForServerEndpoint(ServerIPAddress=151.101.193.60 ServerPort=443 ServerProtocol=tcp)"
#define HOLE_TIMEOUT   "4" /* seconds, of both programs */
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

struct list {
    const char *name;
    bool has_holes;
    char targets[PATH_BYTES], config[PATH_BYTES], records[PATH_BYTES];
};

static enum status list_write(struct list *list, const char *folder, struct why *why)
{
    struct buffer targets = {0}, config = {0};
    snprintf(list->targets, PATH_BYTES, "%.300s/bench-%s.csv", folder, list->name);
    snprintf(list->config, PATH_BYTES, "%.300s/bench-%s.curl", folder, list->name);
    snprintf(list->records, PATH_BYTES, "%.300s/bench-%s.jsonl", folder, list->name);
    buffer_text(&targets, "url,category_code\n");
    for (int i = 0; i < TARGET_COUNT; i++) {
        const char *zone = list->has_holes && i % HOLE_EVERY == 0 ? "hole" : "site";
        buffer_printf(&targets, "https://h%d.%s.lab/,NEWS\n", i, zone);
        buffer_printf(&config, "url = \"https://h%d.%s.lab/\"\noutput = \"/dev/null\"\n", i, zone);
    }
    enum status status = targets.failed || config.failed ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK)
        status = file_publish(list->targets, targets.bytes, targets.count, 0600, why);
    if (status == STATUS_OK)
        status = file_publish(list->config, config.bytes, config.count, 0600, why);
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

struct round {
    struct usage curl, own;
    int ok_count, blocked_count, control_count;
};

#define ROUND_FIGURES 11

static enum status round_run(const char *folder, bool has_holes, struct round *out, struct why *why)
{
    struct list list = {.name = has_holes ? "holes" : "all", .has_holes = has_holes};
    char ca[PATH_BYTES], anchors[PATH_BYTES], probe[PATH_BYTES];
    snprintf(ca, sizeof ca, "%s/ca.pem", folder);
    snprintf(anchors, sizeof anchors, "%s/anchors.csv", folder);
    path_beside("dialtone-probe", probe);
    enum status status = list_write(&list, folder, why);
    const char *curl_argv[] = {"curl", "-sS", "--cacert", ca, "--http1.1", "--no-sessionid", "-H", "Connection: close",
                               "--connect-timeout", has_holes ? HOLE_TIMEOUT : "10", "--parallel",
                               "--parallel-immediate", "--parallel-max", "100", "-K", list.config, NULL};
    const char *probe_argv[] = {probe, "measure", "--format", "json", "--no-capture", "--targets", list.targets,
                                "--ca-file", ca, "--anchors", anchors, "--resolver", "130.192.3.21", "--control",
                                "https://162.55.247.208/v1/control", "--timeout", has_holes ? HOLE_TIMEOUT "s" : "30s",
                                NULL};
    if (status == STATUS_OK)
        status = child_use(curl_argv, "/dev/null", &out->curl);
    if (status == STATUS_OK)
        status = child_use(probe_argv, list.records, &out->own);
    if (status != STATUS_OK)
        return status;
    out->ok_count = lines_with(list.records, "\"verdict\":{\"blocking\":\"ok\"");
    out->blocked_count = lines_with(list.records, "\"verdict\":{\"blocking\":\"blocked\"");
    out->control_count = lines_with(list.records, "\"control_failure\":null");
    return STATUS_OK;
}

static void round_write(const struct round *round, struct buffer *out)
{
    buffer_printf(out, "%.6f %.6f %.6f %d %.6f %.6f %.6f %d %d %d %d\n", round->curl.wall_s, round->curl.cpu_s,
                  round->curl.peak_mb, round->curl.exit_code, round->own.wall_s, round->own.cpu_s, round->own.peak_mb,
                  round->own.exit_code, round->ok_count, round->blocked_count, round->control_count);
}

static bool round_read(const char *text, struct round *out)
{
    return sscanf(text, "%lf %lf %lf %d %lf %lf %lf %d %d %d %d", &out->curl.wall_s, &out->curl.cpu_s,
                  &out->curl.peak_mb, &out->curl.exit_code, &out->own.wall_s, &out->own.cpu_s, &out->own.peak_mb,
                  &out->own.exit_code, &out->ok_count, &out->blocked_count, &out->control_count) == ROUND_FIGURES;
}

static enum status inner_run(const char *figures_path, struct why *why)
{
    const char *folder = getenv("LAB") ? getenv("LAB") : "";
    struct round all = {0}, holes = {0};
    struct buffer text = {0};
    enum status status = round_run(folder, false, &all, why);
    if (status == STATUS_OK)
        status = round_run(folder, true, &holes, why);
    round_write(&all, &text);
    round_write(&holes, &text);
    if (status == STATUS_OK)
        status = text.failed ? STATUS_NO_MEMORY : file_publish(figures_path, text.bytes, text.count, 0600, why);
    buffer_free(&text);
    return status;
}

static void all_print(struct bench_table *table, const struct round *round)
{
    const struct usage *curl = &round->curl, *own = &round->own;
    bench_row(table, "curl, 1,000 targets at 100 ms: wall", curl->wall_s, "s", BENCH_NO_BAR, 0);
    bench_row(table, "curl: CPU", curl->cpu_s, "s", BENCH_NO_BAR, 0);
    bench_row(table, "curl: peak memory", curl->peak_mb, "MB", BENCH_NO_BAR, 0);
    bench_row(table, "probe with control: wall", own->wall_s, "s", BENCH_NO_BAR, 0);
    bench_row(table, "probe with control: CPU", own->cpu_s, "s", BENCH_NO_BAR, 0);
    bench_row(table, "probe with control: wall to curl's", own->wall_s / curl->wall_s, "x", BENCH_AT_MOST, 1.0);
    bench_row(table, "probe with control: CPU to curl's", own->cpu_s / curl->cpu_s, "x", BENCH_AT_MOST, 1.5);
    bench_row(table, "probe with control: peak memory", own->peak_mb, "MB", BENCH_AT_MOST, 24);
    bench_row(table, "targets found ok", round->ok_count, "of 1000", BENCH_AT_LEAST, TARGET_COUNT);
    bench_row(table, "targets whose control answered", round->control_count, "of 1000", BENCH_AT_LEAST, TARGET_COUNT);
}

static void holes_print(struct bench_table *table, const struct round *round)
{
    const int hole_count = TARGET_COUNT / HOLE_EVERY;
    bench_row(table, "a tenth silent: curl's wall", round->curl.wall_s, "s", BENCH_NO_BAR, 0);
    bench_row(table, "a tenth silent: probe's wall", round->own.wall_s, "s", BENCH_NO_BAR, 0);
    bench_row(table, "a tenth silent: wall to curl's", round->own.wall_s / round->curl.wall_s, "x", BENCH_AT_MOST, 1.1);
    bench_row(table, "a tenth silent: peak memory", round->own.peak_mb, "MB", BENCH_AT_MOST, 24);
    bench_row(table, "a tenth silent: targets found ok", round->ok_count, "of 900", BENCH_AT_LEAST,
              TARGET_COUNT - hole_count);
    bench_row(table, "a tenth silent: targets found blocked", round->blocked_count, "of 100", BENCH_AT_LEAST,
              hole_count);
}

static enum status figures_print(const char *path, struct bench_table *table, struct why *why)
{
    struct buffer text = {0};
    struct round all = {0}, holes = {0};
    enum status status = file_read(path, FIGURES_MAX, &text, why);
    char *figures = status == STATUS_OK ? buffer_take_text(&text) : NULL;
    const char *second = figures ? strchr(figures, '\n') : NULL;
    buffer_free(&text);
    if (status == STATUS_OK && (!second || !round_read(figures, &all) || !round_read(second, &holes) ||
                                all.curl.exit_code != 0)) {
        why_set(why, "curl did not fetch all targets in the lab; look at it with dialtone-lab shell");
        status = STATUS_IO;
    }
    free(figures);
    if (status != STATUS_OK)
        return status;
    all_print(table, &all);
    holes_print(table, &holes);
    return STATUS_OK;
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
    const char *argv[] = {lab, "shell", "--collector", "--delay", "50ms", "--rule", HOLE_RULE, "--", self, "probe", NULL};
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
    .summary = "1,000 HTTPS targets at 100 ms with a control, all well and a tenth silent, against curl (in the lab)",
    .run = probe_run,
};
