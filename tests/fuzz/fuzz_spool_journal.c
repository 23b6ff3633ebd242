/* Fuzzes what a start finds on the disk: a journal with any bytes in it, the chain, the names of files. Of a journal the
 * good lines stay and the others are counted; what was mended is found whole the next time.
 * Owner: a run makes its folder anew and removes it. Why: a failing disk writes anything. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measurement/base/random.h"
#include "probe/spool/spool_chain.h"
#include "probe/spool/spool_line.h"
#include "probe/spool/spool_name.h"
#include "tests/fuzz/fuzz.h"

static void file_write(const char *folder, const char *name, const uint8_t *bytes, size_t count)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_REQUIRE(fd >= 0 && write(fd, bytes, count) == (ssize_t)count);
    close(fd);
}

static int64_t good_lines_count(const uint8_t *bytes, size_t count)
{
    int64_t good_count = 0;
    for (size_t start = 0; start < count;) {
        const uint8_t *end = memchr(bytes + start, '\n', count - start);
        if (!end)
            break;
        struct reader line = reader_of(bytes + start, (size_t)(end - bytes) - start), record;
        good_count += spool_line_read(&line, &record);
        start = (size_t)(end - bytes) + 1;
    }
    return good_count;
}

static void journal_try(const char *folder, const struct secret_key *key, const uint8_t *bytes, size_t count)
{
    file_write(folder, "spool/pending.jsonl", bytes, count);
    int64_t good_count = good_lines_count(bytes, count);
    for (int start = 0; start < 2; start++) {
        struct spool *spool = NULL;
        FUZZ_REQUIRE(spool_open(folder, key, "boot", 1 << 20, &spool, NULL) == STATUS_OK);
        FUZZ_REQUIRE(spool_count(spool).pending_line_count == good_count);
        FUZZ_REQUIRE(start == 0 || spool_count(spool).dropped_count == 0);
        spool_free(spool);
    }
}

static void small_things_try(const uint8_t *bytes, size_t count)
{
    char name[300] = "", path[64];
    struct spool_name parsed;
    struct spool_chain chain;
    enum spool_rank rank;
    int64_t generation;
    memcpy(name, bytes, count < sizeof name - 1 ? count : sizeof name - 1);
    enum spool_ending ending = spool_name_parse(name, &parsed);
    if (ending != SPOOL_IS_OTHER) {
        char stem[SPOOL_NAME_BYTES];
        spool_name_stem(name, ending, stem);
        FUZZ_REQUIRE(strlen(stem) < strlen(name));
    }
    (void)spool_batch_parse(name, &generation, &rank);
    int fd = memfd_create("chain", MFD_CLOEXEC);
    FUZZ_REQUIRE(fd >= 0 && write(fd, bytes, count) == (ssize_t)count);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (spool_chain_read(path, &chain, NULL) == STATUS_OK)
        FUZZ_REQUIRE(chain.next_sequence >= 1 && chain.offset_bytes >= 0);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const char *const names[] = {"spool/pending.jsonl", "spool/pending-anomaly.jsonl",
                                        "spool/pending-clean.jsonl", "chain.json"};
    char folder[] = "/dev/shm/dialtone-fuzz-XXXXXX", path[128], key_name[KEY_NAME_BYTES];
    struct random_seeded state;
    struct random_source random = random_of_seed(&state, 1);
    struct secret_key key;
    small_things_try(bytes, count);
    FUZZ_REQUIRE(key_make(&random, &key) == STATUS_OK && mkdtemp(folder));
    snprintf(path, sizeof path, "%s/spool", folder);
    FUZZ_REQUIRE(mkdir(path, 0700) == 0);
    journal_try(folder, &key, bytes, count);
    public_key_name(&key.public_key, key_name);
    snprintf(path, sizeof path, "%s/spool/%s.pub", folder, key_name);
    (void)unlink(path);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    static const char *const folders[] = {"/spool", "/rejected", "/exported", ""};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        snprintf(path, sizeof path, "%s%s", folder, folders[i]);
        FUZZ_REQUIRE(rmdir(path) == 0);
    }
    return 0;
}
