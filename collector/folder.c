/* The layout of the data folder.
 * Owner: an open folder owns its path and its store handle.
 * Why: serve, import, detect and reports agree here on what stands where. */
#include "collector/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "collector/store/setting.h"
#include "measurement/base/file.h"

#define KEY_FILE           "collector.key"
#define LOCK_FILE          "lock"
#define BUNDLES_FOLDER     "bundles"
#define PROBES_FOLDER      "probes"
#define KEY_FILE_BYTES_MAX 1024

static enum status subfolder_make(const char *path, const char *name, struct why *why)
{
    char *whole = path_join(path, name);
    enum status status = whole ? folder_make(whole, 0750, why) : STATUS_NO_MEMORY;
    free(whole);
    return status;
}

static enum status log_name(struct collector_folder *folder, struct why *why)
{
    struct secret_key key;
    enum status status = collector_folder_key(folder, &key, why);
    if (status == STATUS_OK) {
        public_key_name(&key.public_key, folder->log);
        secret_key_wipe(&key);
    }
    return status;
}

static enum status bundles_open(struct collector_folder *folder, struct why *why)
{
    char *path = path_join(folder->path, BUNDLES_FOLDER);
    folder->bundles_fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    enum status status = !path ? STATUS_NO_MEMORY : folder->bundles_fd < 0 ? STATUS_IO : STATUS_OK;
    if (status == STATUS_IO) {
        why_set(why, "cannot open %.200s: %s; mend its rights", path, strerror(errno));
    }
    free(path);
    return status;
}

enum status collector_folder_open(const char *path, int64_t bin_length_s, struct collector_folder *out,
                                  struct why *why)
{
    struct collector_folder folder = {.bin_length_s = bin_length_s, .bundles_fd = -1};
    struct store_setting setting;
    enum status status = folder_make(path, 0750, why);
    if (status == STATUS_OK) {
        status = subfolder_make(path, BUNDLES_FOLDER, why);
    }
    if (status == STATUS_OK) {
        status = subfolder_make(path, PROBES_FOLDER, why);
    }
    if (status == STATUS_OK) {
        status = store_setting_read(path, &setting, why);
    }
    if (status != STATUS_OK) {
        return status;
    }
    folder.store = setting.store;
    folder.path = strdup(path);
    if (!folder.path) {
        return STATUS_NO_MEMORY;
    }
    status = folder.store->open(path, false, &folder.bin_length_s, &folder.handle, why);
    if (status != STATUS_OK) {
        free(folder.path);
        return status;
    }
    status = bundles_open(&folder, why);
    if (status == STATUS_OK) {
        status = log_name(&folder, why);
    }
    if (status != STATUS_OK) {
        collector_folder_close(&folder);
        return status;
    }
    *out = folder;
    return STATUS_OK;
}

void collector_folder_close(struct collector_folder *folder)
{
    if (folder->store) {
        folder->store->close(folder->handle);
        if (folder->bundles_fd >= 0) {
            close(folder->bundles_fd);
        }
    }
    free(folder->path);
    *folder = (struct collector_folder){0};
}

int collector_folder_lock(const struct collector_folder *folder)
{
    char *path = path_join(folder->path, LOCK_FILE);
    int lock = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640) : -1;
    free(path);
    int held = -1;
    do {
        held = lock >= 0 ? flock(lock, LOCK_EX) : 0;
    } while (held < 0 && errno == EINTR);
    if (held < 0) {
        close(lock);
        lock = -1;
    }
    return lock;
}

void collector_folder_unlock(int lock)
{
    if (lock >= 0) {
        close(lock);
    }
}

static enum status key_load_or_make(const char *path, struct secret_key *out, struct why *why)
{
    struct random_source random = random_system();
    if (access(path, F_OK) == 0) {
        return secret_key_load(path, out, why);
    }
    struct secret_key key;
    enum status status = key_make(&random, &key);
    if (status == STATUS_OK) {
        status = secret_key_save(&key, path, why);
    }
    if (status == STATUS_OK) {
        *out = key;
    }
    secret_key_wipe(&key);
    return status;
}

enum status collector_folder_key(const struct collector_folder *folder, struct secret_key *out,
                                 struct why *why)
{
    char *path = path_join(folder->path, KEY_FILE);
    int lock = collector_folder_lock(folder);
    enum status status = path ? key_load_or_make(path, out, why) : STATUS_NO_MEMORY;
    collector_folder_unlock(lock);
    free(path);
    return status;
}

static char *probe_key_path(const char *path, const uint8_t id[KEY_ID_BYTES])
{
    char name[sizeof PROBES_FOLDER + 2 * KEY_ID_BYTES + 8];
    char digits[2 * KEY_ID_BYTES + 1];
    hex_encode(id, KEY_ID_BYTES, digits);
    snprintf(name, sizeof name, PROBES_FOLDER "/%s.pub", digits);
    return path_join(path, name);
}

enum status collector_folder_probe_key(const char *path, const uint8_t id[KEY_ID_BYTES],
                                       struct public_key *out)
{
    struct buffer bytes = {0};
    char *file = probe_key_path(path, id);
    char *text = NULL;
    enum status status = file ? file_read(file, KEY_FILE_BYTES_MAX, &bytes, NULL) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        text = buffer_take_text(&bytes);
        status = text ? STATUS_OK : STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK) {
        text[strcspn(text, "\r\n")] = 0;
        status = public_key_parse(text, out);
    }
    free(text);
    free(file);
    buffer_free(&bytes);
    return status;
}

enum status collector_folder_keep_probe_key(const struct collector_folder *folder,
                                            const struct public_key *key, struct why *why)
{
    char text[PUBLIC_KEY_TEXT_BYTES + 1];
    char *path = probe_key_path(folder->path, key->id);
    if (!path) {
        return STATUS_NO_MEMORY;
    }
    enum status status = STATUS_OK;
    if (access(path, F_OK) != 0) {
        public_key_format(key, text);
        text[PUBLIC_KEY_TEXT_BYTES - 1] = '\n';
        status = file_publish(path, text, PUBLIC_KEY_TEXT_BYTES, 0640, why);
    }
    free(path);
    return status;
}

void collector_bundle_path(const uint8_t hash[SHA256_BYTES], char out[BUNDLE_PATH_BYTES])
{
    char digits[2 * SHA256_BYTES + 1];
    hex_encode(hash, SHA256_BYTES, digits);
    snprintf(out, BUNDLE_PATH_BYTES, BUNDLES_FOLDER "/%s.jsonl.zst", digits);
}
