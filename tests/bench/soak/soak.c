/* Bench: fifteen probes and a collector in the lab, while one hardship follows the other.
 * Owner: the bench owns the file that the lab's words go to.
 * Why: what a hosted probe is for, as figures of a run that is short enough to be made often; the long one is
 * `dialtone-lab soak`. DIALTONE_BENCH_SOAK_MINUTES makes this one longer. */
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "measurement/base/file.h"
#include "tests/bench/bench.h"

#define MINUTES_USUAL  "3"
#define MINUTES_NAME   "DIALTONE_BENCH_SOAK_MINUTES"
#define WORDS_MAX      (1u << 20)
#define PATH_BYTES     512
#define LAB_SKIPPED    77
#define EXIT_NOT_FOUND 127

/* What the lab says in its two lines. */
struct figures {
    int64_t bin_count, agree_count;
    int64_t probe_count, signed_count, bundle_count, missing_count, counted_count;
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

static enum status lab_run(const char *folder, const char *words_path, int *out_code)
{
    const char *minutes = getenv(MINUTES_NAME);
    char lab[PATH_BYTES];
    int state = 0;
    path_beside("dialtone-lab", lab);
    pid_t pid = fork();
    if (pid == 0) {
        int words = open(words_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int none = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (words >= 0 && none >= 0 && dup2(words, STDOUT_FILENO) >= 0 && dup2(none, STDERR_FILENO) >= 0)
            execl(lab, lab, "soak", "--minutes", minutes ? minutes : MINUTES_USUAL, "--out", folder, (char *)NULL);
        _exit(EXIT_NOT_FOUND);
    }
    if (pid < 0 || waitpid(pid, &state, 0) != pid)
        return STATUS_IO;
    *out_code = WIFEXITED(state) ? WEXITSTATUS(state) : EXIT_NOT_FOUND;
    return STATUS_OK;
}

static enum status figures_read(const char *words_path, struct figures *out, struct why *why)
{
    struct buffer words = {0};
    enum status status = file_read(words_path, WORDS_MAX, &words, why);
    char *text = status == STATUS_OK ? buffer_take_text(&words) : NULL;
    const char *timeline = text ? strstr(text, "timeline: ") : NULL, *counted = text ? strstr(text, "counted: ") : NULL;
    bool is_whole =
        timeline && counted &&
        sscanf(timeline, "timeline: %" SCNd64 " bins of %*d s in three regions, %" SCNd64 " agree", &out->bin_count,
               &out->agree_count) == 2 &&
        sscanf(counted,
               "counted: %" SCNd64 " probes signed %" SCNd64 " measurements in %" SCNd64 " bundles, %" SCNd64
               " of them missing; the collector counts %" SCNd64,
               &out->probe_count, &out->signed_count, &out->bundle_count, &out->missing_count, &out->counted_count) == 5;
    free(text);
    buffer_free(&words);
    if (status == STATUS_OK && !is_whole) {
        why_set(why, "dialtone-lab soak told no figures; type it to see why");
        status = STATUS_MALFORMED;
    }
    return status;
}

static void rows_print(struct bench_table *table, const struct figures *figures)
{
    bench_row(table, "bins of 5 s in three regions", (double)figures->bin_count, "bins", BENCH_NO_BAR, 0);
    bench_row(table, "of these, told as what was done", (double)figures->agree_count, "bins", BENCH_AT_LEAST,
              (double)figures->bin_count);
    bench_row(table, "measurements signed by the probes", (double)figures->signed_count, "measurements", BENCH_NO_BAR, 0);
    bench_row(table, "more or fewer counted by the collector",
              (double)llabs((long long)(figures->counted_count - figures->signed_count)), "measurements", BENCH_AT_MOST, 0);
    bench_row(table, "bundles missing", (double)figures->missing_count, "bundles", BENCH_AT_MOST, 0);
}

static int entry_remove(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static enum status soak_run(struct bench_table *table, struct why *why)
{
    char folder[] = "/tmp/dialtone-bench-soak-XXXXXX", words_path[PATH_BYTES];
    struct figures figures = {0};
    int code = 0;
    if (!mkdtemp(folder))
        return STATUS_IO;
    snprintf(words_path, sizeof words_path, "%s/words", folder);
    enum status status = lab_run(folder, words_path, &code);
    if (status != STATUS_OK) {
        why_set(why, "dialtone-lab cannot be started; build all of it");
    } else if (code == LAB_SKIPPED) {
        fprintf(stderr, "soak: namespaces are not permitted here: skipped\n");
    } else {
        status = figures_read(words_path, &figures, why);
        if (status == STATUS_OK)
            rows_print(table, &figures);
    }
    nftw(folder, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}

const struct bench bench_soak = {
    .name = "soak",
    .summary = "fifteen probes through cuts, portals, forgeries and clock jumps: bins that agree, measurements counted",
    .run = soak_run,
};
