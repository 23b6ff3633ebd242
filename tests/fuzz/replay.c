/* Runs a fuzz target over a folder of seeds, and over every truncation and some mutations of each.
 * Owner: the file's bytes belong to replay_file.
 * Why: the seeds guard against regressions in builds that have no fuzzer. */
#include <dirent.h>
#include <string.h>

#include "measurement/base/file.h"
#include "tests/fuzz/fuzz.h"

#define SEED_BYTES_MAX ((size_t)1 << 20)
#define TRUNCATIONS_MAX 256

static void replay_variants(const struct buffer *seed)
{
    LLVMFuzzerTestOneInput(seed->bytes, seed->count);
    size_t step = seed->count / TRUNCATIONS_MAX + 1;
    for (size_t count = 0; count < seed->count; count += step) {
        uint8_t *exact = malloc(count > 0 ? count : 1); /* exact, so that the sanitizer sees one byte too far */
        FUZZ_REQUIRE(exact != NULL);
        memcpy(exact, seed->bytes, count);
        LLVMFuzzerTestOneInput(exact, count);
        free(exact);
    }
    for (size_t at = 0; at < seed->count; at += step) {
        uint8_t before = seed->bytes[at];
        seed->bytes[at] = (uint8_t)(before ^ (1u << (at % 8)));
        LLVMFuzzerTestOneInput(seed->bytes, seed->count);
        seed->bytes[at] = before;
    }
}

static int replay_file(const char *folder, const char *name)
{
    struct buffer seed = {0};
    struct why why = {{0}};
    char *path = path_join(folder, name);
    FUZZ_REQUIRE(path != NULL);
    int failed = file_read(path, SEED_BYTES_MAX, &seed, &why) != STATUS_OK;
    if (failed) {
        fprintf(stderr, "%s\n", why.text);
    } else {
        replay_variants(&seed);
    }
    free(path);
    buffer_free(&seed);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER-OF-SEEDS\n", argv[0]);
        return 2;
    }
    DIR *folder = opendir(argv[1]);
    if (folder == NULL) {
        perror(argv[1]);
        return 3;
    }
    int failed_count = 0;
    int seed_count = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            failed_count += replay_file(argv[1], entry->d_name);
            seed_count++;
        }
    }
    closedir(folder);
    printf("%d seeds\n", seed_count);
    return failed_count > 0 || seed_count == 0;
}
