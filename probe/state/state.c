/* Reads and publishes the small files of a state folder.
 * Owner: nothing is kept but the lock's descriptor, which is the caller's.
 * Why: consent, key and pin are each one file, so that a person can look at them and take them away. */
#include "probe/state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"

#define SMALL_BYTES_MAX    65536
#define RECEIPTS_BYTES_MAX (INT64_C(1) << 20)

enum status state_lock(const char *folder, int *out_fd, struct why *why)
{
    enum status status = STATUS_OK;
    char *path = path_join(folder, STATE_LOCK);
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (!path) {
        status = STATUS_NO_MEMORY;
    } else if (fd < 0) {
        status = errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
        if (status == STATUS_NOT_FOUND)
            why_set(why, "there is no %s; type dialtone-probe consent --state %s first", folder, folder);
        else
            why_set(why, "cannot write to %s: %s; make the folder and its disk writable", folder, strerror(errno));
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status = STATUS_BUSY;
        why_set(why, "another dialtone-probe holds %s; stop it first, or give another --state", folder);
    } else {
        *out_fd = fd;
        fd = -1;
    }
    if (fd >= 0)
        close(fd);
    free(path);
    return status;
}

static enum status small_read(const char *folder, const char *name, struct buffer *out, struct why *why)
{
    char *path = path_join(folder, name);
    enum status status = path ? file_read(path, SMALL_BYTES_MAX, out, why) : STATUS_NO_MEMORY;
    free(path);
    return status;
}

static enum status small_publish(const char *folder, const char *name, const struct buffer *text, struct why *why)
{
    char *path = path_join(folder, name);
    enum status status = !path || text->failed ? STATUS_NO_MEMORY
                                               : file_publish(path, text->bytes, text->count, 0600, why);
    free(path);
    return status;
}

/* The mark's number; 0 where it is none. */
static int format_read(struct buffer *text)
{
    char *line = buffer_take_text(text);
    int format = 0;
    bool is_number = line && line[0] >= '1' && line[0] <= '9' && strspn(line, "0123456789") <= 6 &&
                     (line[strspn(line, "0123456789")] == '\n' || line[strspn(line, "0123456789")] == '\0');
    if (is_number)
        format = (int)strtol(line, NULL, 10);
    free(line);
    return format;
}

enum status state_format_check(const char *folder, struct why *why)
{
    struct buffer text = {0};
    enum status status = small_read(folder, STATE_FORMAT, &text, why);
    int format = status == STATUS_NOT_FOUND ? 1 : (status == STATUS_OK ? format_read(&text) : 0);
    buffer_free(&text);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    if (format == STATE_FORMAT_NOW)
        return STATUS_OK;
    if (format == 0) {
        why_set(why, "%s/%s is damaged; write %d into it if this program made the folder", folder, STATE_FORMAT,
                STATE_FORMAT_NOW);
        return STATUS_CONFLICT;
    }
    if (format > STATE_FORMAT_NOW) {
        why_set(why, "%s was made by a newer dialtone-probe (format %d, this one knows %d); install that one again",
                folder, format, STATE_FORMAT_NOW);
        return STATUS_REFUSED;
    }
    buffer_printf(&text, "%d\n", STATE_FORMAT_NOW);
    status = small_publish(folder, STATE_FORMAT, &text, why);
    buffer_free(&text);
    return status;
}

enum status state_consent_check(const char *folder, struct why *why)
{
    struct buffer text = {0};
    json_t *consent = NULL;
    enum status status = small_read(folder, STATE_CONSENT, &text, why);
    if (status == STATUS_IO) /* there, but not for us: who it belongs to may well have agreed */
        return status;
    if (status == STATUS_OK)
        status = json_read((const char *)text.bytes, text.count, &consent, NULL);
    if (status == STATUS_OK && json_member_int(consent, "text_version", 0) != STATE_CONSENT_TEXT)
        status = STATUS_NOT_FOUND;
    if (status != STATUS_OK && status != STATUS_NO_MEMORY) {
        status = STATUS_REFUSED;
        why_set(why, "nobody has agreed to host a probe here; type: dialtone-probe consent --state %s", folder);
    }
    json_decref(consent);
    buffer_free(&text);
    return status;
}

enum status state_consent_publish(const char *folder, int64_t now_us, struct why *why)
{
    struct buffer text = {0};
    char when[TIME_TEXT_BYTES];
    time_format_utc(now_us, when);
    buffer_printf(&text, "{\"agreed\":\"%s\",\"text_version\":%d}\n", when, STATE_CONSENT_TEXT);
    enum status status = small_publish(folder, STATE_CONSENT, &text, why);
    buffer_free(&text);
    return status;
}

enum status state_key_load(const char *folder, struct secret_key *out, struct why *why)
{
    char *path = path_join(folder, STATE_KEY);
    enum status status = path ? secret_key_load(path, out, why) : STATUS_NO_MEMORY;
    if (status == STATUS_NOT_FOUND)
        why_set(why, "there is no key in %s; type: dialtone-probe consent --state %s", folder, folder);
    free(path);
    return status;
}

enum status state_key_save(const char *folder, const struct secret_key *key, struct why *why)
{
    char *path = path_join(folder, STATE_KEY);
    enum status status = path ? secret_key_save(key, path, why) : STATUS_NO_MEMORY;
    free(path);
    return status;
}

bool state_has_key(const char *folder)
{
    char *path = path_join(folder, STATE_KEY);
    bool has_key = path && access(path, F_OK) == 0;
    free(path);
    return has_key;
}

/* The first line of a small file; the caller frees it. */
static enum status line_read(const char *folder, const char *name, char **out, struct why *why)
{
    struct buffer text = {0};
    enum status status = small_read(folder, name, &text, why);
    char *line = status == STATUS_OK ? buffer_take_text(&text) : NULL;
    if (line)
        line[strcspn(line, "\r\n")] = '\0';
    else if (status == STATUS_OK)
        status = STATUS_NO_MEMORY;
    buffer_free(&text);
    *out = line;
    return status;
}

static enum status line_publish(const char *folder, const char *name, const char *line, struct why *why)
{
    struct buffer text = {0};
    buffer_printf(&text, "%s\n", line);
    enum status status = small_publish(folder, name, &text, why);
    buffer_free(&text);
    return status;
}

enum status state_collector_read(const char *folder, struct public_key *out, struct why *why)
{
    char *line;
    enum status status = line_read(folder, STATE_COLLECTOR, &line, why);
    if (status == STATUS_OK)
        status = public_key_parse(line, out);
    if (status == STATUS_MALFORMED)
        why_set(why, "%s/%s holds no key; give --collector-key, or remove it to trust the next receipt's", folder,
                STATE_COLLECTOR);
    free(line);
    return status;
}

enum status state_collector_publish(const char *folder, const struct public_key *key, struct why *why)
{
    char line[PUBLIC_KEY_TEXT_BYTES];
    public_key_format(key, line);
    return line_publish(folder, STATE_COLLECTOR, line, why);
}

enum status state_recipient_read(const char *folder, struct age_recipient *out, struct why *why)
{
    char *line;
    enum status status = line_read(folder, STATE_RECIPIENT, &line, why);
    if (status == STATUS_OK)
        status = age_recipient_parse(line, out);
    if (status == STATUS_MALFORMED)
        why_set(why, "%s/%s holds no recipient; give --seal-to, or remove it to ask the collector again", folder,
                STATE_RECIPIENT);
    free(line);
    return status;
}

enum status state_recipient_publish(const char *folder, const struct age_recipient *recipient, struct why *why)
{
    char line[AGE_RECIPIENT_BYTES];
    age_recipient_format(recipient, line);
    return line_publish(folder, STATE_RECIPIENT, line, why);
}

enum status state_route_read(const char *folder, char out[ROUTE_LABEL_BYTES])
{
    char *line;
    enum status status = line_read(folder, STATE_ROUTE, &line, NULL);
    if (status == STATUS_OK)
        snprintf(out, ROUTE_LABEL_BYTES, "%s", line);
    free(line);
    return status;
}

enum status state_route_publish(const char *folder, const char *label, struct why *why)
{
    return line_publish(folder, STATE_ROUTE, label, why);
}

static enum status line_append(const char *path, const struct buffer *line, struct why *why)
{
    struct stat found;
    enum status status = STATUS_OK;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &found) != 0)
        goto failed;
    if (write(fd, line->bytes, line->count) != (ssize_t)line->count) {
        int error = errno;
        (void)ftruncate(fd, found.st_size);
        errno = error;
        goto failed;
    }
    if (fdatasync(fd) != 0)
        goto failed;
    goto done;
failed:
    status = errno == ENOSPC || errno == EDQUOT ? STATUS_FULL : STATUS_IO;
    why_set(why, "cannot write %s: %s; check the disk", path, strerror(errno));
done:
    if (fd >= 0)
        close(fd);
    return status;
}

enum status state_receipt_append(const char *folder, const void *receipt, size_t count, struct why *why)
{
    struct buffer line = {0};
    struct stat found;
    char *path = path_join(folder, STATE_RECEIPTS);
    char *older_path = path_join(folder, STATE_RECEIPTS ".1");
    enum status status = path && older_path ? STATUS_OK : STATUS_NO_MEMORY;
    buffer_append(&line, receipt, count);
    buffer_append(&line, "\n", 1);
    if (line.failed)
        status = STATUS_NO_MEMORY;
    if (status == STATUS_OK && stat(path, &found) == 0 && found.st_size > RECEIPTS_BYTES_MAX)
        (void)rename(path, older_path);
    if (status == STATUS_OK)
        status = line_append(path, &line, why);
    buffer_free(&line);
    free(path);
    free(older_path);
    return status;
}
