/* What other clients notice of hostile ones: how long uploads of honest probes take alone, and beside each
 * attack. Owner: a collector of its own process; attackers are threads with a few connections each, or many
 * silent ones. Why: an attack that is refused may still take the time of those who are not. Attackers share
 * this machine's processors with the collector, so that their own work counts against it too. */
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <zstd.h>

#include "measurement/base/clock.h"
#include "measurement/base/random.h"
#include "measurement/bundle.h"
#include "tests/bench/bench.h"
#include "tests/bench/collector/load.h"
#include "tests/http_client.h"

#define HONEST_CLIENTS   2
#define PHASE_US         (5 * US_PER_S / 2)
#define PAUSE_US         20000
#define TIMES_MOST       20000
#define ROUNDS           3 /* quiet and beside in turn: the machine is never the same for long */
#define CROWD            10000
#define CROWD_LEAVES_US  (12 * US_PER_S) /* until then the next quiet phase would not be quiet */
#define DRIPPERS         400
#define LARGE_LINE_BYTES (8000 * 1000)
#define LINE_HEAD                                                                                            \
    "{\"test_name\":\"web_connectivity\",\"measurement_start_time\":\"2026-01-01 "                           \
    "00:00:00\",\"probe_cc\":\"XD\","                                                                        \
    "\"test_keys\":"

struct phase {
    int port;
    int64_t end_us;
    struct buffer request; /* what attackers send again and again */
    int64_t times_us[TIMES_MOST];
    atomic_size_t time_count;
    atomic_bool has_failed;
};

struct attack {
    const char *name;
    int thread_count;
    void (*prepare)(struct phase *phase);
    void *(*run)(void *phase);
    int64_t settle_us; /* what it leaves behind is gone after */
};

static int64_t now_us(void)
{
    struct clock clock = clock_system();
    return clock_monotonic_us(&clock);
}

static void sleep_us(int64_t us)
{
    struct timespec time = {.tv_sec = us / US_PER_S, .tv_nsec = us % US_PER_S * 1000};
    nanosleep(&time, NULL);
}

static struct secret_key key_of(uint64_t seed)
{
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, seed);
    struct secret_key key = {0};
    key_make(&random, &key);
    return key;
}

/* Times never repeat, so they serve as sequence numbers. */
static struct bundle_label label_now(int64_t line_count)
{
    struct clock clock = clock_system();
    int64_t wall_us = clock_wall_us(&clock);
    return (struct bundle_label){.sequence = wall_us,
                                 .start_us = wall_us - US_PER_S,
                                 .end_us = wall_us,
                                 .boot_id = "bench",
                                 .measurement_count = line_count};
}

static int64_t lines_count(const struct buffer *lines)
{
    int64_t count = 0;
    for (size_t i = 0; i < lines->count; i++) {
        count += lines->bytes[i] == '\n';
    }
    return count;
}

/* A signed upload of lines, or of bytes as they are. */
static void upload_write(const struct secret_key *key, const struct buffer *lines,
                         const struct buffer *packed, struct buffer *out)
{
    struct buffer made = {0};
    struct buffer minisig = {0};
    struct bundle_label label = label_now(lines ? lines_count(lines) : 1);
    char comment[MINISIG_COMMENT_BYTES_MAX];
    if (lines) {
        bundle_pack(key, &label, lines->bytes, lines->count, &made, &minisig);
    } else {
        bundle_label_format(&label, comment);
        minisig_sign(key, packed->bytes, packed->count, comment, &minisig);
    }
    http_client_upload(&key->public_key, &minisig, lines ? &made : packed, out);
    buffer_free(&made);
    buffer_free(&minisig);
}

/* Twenty lines every 20 ms, as often as it gets an answer. */
static void *honest_run(void *arg)
{
    struct phase *phase = arg;
    struct random_source random = random_system();
    struct secret_key key;
    struct buffer request = {0};
    struct buffer answer = {0};
    int fd = key_make(&random, &key) == STATUS_OK ? http_client_dial(phase->port) : -1;
    char name[KEY_NAME_BYTES] = ""; /* two clients that keep step must not send the same lines */
    public_key_name(&key.public_key, name);
    for (int64_t n = 0; now_us() < phase->end_us && !phase->has_failed; n++) {
        struct buffer lines = {0};
        for (int i = 0; i < 20; i++) {
            buffer_printf(&lines, LINE_HEAD "{\"n\":\"%s %lld %lld %d\"}}\n", name, (long long)n,
                          (long long)now_us(), i);
        }
        request.count = 0;
        upload_write(&key, &lines, NULL, &request);
        buffer_free(&lines);
        int64_t start_us = now_us();
        int code = fd >= 0 ? http_client_ask(fd, request.bytes, request.count, &answer) : 0;
        size_t place = atomic_fetch_add(&phase->time_count, 1);
        if (code != 201 || place >= TIMES_MOST) {
            fprintf(stderr, "dialtone-bench: an honest upload was answered with %d\n", code);
            phase->has_failed = true;
            break;
        }
        phase->times_us[place] = now_us() - start_us;
        sleep_us(PAUSE_US);
    }
    if (fd >= 0) {
        close(fd);
    }
    buffer_free(&request);
    buffer_free(&answer);
    return NULL;
}

static void *repeat_run(void *arg)
{
    struct phase *phase = arg;
    struct buffer answer = {0};
    int fd = -1;
    while (now_us() < phase->end_us) {
        fd = fd >= 0 ? fd : http_client_dial(phase->port);
        if (fd >= 0 && http_client_ask(fd, phase->request.bytes, phase->request.count, &answer) == 0) {
            close(fd);
            fd = -1;
        }
        sleep_us(PAUSE_US);
    }
    if (fd >= 0) {
        close(fd);
    }
    buffer_free(&answer);
    return NULL;
}

static void crowd_hold(const struct phase *phase, int count, const char *first, const char *drip)
{
    int *fds = calloc((size_t)count, sizeof *fds);
    int opened = 0;
    while (fds && opened < count && now_us() < phase->end_us &&
           (fds[opened] = http_client_dial(phase->port)) >= 0) {
        send(fds[opened++], first, strlen(first), MSG_NOSIGNAL);
    }
    while (now_us() < phase->end_us) {
        for (int i = 0; i < opened && drip[0]; i++) {
            send(fds[i], drip, strlen(drip), MSG_NOSIGNAL);
        }
        sleep_us(US_PER_S / 2);
    }
    for (int i = 0; i < opened; i++) {
        close(fds[i]);
    }
    free(fds);
}

static void *crowd_run(void *arg)
{
    crowd_hold(arg, CROWD, "", "");
    return NULL;
}

static void *head_drip_run(void *arg)
{
    crowd_hold(arg, DRIPPERS, "POST /v1/bundles HTTP/1.1\r\nHost: a\r\n", "X: y\r\n");
    return NULL;
}

static void *body_drip_run(void *arg)
{
    crowd_hold(arg, DRIPPERS, "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n", "x");
    return NULL;
}

static void bomb_prepare(struct phase *phase)
{
    struct secret_key key = key_of(1);
    size_t count = BUNDLE_UNPACKED_BYTES_MAX + 1;
    uint8_t *zeros = calloc(1, count);
    struct buffer packed = {0};
    size_t room = ZSTD_compressBound(count);
    size_t got = zeros ? ZSTD_compress(buffer_reserve(&packed, room), room, zeros, count, 1) : 0;
    packed.count = ZSTD_isError(got) ? 0 : got;
    upload_write(&key, NULL, &packed, &phase->request);
    buffer_free(&packed);
    free(zeros);
}

static void values_prepare(struct phase *phase)
{
    struct secret_key key = key_of(2);
    struct buffer lines = {0};
    buffer_text(&lines, LINE_HEAD "{\"d\":0");
    for (int i = 0; i < 600000; i++) {
        buffer_printf(&lines, ",\"%x\":0", i);
    }
    buffer_text(&lines, "}}\n");
    upload_write(&key, &lines, NULL, &phase->request);
    buffer_free(&lines);
}

static void deep_prepare(struct phase *phase)
{
    struct secret_key key = key_of(3);
    struct buffer lines = {0};
    buffer_text(&lines, LINE_HEAD);
    for (int i = 0; i < 100000; i++) {
        buffer_text(&lines, "[");
    }
    buffer_text(&lines, "\n");
    upload_write(&key, &lines, NULL, &phase->request);
    buffer_free(&lines);
}

static void forged_prepare(struct phase *phase)
{
    struct secret_key key = key_of(4);
    struct random_source random = random_system();
    struct buffer packed = {0};
    uint8_t *bytes = buffer_reserve(&packed, BUNDLE_PACKED_BYTES_MAX);
    if (bytes) {
        random_fill(&random, bytes, BUNDLE_PACKED_BYTES_MAX);
        memcpy(bytes, "\x28\xb5\x2f\xfd", 4);
        packed.count = BUNDLE_PACKED_BYTES_MAX;
    }
    upload_write(&key, NULL, &packed, &phase->request);
    phase->request.bytes[phase->request.count - 1] ^= 1;
    buffer_free(&packed);
}

/* As large as a bundle may be, in lines as long as they may be; the last is no record, so that nothing is
 * ever stored. */
static void large_prepare(struct phase *phase)
{
    struct secret_key key = key_of(5);
    struct buffer lines = {0};
    for (int i = 0; i < 7; i++) {
        buffer_printf(&lines, LINE_HEAD "{\"n\":%d,\"s\":\"", i);
        for (int j = 0; j < LARGE_LINE_BYTES / 16; j++) {
            buffer_text(&lines, "\\n0123456789 abc");
        }
        buffer_text(&lines, "\"}}\n");
    }
    buffer_text(&lines, "{}\n");
    upload_write(&key, &lines, NULL, &phase->request);
    buffer_free(&lines);
}

static void smuggle_prepare(struct phase *phase)
{
    buffer_text(
        &phase->request,
        "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
}

static const struct attack nothing = {"nothing", 0, NULL, NULL, 0};
static const struct attack attacks[] = {
    {"400 heads that drip", 1, NULL, head_drip_run, 0},
    {"400 bodies that drip", 1, NULL, body_drip_run, 0},
    {"signed zstd bombs", 2, bomb_prepare, repeat_run, 0},
    {"600,000 keys in a line", 1, values_prepare, repeat_run, 0},
    {"JSON nested 100,000 deep", 2, deep_prepare, repeat_run, 0},
    {"4 MiB with a forged signature", 1, forged_prepare, repeat_run, 0},
    {"smuggling shapes", 4, smuggle_prepare, repeat_run, 0},
    {"10,000 connections that say nothing", 1, NULL, crowd_run, CROWD_LEAVES_US},
};

/* For the memory that it takes: what so much work costs others is no matter of hostility. */
static const struct attack largest = {"the largest bundles", 6, large_prepare, repeat_run, 0};

static int by_time(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* Adds the times of honest uploads beside the attack to the phase's. */
static void phase_run(const struct load_server *server, const struct attack *attack, struct phase *phase)
{
    pthread_t threads[HONEST_CLIENTS + 8];
    int started = 0;
    phase->port = server->port;
    if (attack->prepare && phase->request.count == 0) {
        attack->prepare(phase);
    }
    phase->end_us = now_us() + PHASE_US;
    for (int i = 0; i < attack->thread_count + HONEST_CLIENTS; i++) {
        void *(*run)(void *) = i < attack->thread_count ? attack->run : honest_run;
        started += pthread_create(&threads[started], NULL, run, phase) == 0;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    if (attack->settle_us > 0) {
        sleep_us(attack->settle_us);
    }
}

/* The 99th of 100; 0 where one failed. */
static int64_t phase_p99_us(struct phase *phase)
{
    if (phase->has_failed || phase->time_count == 0) {
        return 0;
    }
    qsort(phase->times_us, phase->time_count, sizeof phase->times_us[0], by_time);
    return phase->times_us[phase->time_count * 99 / 100];
}

static void phase_free(struct phase *phase)
{
    if (phase) {
        buffer_free(&phase->request);
        free(phase);
    }
}

static int entry_remove(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    (void)facts;
    (void)kind;
    (void)where;
    return remove(path);
}

static enum status attack_measure(struct bench_table *table, const struct load_server *server,
                                  const struct attack *attack, struct why *why)
{
    char what[96];
    struct phase *alone = calloc(1, sizeof *alone);
    struct phase *beside = calloc(1, sizeof *beside);
    enum status status = alone && beside ? STATUS_OK : STATUS_NO_MEMORY;
    for (int i = 0; i < ROUNDS && status == STATUS_OK; i++) {
        phase_run(server, &nothing, alone);
        phase_run(server, attack, beside);
    }
    int64_t alone_us = status == STATUS_OK ? phase_p99_us(alone) : 0;
    int64_t beside_us = status == STATUS_OK ? phase_p99_us(beside) : 0;
    if (status == STATUS_OK && (alone_us == 0 || beside_us == 0)) {
        why_set(why, "an honest client was refused beside: %s", attack->name);
        status = STATUS_CONFLICT;
    }
    if (status == STATUS_OK) {
        snprintf(what, sizeof what, "alone, before: %s", attack->name);
        bench_row(table, what, (double)alone_us / 1000, "ms", BENCH_NO_BAR, 0);
        snprintf(what, sizeof what, "beside, to alone: %s", attack->name);
        bench_row(table, what, (double)beside_us / (double)alone_us, "x", BENCH_AT_MOST, 2);
    }
    phase_free(alone);
    phase_free(beside);
    return status;
}

static enum status attacks_run(struct bench_table *table, const struct load_server *server, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0] && status == STATUS_OK; i++) {
        status = attack_measure(table, server, &attacks[i], why);
    }
    struct phase *phase = status == STATUS_OK ? calloc(1, sizeof *phase) : NULL;
    if (phase) {
        phase_run(server, &largest, phase);
        status = phase_p99_us(phase) > 0 ? STATUS_OK : STATUS_CONFLICT;
    }
    phase_free(phase);
    return status;
}

static enum status run(struct bench_table *table, struct why *why)
{
    char folder[] = "/tmp/dialtone-bench-XXXXXX";
    struct load_server server = {0};
    struct load_usage usage = {0};
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (!mkdtemp(folder)) {
        return STATUS_IO;
    }
    enum status status = load_server_start(folder, &server, why);
    if (status == STATUS_OK) {
        status = attacks_run(table, &server, why);
    }
    if (server.pid > 0) {
        enum status stopped = load_server_stop(&server, &usage, status == STATUS_OK ? why : NULL);
        status = status == STATUS_OK ? stopped : status;
    }
    nftw(folder, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
    if (status == STATUS_OK) {
        bench_row(table, "peak memory of the collector, the largest bundles six at a time included",
                  (double)usage.peak_bytes / 1048576.0, "MiB", BENCH_AT_MOST, 256);
    }
    return status;
}

const struct bench bench_hostile = {
    .name = "hostile",
    .summary = "what honest uploads notice of hostile clients",
    .run = run,
};
