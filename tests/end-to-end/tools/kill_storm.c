/* kill-storm COLLECTOR DATA KILLS: uploads to a collector that is killed with SIGKILL again and again, and looks at the end
 * whether every receipt is honoured.
 * Owner: the storm owns its clients' receipts; each client has a key and a connection of its own.
 * Plan: 1 start the collector, ask for a checkpoint of its log, 2 clients upload without a pause, 3 kill it at a random
 * moment, and again from 1, 4 at the end every bundle without a receipt is sent again, 5 with the collector stopped, read
 * its folder: every receipted bundle stands once in the log under its index, its files are whole, the log has no gaps, its
 * tree extends every checkpoint that was ever signed, and each measurement counts once.
 * Why: what a receipt promises is only seen by somebody who kept it. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "collector/folder.h"
#include "collector/log/evidence_log.h"
#include "collector/query.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "measurement/base/random.h"
#include "tests/http_client.h"

#define CLIENTS         6
#define ROWS_PER_BUNDLE 8
#define KILL_LEAST_MS   20
#define KILL_SPREAD_MS  260
#define RECEIPTS_MOST   200000

struct receipt {
    uint8_t hash[SHA256_BYTES];
    int64_t log_index;
};

struct storm {
    const char *program;
    const char *data;
    char log_path[4096];
    pid_t pid;
    int port;
    struct receipt *receipts;
    atomic_size_t receipt_count;
    atomic_size_t unsure_count; /* uploads that a kill cut off */
};

struct client {
    struct storm *storm;
    struct secret_key key;
    int64_t sequence;
    bool is_last; /* ends after the bundle under way */
    struct buffer packed;
    struct buffer minisig; /* of the bundle under way; empty: none */
    pthread_t thread;
};

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "kill-storm: %s: %s\n", what, why);
    exit(3);
}

static void sleep_ms(int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static int port_read(const char *path)
{
    struct buffer bytes = {0};
    int port = 0;
    if (file_read(path, 4u << 20, &bytes, NULL) == STATUS_OK) {
        char *text = buffer_take_text(&bytes);
        const char *found = text ? strstr(text, "event=listening port=") : NULL;
        port = found && strchr(found, '\n') ? (int)strtol(found + 21, NULL, 10) : 0;
        free(text);
    }
    buffer_free(&bytes);
    return port;
}

static void collector_start(struct storm *storm)
{
    unlink(storm->log_path); /* or the port of the one before would be read */
    storm->pid = fork();
    if (storm->pid == 0) {
        int log = open(storm->log_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (log < 0 || dup2(log, STDERR_FILENO) < 0) {
            _exit(126);
        }
        execl(storm->program, storm->program, "serve", "--data", storm->data, "--listen", "127.0.0.1:0", "--key-rate",
              "0", "--rate", "0", (char *)NULL);
        _exit(127);
    }
    storm->port = 0;
    for (int waited_ms = 0; storm->port == 0; waited_ms += 10) {
        if (storm->pid < 0 || waited_ms > 60000 || waitpid(storm->pid, NULL, WNOHANG) != 0) {
            fail("the collector did not start", storm->log_path);
        }
        sleep_ms(10);
        storm->port = port_read(storm->log_path);
    }
}

static void collector_end(struct storm *storm, int number)
{
    int status = 0;
    kill(storm->pid, number);
    if (waitpid(storm->pid, &status, 0) != storm->pid ||
        (number == SIGTERM && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))) {
        fail("the collector did not end in order", storm->log_path);
    }
}

/* After a start the collector asks to come again until it has read its log. */
static void checkpoint_ask(const struct storm *storm)
{
    static const char question[] = "GET /api/v1/log HTTP/1.1\r\nHost: a\r\n\r\n";
    struct buffer answer = {0};
    int fd = http_client_dial(storm->port);
    int code = fd >= 0 ? http_client_ask(fd, question, sizeof question - 1, &answer) : 0;
    for (int waited_ms = 0; code == 429 && waited_ms < 60000; waited_ms += 20) {
        sleep_ms(20);
        code = http_client_ask(fd, question, sizeof question - 1, &answer);
    }
    if (code != 200) {
        fail("no checkpoint", answer.count ? (const char *)answer.bytes : "no answer");
    }
    close(fd);
    buffer_free(&answer);
}

static void lines_make(const struct client *client, struct buffer *out)
{
    struct clock clock = clock_system();
    char when[TIME_TEXT_BYTES];
    char name[KEY_NAME_BYTES];
    public_key_name(&client->key.public_key, name);
    time_format_ooni(clock_wall_us(&clock), when);
    for (int i = 0; i < ROWS_PER_BUNDLE; i++) {
        buffer_printf(out,
                      "{\"test_name\":\"web_connectivity\",\"measurement_start_time\":\"%s\",\"probe_cc\":\"XD\","
                      "\"probe_asn\":\"AS64500\",\"input\":\"https://h%d.example/\",\"test_keys\":{\"n\":\"%s %lld %d\"}}\n",
                      when, i, name, (long long)client->sequence, i);
    }
}

static void bundle_make(struct client *client)
{
    struct clock clock = clock_system();
    struct buffer lines = {0};
    int64_t now_us = clock_wall_us(&clock);
    struct bundle_label label = {
        .sequence = ++client->sequence, .start_us = now_us, .end_us = now_us, .boot_id = "storm"};
    lines_make(client, &lines);
    client->packed.count = client->minisig.count = 0;
    if (bundle_pack(&client->key, &label, lines.bytes, lines.count, &client->packed, &client->minisig) != STATUS_OK) {
        fail("cannot make a bundle", "out of memory");
    }
    buffer_free(&lines);
}

static void receipt_keep(struct client *client, const char *text)
{
    struct storm *storm = client->storm;
    struct receipt receipt;
    json_t *root = NULL;
    sha256(client->packed.bytes, client->packed.count, receipt.hash);
    char digits[2 * SHA256_BYTES + 1];
    hex_encode(receipt.hash, SHA256_BYTES, digits);
    if (json_read(text, strlen(text), &root, NULL) != STATUS_OK) {
        fail("no receipt", text);
    }
    const json_t *said = json_member_object(root, "receipt");
    const char *hash = said ? json_member_text(said, "bundle") : NULL;
    receipt.log_index = said ? json_member_int(said, "log_index", -1) : -1;
    if (!hash || strcmp(hash, digits) != 0 || receipt.log_index < 0) {
        fail("a receipt for another bundle", text);
    }
    json_decref(root);
    size_t place = atomic_fetch_add(&storm->receipt_count, 1);
    if (place >= RECEIPTS_MOST) {
        fail("too many receipts", "ask for fewer kills");
    }
    storm->receipts[place] = receipt;
}

/* Uploads until the collector is gone. */
static void *client_run(void *arg)
{
    struct client *client = arg;
    struct buffer request = {0};
    struct buffer answer = {0};
    int fd = http_client_dial(client->storm->port);
    while (fd >= 0) {
        if (client->minisig.count == 0) {
            bundle_make(client);
        }
        request.count = 0;
        http_client_upload(&client->key.public_key, &client->minisig, &client->packed, &request);
        int code = http_client_ask(fd, request.bytes, request.count, &answer);
        if (code == 200 || code == 201) {
            receipt_keep(client, http_client_body(&answer));
            client->minisig.count = 0;
        } else if (code != 503) {
            client->storm->unsure_count += code == 0;
            if (code != 0) {
                fail("an upload was refused", (const char *)answer.bytes);
            }
            break;
        }
        if (client->is_last && client->minisig.count == 0) {
            break;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    buffer_free(&request);
    buffer_free(&answer);
    return NULL;
}

static void clients_run(struct client *clients, const struct random_source *random, bool is_last)
{
    struct storm *storm = clients[0].storm;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].is_last = is_last;
        if (pthread_create(&clients[i].thread, NULL, client_run, &clients[i]) != 0) {
            fail("no thread", "allow more");
        }
    }
    if (!is_last) {
        sleep_ms(KILL_LEAST_MS + (int64_t)random_below(random, KILL_SPREAD_MS));
        collector_end(storm, SIGKILL);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
    }
}

/* What the folder holds, by log index. */
struct ledger {
    uint8_t (*hashes)[SHA256_BYTES];
    size_t count;
    int64_t measurement_count;
    size_t checkpoint_count;
    struct evidence_log *log;
};

static enum status bundle_count(const struct store_bundle *row, const struct store_put_result *result, void *arg)
{
    struct ledger *ledger = arg;
    if (result->log_index != (int64_t)ledger->count) {
        fail("the log has a gap or an index twice", "");
    }
    ledger->hashes = realloc(ledger->hashes, (ledger->count + 1) * sizeof *ledger->hashes);
    memcpy(ledger->hashes[ledger->count++], row->hash, SHA256_BYTES);
    ledger->measurement_count += (int64_t)result->accepted_count;
    return STATUS_OK;
}

static enum status region_count(const struct store_region *row, void *arg)
{
    int64_t *count = arg;
    *count += strcmp(row->region, "XD") == 0 && row->asn == 0 ? row->measurement_count : 0;
    return STATUS_OK;
}

static void file_check(const struct storm *storm, const uint8_t hash[SHA256_BYTES])
{
    char name[BUNDLE_PATH_BYTES];
    uint8_t found[SHA256_BYTES];
    struct buffer bytes = {0};
    struct why why = {""};
    collector_bundle_path(hash, name);
    char *path = path_join(storm->data, name);
    if (file_read(path, BUNDLE_PACKED_BYTES_MAX, &bytes, &why) != STATUS_OK) {
        fail("a receipted bundle has no file", why.text);
    }
    sha256(bytes.bytes, bytes.count, found);
    if (memcmp(found, hash, sizeof found) != 0) {
        fail("a kept file is not what was receipted", path);
    }
    buffer_free(&bytes);
    free(path);
}

static int by_hash(const void *a, const void *b)
{
    return memcmp(a, b, SHA256_BYTES);
}

static void receipts_check(const struct storm *storm, const struct ledger *ledger)
{
    for (size_t i = 0; i < storm->receipt_count; i++) {
        const struct receipt *receipt = &storm->receipts[i];
        if ((size_t)receipt->log_index >= ledger->count ||
            memcmp(ledger->hashes[receipt->log_index], receipt->hash, SHA256_BYTES) != 0) {
            fail("a receipted bundle is not in the log where its receipt says", "");
        }
        file_check(storm, receipt->hash);
    }
    uint8_t(*sorted)[SHA256_BYTES] = calloc(ledger->count + 1, sizeof *sorted);
    memcpy(sorted, ledger->hashes, ledger->count * sizeof *sorted);
    qsort(sorted, ledger->count, sizeof *sorted, by_hash);
    for (size_t i = 1; i < ledger->count; i++) {
        if (memcmp(sorted[i - 1], sorted[i], SHA256_BYTES) == 0) {
            fail("a bundle stands in the log twice", "");
        }
    }
    free(sorted);
}

static enum status checkpoint_check(const struct note_checkpoint *checkpoint, void *arg)
{
    struct ledger *ledger = arg;
    struct merkle_hash root;
    if (evidence_log_root(ledger->log, checkpoint->size, &root) != STATUS_OK ||
        memcmp(&root, &checkpoint->root, sizeof root) != 0) {
        fail("the log does not extend a checkpoint that was signed", "");
    }
    ledger->checkpoint_count++;
    return STATUS_OK;
}

static void folder_check(const struct storm *storm, int64_t kill_count)
{
    struct collector_folder folder = {0};
    struct query *query = NULL;
    struct secret_key key;
    struct ledger ledger = {0};
    struct why why = {""};
    int64_t in_region_count = 0;
    enum status status = collector_folder_open(storm->data, 0, &folder, &why);
    if (status == STATUS_OK) {
        status = collector_folder_key(&folder, &key, &why);
    }
    const struct store_bundle_filter filter = {.log = folder.log};
    if (status == STATUS_OK) {
        status = folder.store->each_bundle(folder.handle, &filter, bundle_count, &ledger);
    }
    if (status == STATUS_OK) {
        status = query_open(storm->data, &query, &why);
    }
    if (status == STATUS_OK) {
        status = query_regions(query, region_count, &in_region_count);
    }
    if (status == STATUS_OK) {
        status = evidence_log_open(query, &key.public_key, &ledger.log);
    }
    if (status == STATUS_OK) {
        status = evidence_log_update(ledger.log, &why);
    }
    if (status == STATUS_OK) {
        status = evidence_log_each_checkpoint(storm->data, &key.public_key, checkpoint_check, &ledger, &why);
    }
    if (status != STATUS_OK) {
        fail("the data folder cannot be read", why.text);
    }
    receipts_check(storm, &ledger);
    if (ledger.measurement_count != (int64_t)ledger.count * ROWS_PER_BUNDLE || in_region_count != ledger.measurement_count) {
        fail("measurements are missing or count twice", "");
    }
    printf("%lld kills, %zu receipts, %zu uploads cut off, %zu bundles in the log, %zu checkpoints: all good\n",
           (long long)kill_count, (size_t)storm->receipt_count, (size_t)storm->unsure_count, ledger.count,
           ledger.checkpoint_count);
    evidence_log_free(ledger.log);
    query_close(query);
    collector_folder_close(&folder);
    free(ledger.hashes);
}

int main(int argc, char **argv)
{
    struct random_source random = random_system();
    static struct storm storm;
    static struct client clients[CLIENTS];
    int64_t kill_count = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
    if (kill_count < 1) {
        fprintf(stderr, "usage: kill-storm COLLECTOR DATA KILLS\n");
        return 2;
    }
    storm.program = argv[1];
    storm.data = argv[2];
    snprintf(storm.log_path, sizeof storm.log_path, "%s.log", argv[2]);
    storm.receipts = calloc(RECEIPTS_MOST, sizeof *storm.receipts);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].storm = &storm;
        if (!storm.receipts || key_make(&random, &clients[i].key) != STATUS_OK) {
            fail("cannot begin", "out of memory");
        }
    }
    for (int64_t i = 0; i < kill_count; i++) {
        collector_start(&storm);
        checkpoint_ask(&storm);
        clients_run(clients, &random, false);
    }
    collector_start(&storm);
    clients_run(clients, &random, true);
    checkpoint_ask(&storm);
    collector_end(&storm, SIGTERM);
    folder_check(&storm, kill_count);
    for (int i = 0; i < CLIENTS; i++) {
        buffer_free(&clients[i].packed);
        buffer_free(&clients[i].minisig);
    }
    free(storm.receipts);
    return 0;
}
