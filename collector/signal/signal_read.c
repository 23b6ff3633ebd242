/* Reads DATA/signals/NAME.csv, which signal_store.c wrote.
 * Owner: a file's bytes live while it is read; samples are borrowed by the callback.
 * Why: drawn beside our timeline, a signal lets readers compare; nothing here reaches the detector. */
#include "collector/signal/signal_read.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "collector/signal/signal_time.h"
#include "measurement/base/file.h"

#define FILES_MOST 256u
#define SUFFIX     ".csv"

struct reading {
    const char *name;
    const char *region;
    int64_t from_s, to_s;
    signal_callback callback;
    void *arg;
};

/* Cuts "TIME,"word",CODE,VALUE" in place; doubled quotes in the word are undone. */
static bool line_cut(char *line, char *fields[4])
{
    fields[0] = line;
    char *at = strchr(line, ',');
    if (at == NULL || at[1] != '"')
        return false;
    *at = '\0';
    char *write = fields[1] = at += 2;
    while (*at != '\0' && (*at != '"' || at[1] == '"')) {
        at += *at == '"';
        *write++ = *at++;
    }
    if (*at != '"' || at[1] != ',')
        return false;
    *write = '\0';
    fields[2] = at + 2;
    fields[3] = strchr(fields[2], ',');
    if (fields[3] == NULL)
        return false;
    *fields[3]++ = '\0';
    return true;
}

static enum status line_take(const struct reading *reading, char *line)
{
    char *fields[4], *end;
    struct signal_sample sample = {.name = reading->name};
    if (!line_cut(line, fields) || signal_time_parse(fields[0], ORDER_MONTH_FIRST, &sample.time_s) != STATUS_OK)
        return STATUS_OK;
    sample.word = fields[1];
    sample.region = fields[2];
    sample.value = strtod(fields[3], &end);
    bool is_wanted = reading->region == NULL || strcmp(reading->region, sample.region) == 0;
    bool is_inside = (reading->from_s == 0 || sample.time_s >= reading->from_s) &&
                     (reading->to_s == 0 || sample.time_s < reading->to_s);
    if (end == fields[3] || !is_wanted || !is_inside)
        return STATUS_OK;
    return reading->callback(&sample, reading->arg);
}

static enum status file_each(const struct reading *reading, const char *path)
{
    struct buffer bytes = {0};
    struct why ignored;
    char text[1024];
    enum status status = file_read(path, SIGNAL_BYTES_MOST, &bytes, &ignored);
    if (status != STATUS_OK) {
        buffer_free(&bytes);
        return status == STATUS_NO_MEMORY ? status : STATUS_OK;
    }
    struct reader reader = reader_of(bytes.bytes, bytes.count), line;
    while (status == STATUS_OK && reader_line(&reader, &line)) {
        if (line.left_bytes >= sizeof text)
            continue;
        memcpy(text, line.bytes, line.left_bytes);
        text[line.left_bytes] = '\0';
        status = line_take(reading, text);
    }
    buffer_free(&bytes);
    return status;
}

static int name_compare(const void *left, const void *right)
{
    return strcmp(left, right);
}

/* Sorted; names that import --signal would not have made are left out. */
static size_t names_list(const char *folder, char names[FILES_MOST][SIGNAL_NAME_BYTES])
{
    size_t count = 0;
    DIR *listing = opendir(folder);
    if (listing == NULL)
        return 0;
    for (struct dirent *entry; count < FILES_MOST && (entry = readdir(listing)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (length <= strlen(SUFFIX) || strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) != 0)
            continue;
        length -= strlen(SUFFIX);
        if (length >= SIGNAL_NAME_BYTES || strspn(entry->d_name, "abcdefghijklmnopqrstuvwxyz0123456789-_") < length)
            continue;
        memcpy(names[count], entry->d_name, length);
        names[count++][length] = '\0';
    }
    closedir(listing);
    qsort(names, count, SIGNAL_NAME_BYTES, name_compare);
    return count;
}

enum status signals_each(const char *data_folder, const char *region, int64_t from_s, int64_t to_s,
                         signal_callback callback, void *arg)
{
    enum status status = STATUS_OK;
    char *folder = path_join(data_folder, "signals");
    char(*names)[SIGNAL_NAME_BYTES] = calloc(FILES_MOST, SIGNAL_NAME_BYTES);
    if (folder == NULL || names == NULL)
        status = STATUS_NO_MEMORY;
    size_t count = status == STATUS_OK ? names_list(folder, names) : 0;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        struct reading reading = {names[i], region, from_s, to_s, callback, arg};
        struct buffer text = {0};
        buffer_printf(&text, "%s/%s" SUFFIX, folder, names[i]);
        char *path = buffer_take_text(&text);
        status = path != NULL ? file_each(&reading, path) : STATUS_NO_MEMORY;
        free(path);
    }
    free(folder);
    free(names);
    return status;
}
