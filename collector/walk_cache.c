/* Keeps checkpoints of walks in files.
 * Owner: the cache owns its paths and bytes; walk_cache_close releases them.
 * Why: bundles mostly come within days, some within weeks; two checkpoints a region spare most walks over years. */
#include "collector/walk_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/detect/checkpoint.h"
#include "measurement/base/file.h"

#define FOLDER         "walks"
#define BYTES_MAX      (256u << 20)
#define FAR_DAYS       28
#define STAMP_BYTES_MAX 32

static char *path_make(const char *data_folder, const char *region, const char *suffix)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/" FOLDER "/%s.%s", data_folder, region, suffix);
    return buffer_take_text(&path);
}

/* The bin from which the file goes on; 0: it is not there or not to be used. */
static int64_t bin_of(const char *path, struct buffer *bytes)
{
    struct why ignored;
    int64_t next_bin = 0;
    bytes->count = 0;
    if (access(path, R_OK) != 0 || file_read(path, BYTES_MAX, bytes, &ignored) != STATUS_OK ||
        !checkpoint_next_bin(bytes->bytes, bytes->count, &next_bin))
        return 0;
    return next_bin;
}

enum status walk_cache_open(const char *data_folder, const char *region, int64_t usable_bin, struct walk_cache *out)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    struct why ignored;
    *out = (struct walk_cache){0};
    if (region[0] == '\0' || region[strspn(region, letters)] != '\0')
        return STATUS_OK;
    char *folder = path_join(data_folder, FOLDER);
    bool is_made = folder != NULL && folder_make(folder, 0755, &ignored) == STATUS_OK;
    free(folder);
    if (!is_made)
        return STATUS_OK;
    out->near_path = path_make(data_folder, region, "near");
    out->far_path = path_make(data_folder, region, "far");
    out->stamp_path = path_make(data_folder, region, "judged");
    if (out->near_path == NULL || out->far_path == NULL || out->stamp_path == NULL) {
        walk_cache_close(out);
        return STATUS_NO_MEMORY;
    }
    out->near_bin = bin_of(out->near_path, &out->bytes);
    if (out->near_bin > 0 && out->near_bin <= usable_bin) {
        struct buffer far = {0};
        out->next_bin = out->near_bin;
        out->far_bin = bin_of(out->far_path, &far);
        buffer_free(&far);
        return STATUS_OK;
    }
    unlink(out->near_path);
    out->near_bin = 0;
    out->far_bin = bin_of(out->far_path, &out->bytes);
    if (out->far_bin > 0 && out->far_bin <= usable_bin) {
        out->next_bin = out->far_bin;
        return STATUS_OK;
    }
    walk_cache_clear(out);
    return STATUS_OK;
}

void walk_cache_check(struct walk_cache *cache, int64_t judged_version)
{
    struct buffer text = {0};
    struct why ignored;
    bool is_ours = cache->stamp_path != NULL && file_read(cache->stamp_path, STAMP_BYTES_MAX, &text, &ignored) == STATUS_OK;
    buffer_append(&text, "", 1);
    is_ours = is_ours && !text.failed && strtoll((const char *)text.bytes, NULL, 10) == judged_version;
    buffer_free(&text);
    if (!is_ours)
        walk_cache_clear(cache);
}

void walk_cache_stamp(const struct walk_cache *cache, int64_t judged_version)
{
    char text[STAMP_BYTES_MAX];
    struct why ignored;
    int length = snprintf(text, sizeof text, "%lld\n", (long long)judged_version);
    if (cache->stamp_path != NULL)
        (void)file_publish(cache->stamp_path, text, (size_t)length, 0644, &ignored);
}

void walk_cache_clear(struct walk_cache *cache)
{
    if (cache->near_path != NULL)
        unlink(cache->near_path);
    if (cache->far_path != NULL)
        unlink(cache->far_path);
    if (cache->stamp_path != NULL)
        unlink(cache->stamp_path);
    buffer_free(&cache->bytes);
    cache->next_bin = cache->near_bin = cache->far_bin = 0;
}

void walk_cache_keep(struct walk_cache *cache, const struct buffer *saved, int64_t bins_per_day)
{
    struct why ignored;
    int64_t next_bin;
    if (cache->near_path == NULL || !checkpoint_next_bin(saved->bytes, saved->count, &next_bin) ||
        next_bin <= cache->near_bin)
        return;
    if (cache->near_bin > 0 && (cache->far_bin == 0 || cache->near_bin - cache->far_bin >= FAR_DAYS * bins_per_day))
        (void)rename(cache->near_path, cache->far_path);
    (void)file_publish(cache->near_path, saved->bytes, saved->count, 0644, &ignored);
}

void walk_cache_close(struct walk_cache *cache)
{
    free(cache->near_path);
    free(cache->far_path);
    free(cache->stamp_path);
    buffer_free(&cache->bytes);
    *cache = (struct walk_cache){0};
}
