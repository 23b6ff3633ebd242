/* Serial numbers by list, in one small file.
 * Owner: nothing is kept; the file's lock is held for one question.
 * Why: who can replay an old signed list could keep probes from measuring what matters now. */
#include "collector/serve/target_serial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"

#define FILE_NAME      "targets.json"
#define LOCK_NAME      "targets.lock"
#define FILE_BYTES_MAX (1u << 20)

static enum status lock_take(const char *data_folder, int *out_fd, struct why *why)
{
    char *path = path_join(data_folder, LOCK_NAME);
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    enum status status = path ? STATUS_OK : STATUS_NO_MEMORY;
    if (path && (fd < 0 || flock(fd, LOCK_EX) != 0)) {
        why_set(why, "cannot lock %s: %s; look at the folder's permissions", path, strerror(errno));
        status = STATUS_IO;
    }
    if (status == STATUS_OK)
        *out_fd = fd;
    else if (fd >= 0)
        close(fd);
    free(path);
    return status;
}

/* {"NAME": {"version", "serial", "issued_us"}, ...}; an empty object where there is no file yet. */
static enum status file_load(const char *path, json_t **out, struct why *why)
{
    struct buffer text = {0};
    enum status status = file_read(path, FILE_BYTES_MAX, &text, why);
    if (status == STATUS_NOT_FOUND) {
        *out = json_object();
        status = *out ? STATUS_OK : STATUS_NO_MEMORY;
    } else if (status == STATUS_OK && (json_read((const char *)text.bytes, text.count, out, NULL) != STATUS_OK ||
                                       !json_is_object(*out))) {
        why_set(why, "%s is damaged; bring it back from a copy: without it probes refuse the lists", path);
        status = STATUS_CONFLICT;
    }
    buffer_free(&text);
    return status;
}

static enum status file_save(const char *path, const json_t *lists, struct why *why)
{
    struct buffer text = {0};
    enum status status = json_write(lists, &text);
    buffer_text(&text, "\n");
    if (status == STATUS_OK)
        status = text.failed ? STATUS_NO_MEMORY : file_publish(path, text.bytes, text.count, 0600, why);
    buffer_free(&text);
    return status;
}

static enum status serial_next(json_t *lists, const char *name, const char *version, int64_t now_us,
                               struct target_serial *out)
{
    const json_t *known = json_member_object(lists, name);
    out->serial = json_member_int(known, "serial", 0) + 1;
    out->issued_us = now_us;
    json_t *entry = json_pack("{s:s, s:I, s:I}", "version", version, "serial", (json_int_t)out->serial, "issued_us",
                              (json_int_t)now_us);
    return entry && json_object_set_new(lists, name, entry) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status target_serial_of(const char *data_folder, const char *name, const char *version, int64_t now_us,
                             struct target_serial *out, struct why *why)
{
    json_t *lists = NULL;
    int lock_fd = -1;
    struct target_serial serial = {0};
    char *path = path_join(data_folder, FILE_NAME);
    enum status status = path ? lock_take(data_folder, &lock_fd, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = file_load(path, &lists, why);
    const json_t *known = json_member_object(lists, name);
    const char *known_version = json_member_text(known, "version");
    if (status == STATUS_OK && known_version && strcmp(known_version, version) == 0) {
        serial.serial = json_member_int(known, "serial", 1);
        serial.issued_us = json_member_int(known, "issued_us", now_us);
    } else if (status == STATUS_OK) {
        status = serial_next(lists, name, version, now_us, &serial);
        if (status == STATUS_OK)
            status = file_save(path, lists, why);
    }
    if (status == STATUS_OK)
        *out = serial;
    json_decref(lists);
    if (lock_fd >= 0)
        close(lock_fd);
    free(path);
    return status;
}
