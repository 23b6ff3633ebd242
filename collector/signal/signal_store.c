/* Keeps imported signals as plain CSV files in the data folder.
 * Owner: tables live for the length of a call.
 * Why: a signal is small, comes whole from its source, and must stay apart from our own evidence. */
#include "collector/signal/signal_store.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"

static bool name_is_good(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length >= SIGNAL_NAME_BYTES)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) && name[i] != '-' && name[i] != '_')
            return false;
    return true;
}

/* The name in small plain letters: sources write Ardebil or Ardabil where the standard has a long vowel. Only letters of
 * Latin-1 and Latin Extended-A are folded, in UTF-8. */
static void name_fold(const char *name, char out[SIGNAL_REGION_BYTES])
{
    static const char latin1[] = "aaaaaaaceeeeiiiidnooooo*ouuuuytsaaaaaaaceeeeiiiidnooooo/ouuuuyty";
    static const char extended[] = "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllllllln"
                                   "nnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
    size_t length = 0;
    for (const unsigned char *at = (const unsigned char *)name; *at != '\0' && length + 1 < SIGNAL_REGION_BYTES; at++) {
        unsigned letter = *at;
        if (letter >= 0xc3 && letter <= 0xc5 && at[1] >= 0x80 && at[1] < 0xc0) {
            unsigned code = ((letter & 0x1f) << 6 | (at[1] & 0x3f)) - 0xc0;
            letter = (unsigned char)(code < 64 ? latin1[code] : code - 64 < sizeof extended - 1 ? extended[code - 64] : '?');
            at++;
        }
        if (letter < 0x80 && isalnum((int)letter))
            out[length++] = (char)tolower((int)letter);
        else if (letter >= 0x80)
            out[length++] = (char)letter;
    }
    out[length] = '\0';
}

bool signal_region_code(const char *word, char out[REGION_BYTES])
{
    char code[REGION_BYTES] = "";
    if (strlen(word) < sizeof code)
        for (size_t i = 0; word[i] != '\0'; i++)
            code[i] = (char)toupper((unsigned char)word[i]);
    if (code[0] != '\0' && (region_is_country(code) || region_is_subdivision(code))) {
        memcpy(out, code, sizeof code);
        return true;
    }
    char wanted[SIGNAL_REGION_BYTES], name[SIGNAL_REGION_BYTES];
    const struct region_row *found = NULL;
    size_t count = 0;
    name_fold(word, wanted);
    for (size_t i = 0; i < region_row_count && wanted[0] != '\0'; i++) {
        name_fold(region_rows[i].name, name);
        if (strcmp(name, wanted) != 0)
            continue;
        bool is_country = strchr(region_rows[i].code, '-') == NULL;
        found = &region_rows[i];
        count = is_country ? 1 : count + 1;
        if (is_country)
            break;
    }
    if (count != 1) /* several countries have a Bolivar */
        return false;
    memcpy(out, found->code, REGION_BYTES);
    return true;
}

static struct series *series_named(struct signal_table *table, const char *region)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->series[i].region, region) == 0)
            return &table->series[i];
    if (!array_room(&table->series, table->count, &table->room))
        return NULL;
    struct series *series = &table->series[table->count++];
    *series = (struct series){0};
    memcpy(series->region, region, strlen(region));
    return series;
}

static bool holds_time(const struct series *series, int64_t time_s)
{
    size_t low = 0, high = series->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (series->samples[middle].time_s < time_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low < series->count && series->samples[low].time_s == time_s;
}

static int sample_compare(const void *left, const void *right)
{
    int64_t a = ((const struct sample *)left)->time_s, b = ((const struct sample *)right)->time_s;
    return (a > b) - (a < b);
}

/* Old samples whose time the new table does not tell again. */
static enum status table_merge(struct signal_table *table, const struct signal_table *old)
{
    for (size_t i = 0; i < old->count; i++) {
        struct series *series = series_named(table, old->series[i].region);
        if (series == NULL)
            return STATUS_NO_MEMORY;
        size_t told = series->count;
        for (size_t j = 0; j < old->series[i].count; j++) {
            struct series before = *series;
            before.count = told;
            if (holds_time(&before, old->series[i].samples[j].time_s))
                continue;
            if (!array_room(&series->samples, series->count, &series->room))
                return STATUS_NO_MEMORY;
            series->samples[series->count++] = old->series[i].samples[j];
        }
        if (series->count > 0)
            qsort(series->samples, series->count, sizeof *series->samples, sample_compare);
    }
    return STATUS_OK;
}

static void word_write(const char *word, struct buffer *text)
{
    buffer_text(text, "\"");
    for (const char *at = word; *at != '\0'; at++) {
        if (*at == '"')
            buffer_text(text, "\"");
        buffer_append(text, at, 1);
    }
    buffer_text(text, "\"");
}

static void table_write(const struct signal_table *table, struct buffer *text, struct signal_kept *kept)
{
    buffer_text(text, "time,region,code,value\n");
    for (size_t i = 0; i < table->count; i++) {
        char code[REGION_BYTES] = "";
        const struct series *series = &table->series[i];
        kept->unknown_region_count += !signal_region_code(series->region, code);
        for (size_t j = 0; j < series->count; j++) {
            char time[TIME_TEXT_BYTES];
            time_format_utc(series->samples[j].time_s * US_PER_S, time);
            buffer_printf(text, "%s,", time);
            word_write(series->region, text);
            buffer_printf(text, ",%s,%.9g\n", code, series->samples[j].value);
        }
        kept->sample_count += series->count;
    }
    kept->region_count = table->count;
}

static enum status table_of_file(const char *path, struct signal_table *out, struct why *why)
{
    struct buffer bytes = {0};
    enum status status = file_read(path, SIGNAL_BYTES_MOST, &bytes, why);
    if (status == STATUS_OK)
        status = signal_table_read(path, bytes.bytes, bytes.count, out, why);
    buffer_free(&bytes);
    return status;
}

static enum status signal_publish(const char *folder, const char *path, const struct signal_table *table,
                                  struct signal_kept *kept, struct why *why)
{
    struct buffer text = {.limit = SIGNAL_BYTES_MOST};
    enum status status = folder_make(folder, 0755, why);
    table_write(table, &text, kept);
    if (status == STATUS_OK && text.failed) {
        why_set(why, "The signal would grow past %u MB; keep a coarser one.", SIGNAL_BYTES_MOST >> 20);
        status = STATUS_TOO_LARGE;
    }
    if (status == STATUS_OK)
        status = file_publish(path, text.bytes, text.count, 0644, why);
    buffer_free(&text);
    return status;
}

enum status signal_keep(const char *data_folder, const char *name, const char *path, struct signal_kept *out,
                        struct why *why)
{
    struct signal_table table = {0}, old = {0};
    struct buffer kept_path = {0};
    *out = (struct signal_kept){0};
    if (!name_is_good(name)) {
        why_set(why, "\"%.40s\" is no name for a signal; use small letters, digits, - and _, at most %d.", name,
                SIGNAL_NAME_BYTES - 1);
        return STATUS_USAGE;
    }
    char *folder = path_join(data_folder, "signals");
    buffer_printf(&kept_path, "%s/signals/%s.csv", data_folder, name);
    char *file = buffer_take_text(&kept_path);
    enum status status = folder != NULL && file != NULL ? table_of_file(path, &table, why) : STATUS_NO_MEMORY;
    out->row_count = table.row_count;
    out->skipped_count = table.skipped_count;
    if (status == STATUS_OK) {
        struct why ignored;
        enum status found = table_of_file(file, &old, &ignored);
        status = found == STATUS_OK ? table_merge(&table, &old) : found == STATUS_NO_MEMORY ? found : STATUS_OK;
    }
    if (status == STATUS_OK)
        status = signal_publish(folder, file, &table, out, why);
    signal_table_free(&table);
    signal_table_free(&old);
    free(folder);
    free(file);
    return status;
}
