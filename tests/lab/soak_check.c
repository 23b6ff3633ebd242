/* What the soak checks beside the events.
 * Owner: nothing outlives a call.
 * Why: a detector may name the right events and the timeline between them still be wrong, and a bundle that
 * comes twice over another way must not count twice. */
#include "tests/lab/soak_check.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"

#define SIGNATURE_BYTES_MAX 4096

/* Whether the deed cuts the network of the region; blocking of one service does not. */
static bool is_cut(const struct deed *deed, const char *region)
{
    bool is_network =
        strcmp(deed->kind, "full_shutdown") == 0 || strcmp(deed->kind, "international_cut") == 0;
    return is_network && strcmp(deed->region, region) == 0;
}

enum truth { TRUTH_OK, TRUTH_CUT, TRUTH_CHANGES };

/* What was so throughout [from, to), and one bin around it. */
static enum truth truth_of(const struct deed *deeds, size_t count, const char *region, int64_t from_us,
                           int64_t bin_us)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_cut(&deeds[i], region) || deeds[i].to_us <= from_us - bin_us ||
            deeds[i].from_us >= from_us + 2 * bin_us)
            continue;
        bool is_within = deeds[i].from_us <= from_us - bin_us && deeds[i].to_us >= from_us + 2 * bin_us;
        return is_within ? TRUTH_CUT : TRUTH_CHANGES;
    }
    return TRUTH_OK;
}

static bool is_bad(const char *state)
{
    return strcmp(state, "suspected") == 0 || strcmp(state, "probable") == 0 ||
           strcmp(state, "confirmed") == 0;
}

static const json_t *segments_of(const json_t *document, const char *region)
{
    const json_t *list = json_member_array(document, "timeline");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *name = json_member_text(entry, "region");
        if (name && strcmp(name, region) == 0 && json_member_int(entry, "asn", 0) == 0)
            return json_member_array(entry, "segments");
    }
    return NULL;
}

/* The state of the bin that begins then; "(none)" where the timeline has none. */
static const char *state_at(const json_t *segments, int64_t time_us)
{
    for (size_t i = 0; i < json_array_size(segments); i++) {
        const json_t *segment = json_array_get(segments, i);
        const char *start = json_member_text(segment, "start"), *end = json_member_text(segment, "end");
        const char *state = json_member_text(segment, "state");
        int64_t start_us = 0, end_us = 0;
        if (start && end && state && time_parse(start, &start_us) == STATUS_OK &&
            time_parse(end, &end_us) == STATUS_OK && start_us <= time_us && time_us < end_us)
            return state;
    }
    return "(none)";
}

static void wrong_tell(struct soak_timeline *out, const char *region, int64_t bin_us, enum truth truth,
                       const char *state)
{
    char time[TIME_TEXT_BYTES];
    out->wrong_count++;
    time_format_utc(bin_us, time);
    buffer_printf(&out->wrong, "%s %s: expected %s, got %s\n", region, time,
                  truth == TRUTH_CUT ? "suspected or worse" : "ok", state);
}

enum status soak_timeline_check(const json_t *document, const char *region, const struct deed *deeds,
                                size_t deed_count, const struct soak_span *span, struct soak_timeline *out,
                                struct why *why)
{
    const json_t *segments = segments_of(document, region);
    if (!segments) {
        why_set(why, "the export has no timeline of %s", region);
        return STATUS_NOT_FOUND;
    }
    int64_t bin_s = span->bin_us / US_PER_S;
    int64_t first_us = (bin_start_s(span->from_us, bin_s) + 2 * bin_s) * US_PER_S;
    for (int64_t at_us = first_us; at_us + 2 * span->bin_us <= span->to_us; at_us += span->bin_us) {
        enum truth truth = truth_of(deeds, deed_count, region, at_us, span->bin_us);
        const char *state = state_at(segments, at_us);
        if (truth == TRUTH_CHANGES)
            continue;
        out->bin_count++;
        if (truth == TRUTH_CUT ? !is_bad(state) : strcmp(state, "ok") != 0)
            wrong_tell(out, region, at_us, truth, state);
    }
    return STATUS_OK;
}

static bool number_behind(const char *text, const char *word, int64_t *out)
{
    const char *at = strstr(text, word);
    char *end = NULL;
    *out = at ? strtoll(at + strlen(word), &end, 10) : -1;
    return at && end != at + strlen(word) && *out >= 0;
}

enum status soak_bundle_read(const void *text, size_t count, struct soak_bundle *out)
{
    struct reader reader = reader_of(text, count), line;
    struct buffer signature = {0}, comment = {0};
    enum status status = STATUS_MALFORMED;
    for (int number = 0; number < 3 && reader_line(&reader, &line); number++) {
        if (number == 1)
            (void)base64_decode((const char *)line.bytes, line.left_bytes, &signature);
        if (number == 2)
            buffer_append(&comment, line.bytes, line.left_bytes);
    }
    char *words = buffer_take_text(&comment);
    if (words && signature.count >= 2 + sizeof out->key_id && number_behind(words, " seq=", &out->sequence) &&
        number_behind(words, " count=", &out->line_count)) {
        memcpy(out->key_id, signature.bytes + 2, sizeof out->key_id);
        status = STATUS_OK;
    }
    free(words);
    buffer_free(&signature);
    return status;
}

/* The bundles of one key. */
struct chain {
    uint8_t key_id[8];
    int64_t highest;
    int64_t bundle_count;
};

static bool chain_add(struct chain *chains, struct soak_account *account, const struct soak_bundle *bundle)
{
    size_t i = 0;
    while (i < account->probe_count && memcmp(chains[i].key_id, bundle->key_id, sizeof bundle->key_id) != 0)
        i++;
    if (i == SOAK_PROBES_MAX)
        return false;
    if (i == account->probe_count) {
        account->probe_count++;
        memcpy(chains[i].key_id, bundle->key_id, sizeof bundle->key_id);
    }
    chains[i].bundle_count++;
    if (bundle->sequence > chains[i].highest)
        chains[i].highest = bundle->sequence;
    account->bundle_count++;
    account->line_count += bundle->line_count;
    return true;
}

static bool is_signature(const char *name)
{
    static const char ending[] = ".minisig";
    size_t count = strlen(name);
    return count > strlen(ending) && strcmp(name + count - strlen(ending), ending) == 0;
}

static enum status signature_add(const char *folder, const char *name, struct chain *chains,
                                 struct soak_account *account, struct why *why)
{
    struct buffer bytes = {0};
    struct soak_bundle bundle;
    char *path = path_join(folder, name);
    enum status status = path ? file_read(path, SIGNATURE_BYTES_MAX, &bytes, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = soak_bundle_read(bytes.bytes, bytes.count, &bundle);
    if (status == STATUS_OK && !chain_add(chains, account, &bundle))
        status = STATUS_TOO_LARGE;
    if (status != STATUS_OK)
        why_set(why, "%s cannot be read as one of a bundle's signatures", name);
    buffer_free(&bytes);
    free(path);
    return status;
}

enum status soak_account_read(const char *folder, struct soak_account *out, struct why *why)
{
    struct chain chains[SOAK_PROBES_MAX] = {{.highest = 0}};
    enum status status = STATUS_OK;
    DIR *entries = opendir(folder);
    *out = (struct soak_account){0};
    if (!entries) {
        why_set(why, "the collector's bundles in %s cannot be listed", folder);
        return STATUS_IO;
    }
    for (const struct dirent *entry; status == STATUS_OK && (entry = readdir(entries));)
        if (is_signature(entry->d_name))
            status = signature_add(folder, entry->d_name, chains, out, why);
    closedir(entries);
    for (size_t i = 0; i < out->probe_count; i++)
        out->missing_count += chains[i].highest - chains[i].bundle_count;
    return status;
}
