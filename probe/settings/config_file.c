/* Reads the configuration file into settings that know their line.
 * Owner: a config_file owns all its text; config_file_free.
 * Why: who writes one has to be told where it is wrong, not only that it is. */
#include "probe/settings/config_file.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "measurement/base/file.h"
#include "probe/state/state.h"

#define FILE_BYTES_MAX 65536
#define LINE_BYTES_MAX 190 /* inih reads no longer ones whole */
#define SETTINGS_MAX   256

struct reading {
    struct config_file *file;
    struct reader text;
    size_t line;
    enum status status;
    struct why *why;
};

static void refuse(struct reading *reading, const char *advice)
{
    if (reading->status == STATUS_OK)
        why_set(reading->why, "%s line %zu: %s", reading->file->path, reading->line, advice);
    reading->status = STATUS_USAGE;
}

/* Hands inih one line at a time, so that its handler can tell which. */
static char *line_next(char *out, int out_bytes, void *stream)
{
    struct reading *reading = stream;
    struct reader line;
    if (reading->status != STATUS_OK || !reader_line(&reading->text, &line))
        return NULL;
    reading->line++;
    /* Its own meaning for lines that are set in, to go on with the one above, would be told as a fault of that one. */
    while (line.left_bytes > 0 && (line.bytes[0] == ' ' || line.bytes[0] == '\t'))
        reader_skip(&line, 1);
    if (line.left_bytes > LINE_BYTES_MAX || line.left_bytes + 2 > (size_t)out_bytes)
        refuse(reading, "it is longer than 190 bytes; write a shorter line");
    else if (memchr(line.bytes, '\0', line.left_bytes) || !utf8_is_valid(line.bytes, line.left_bytes))
        refuse(reading, "it is no text in UTF-8; write it anew");
    if (reading->status != STATUS_OK)
        return NULL;
    snprintf(out, (size_t)out_bytes, "%.*s\n", (int)line.left_bytes, (const char *)line.bytes);
    return out;
}

static int on_setting(void *user, const char *section, const char *name, const char *value)
{
    struct reading *reading = user;
    struct config_file *file = reading->file;
    char *origin = NULL;
    if (section[0] && strcmp(section, "probe") != 0)
        refuse(reading, "the section above it is not known; write [probe], or no section");
    else if (!value || !value[0])
        refuse(reading, "it has no value; write name = value");
    else if (file->count == SETTINGS_MAX)
        refuse(reading, "that is one setting too many; write at most 256");
    if (reading->status != STATUS_OK)
        return 0;
    if (asprintf(&origin, "%s line %zu", file->path, reading->line) < 0)
        origin = NULL;
    const struct cli_setting setting = {.name = strdup(name), .value = strdup(value), .origin = origin};
    file->settings[file->count++] = setting;
    if (!setting.name || !setting.value || !origin)
        reading->status = STATUS_NO_MEMORY;
    return reading->status == STATUS_OK;
}

static enum status text_read(struct config_file *file, const struct buffer *text, struct why *why)
{
    struct reading reading = {.file = file, .text = reader_of(text->bytes, text->count), .why = why};
    int line = ini_parse_stream(line_next, &reading, on_setting, &reading);
    if (reading.status == STATUS_OK && line > 0) {
        reading.line = (size_t)line;
        refuse(&reading, "it is no setting; write name = value, or # before a comment");
    }
    return reading.status == STATUS_OK && line < 0 ? STATUS_NO_MEMORY : reading.status;
}

enum status config_file_read(const char *path, struct config_file *out, struct why *why)
{
    struct config_file file = {.path = strdup(path), .settings = calloc(SETTINGS_MAX, sizeof *file.settings)};
    struct buffer text = {0};
    enum status status =
        file.path && file.settings ? file_read(path, FILE_BYTES_MAX, &text, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = text_read(&file, &text, why);
    buffer_free(&text);
    if (status == STATUS_OK)
        *out = file;
    else
        config_file_free(&file);
    return status;
}

enum status config_file_find(const char *chosen, const char *state_folder, struct config_file *out, struct why *why)
{
    if (chosen)
        return config_file_read(chosen, out, why);
    *out = (struct config_file){0};
    char *own = state_folder ? path_join(state_folder, STATE_CONFIG) : NULL;
    enum status status = STATUS_OK;
    if (state_folder && !own)
        status = STATUS_NO_MEMORY;
    else if (own && access(own, F_OK) == 0)
        status = config_file_read(own, out, why);
    else if (access(CONFIG_FILE_DEFAULT, F_OK) == 0)
        status = config_file_read(CONFIG_FILE_DEFAULT, out, why);
    free(own);
    return status;
}

void config_file_free(struct config_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        free((char *)file->settings[i].name);
        free((char *)file->settings[i].value);
        free((char *)file->settings[i].origin);
    }
    free(file->settings);
    free(file->path);
    *file = (struct config_file){0};
}
