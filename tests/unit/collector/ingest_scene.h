/* A data folder that bundles are taken into. */
#ifndef TESTS_UNIT_COLLECTOR_INGEST_SCENE_H
#define TESTS_UNIT_COLLECTOR_INGEST_SCENE_H

#include <dirent.h>

#include "collector/ingest/ingest.h"
#include "tests/unit/collector/fixture.h"

struct scene {
    char *path;
    struct collector_folder folder;
    struct secret_key key;
};

static inline int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct why why = {""};
    scene->path = fixture_folder();
    scene->key = fixture_key(1);
    if (collector_folder_open(scene->path, 0, &scene->folder, &why) != STATUS_OK) {
        fail_msg("%s", why.text);
    }
    *state = scene;
    return 0;
}

static inline int teardown(void **state)
{
    struct scene *scene = *state;
    collector_folder_close(&scene->folder);
    fixture_folder_free(scene->path);
    free(scene);
    return 0;
}

static inline size_t kept_count(const struct scene *scene)
{
    char *path = path_join(scene->path, "bundles");
    DIR *folder = opendir(path);
    size_t count = 0;
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        count += entry->d_name[0] != '.';
    }
    closedir(folder);
    free(path);
    return count;
}

static inline enum status count_row(const struct store_measurement *row, void *arg)
{
    (void)row;
    (*(size_t *)arg)++;
    return STATUS_OK;
}

static inline size_t measurement_count(const struct scene *scene)
{
    size_t count = 0;
    struct store_measurement_filter filter = {.limit = 100000};
    assert_int_equal(scene->folder.store->each_measurement(scene->folder.handle, &filter, count_row, &count),
                     STATUS_OK);
    return count;
}

static inline enum status take(struct scene *scene, const struct fixture_bundle *bundle,
                        const struct public_key *key, struct store_put_result *out, struct why *why)
{
    struct ingest_bundle given = {bundle->packed.bytes, bundle->packed.count,
                                  (const char *)bundle->minisig.bytes, bundle->minisig.count, key};
    uint8_t hash[SHA256_BYTES];
    return ingest_bundle(&scene->folder, &given, FIXTURE_TIME_US + 1000 * US_PER_S, hash, out, why);
}

#endif
