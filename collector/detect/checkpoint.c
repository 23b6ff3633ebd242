/* Writes and reads the state of a walk.
 * Owner: a loaded watch owns its arrays as any other does.
 * Why: one bundle that comes late would otherwise cost a walk over years. The form is that of memory, so it holds for one
 * build only: it is a cache, and its hash tells damage. */
#include "collector/detect/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC   "dialtone walk 2" /* another number where rules change what a walk remembers */
#define PARTS   9

struct head {
    char magic[16];
    char version[32]; /* of the program */
    uint32_t sizes[PARTS]; /* of the structures below: another build has others */
    int64_t next_bin;
    uint64_t name_count;
    struct watch watch; /* its pointers are not used */
};

static void version_set(char version[32])
{
    memset(version, 0, 32);
    memcpy(version, DIALTONE_VERSION, sizeof DIALTONE_VERSION < 32 ? sizeof DIALTONE_VERSION : 31);
}

static void sizes_set(uint32_t sizes[PARTS])
{
    const size_t known[PARTS] = {sizeof(struct head),          sizeof(struct watch),         sizeof(struct roster_probe),
                                 sizeof(struct run),           sizeof(struct baseline_cell), sizeof(struct failure_track),
                                 sizeof(struct span),          sizeof(struct watch_network), KEY_NAME_BYTES};
    for (size_t i = 0; i < PARTS; i++)
        sizes[i] = (uint32_t)known[i];
}

/* One array of the state: where its pointer stands, and how many elements it holds. */
struct part {
    void **array;
    size_t count;
    size_t element_bytes;
};

#define ARRAYS 9
static void parts_of(struct watch *watch, struct part parts[ARRAYS])
{
    struct roster *roster = &watch->roster;
    const struct part known[ARRAYS] = {
        {(void **)&roster->probes, roster->probe_count, sizeof *roster->probes},
        {(void **)&roster->networks, roster->network_count, sizeof *roster->networks},
        {(void **)&roster->places, roster->place_count, sizeof *roster->places},
        {(void **)&roster->runs, roster->run_count, sizeof *roster->runs},
        {(void **)&watch->baseline.cells, watch->baseline.network_count * CLASS_COUNT, sizeof *watch->baseline.cells},
        {(void **)&watch->tracks, watch->track_count, sizeof *watch->tracks},
        {(void **)&watch->track_span, watch->track_count, sizeof *watch->track_span},
        {(void **)&watch->spans, watch->span_count, sizeof *watch->spans},
        {(void **)&watch->networks, watch->network_known, sizeof *watch->networks},
    };
    memcpy(parts, known, sizeof known);
}

enum status checkpoint_save(const struct watch *watch, const struct probe_names *names, int64_t next_bin,
                            struct buffer *out)
{
    struct watch copy = *watch;
    struct part parts[ARRAYS];
    struct head *head = calloc(1, sizeof *head);
    size_t start = out->count;
    if (head == NULL)
        return STATUS_NO_MEMORY;
    memcpy(head->magic, MAGIC, sizeof MAGIC);
    version_set(head->version);
    sizes_set(head->sizes);
    head->next_bin = next_bin;
    head->name_count = names->count;
    head->watch = copy;
    buffer_append(out, head, sizeof *head);
    free(head);
    parts_of(&copy, parts);
    for (size_t i = 0; i < ARRAYS; i++)
        if (parts[i].array != NULL && parts[i].count > 0)
            buffer_append(out, *parts[i].array, parts[i].count * parts[i].element_bytes);
    for (size_t i = 0; i < watch->span_count; i++)
        if (watch->spans[i].worked_before != NULL && watch->spans[i].known_before > 0)
            buffer_append(out, watch->spans[i].worked_before,
                          watch->spans[i].known_before * sizeof *watch->spans[i].worked_before);
    if (names->count > 0)
        buffer_append(out, names->names, names->count * sizeof *names->names);
    uint8_t hash[SHA256_BYTES];
    if (out->failed)
        return STATUS_NO_MEMORY;
    sha256((const uint8_t *)out->bytes + start, out->count - start, hash);
    buffer_append(out, hash, sizeof hash);
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static bool head_read(const uint8_t *bytes, size_t count, struct head *out)
{
    uint8_t hash[SHA256_BYTES];
    uint32_t sizes[PARTS];
    char version[32];
    if (count < sizeof *out + sizeof hash)
        return false;
    memcpy(out, bytes, sizeof *out);
    sizes_set(sizes);
    version_set(version);
    if (memcmp(out->magic, MAGIC, sizeof MAGIC) != 0 || memcmp(out->version, version, sizeof version) != 0 || memcmp(out->sizes, sizes, sizeof sizes) != 0)
        return false;
    sha256(bytes, count - sizeof hash, hash);
    return memcmp(hash, bytes + count - sizeof hash, sizeof hash) == 0;
}

bool checkpoint_next_bin(const uint8_t *bytes, size_t count, int64_t *out)
{
    struct head *head = malloc(sizeof *head);
    bool is_good = head != NULL && head_read(bytes, count, head);
    if (is_good)
        *out = head->next_bin;
    free(head);
    return is_good;
}

struct source {
    const uint8_t *at;
    size_t left;
};

/* A copy of the next elements, with room for one more; NULL where there are not as many. */
static void *array_take(struct source *source, size_t count, size_t element_bytes)
{
    if (count > source->left / element_bytes)
        return NULL;
    uint8_t *array = malloc((count + 1) * element_bytes);
    if (array == NULL)
        return NULL;
    memcpy(array, source->at, count * element_bytes);
    source->at += count * element_bytes;
    source->left -= count * element_bytes;
    return array;
}

static void pointers_clear(struct watch *watch)
{
    struct part parts[ARRAYS];
    parts_of(watch, parts);
    for (size_t i = 0; i < ARRAYS; i++)
        if (parts[i].array != NULL)
            *parts[i].array = NULL;
    struct roster *roster = &watch->roster;
    roster->probe_room = roster->probe_count;
    roster->network_room = roster->network_count;
    roster->place_room = roster->place_count;
    roster->run_room = roster->run_count;
    watch->track_room = watch->track_span_room = watch->track_count;
    watch->span_room = watch->span_count;
    watch->network_room = watch->network_known;
    watch->tally = (struct failure_tally){.last_failure_bin = watch->tally.last_failure_bin};
}

static bool arrays_take(struct watch *watch, struct source *source)
{
    struct part parts[ARRAYS];
    size_t span_count = watch->span_count;
    parts_of(watch, parts);
    watch->span_count = 0; /* until their own arrays are there */
    for (size_t i = 0; i < ARRAYS; i++)
        if (parts[i].array != NULL &&
            (*parts[i].array = array_take(source, parts[i].count, parts[i].element_bytes)) == NULL)
            return false;
    for (size_t i = 0; i < span_count; i++) {
        struct span *span = &watch->spans[i];
        bool has_worked = span->worked_before != NULL;
        span->worked_before = NULL;
        watch->span_count = i + 1;
        if (has_worked &&
            (span->worked_before = array_take(source, span->known_before, sizeof *span->worked_before)) == NULL)
            return false;
    }
    return true;
}

enum status checkpoint_load(const uint8_t *bytes, size_t count, const struct detect_settings *settings,
                            struct watch *watch, struct probe_names *names, int64_t *out_next_bin)
{
    struct head *head = malloc(sizeof *head);
    enum status status = STATUS_MALFORMED;
    if (head == NULL)
        return STATUS_NO_MEMORY;
    if (!head_read(bytes, count, head) || memcmp(&head->watch.settings, settings, sizeof *settings) != 0)
        goto done;
    struct source source = {bytes + sizeof *head, count - sizeof *head - SHA256_BYTES};
    struct watch loaded = head->watch;
    struct probe_names loaded_names = {0};
    pointers_clear(&loaded);
    if (arrays_take(&loaded, &source))
        loaded_names.names = array_take(&source, head->name_count, KEY_NAME_BYTES);
    if (loaded_names.names == NULL || source.left != 0 || head->name_count != loaded.roster.probe_count) {
        free(loaded_names.names);
        watch_free(&loaded);
        goto done;
    }
    loaded_names.count = loaded_names.room = head->name_count;
    *watch = loaded;
    *names = loaded_names;
    *out_next_bin = head->next_bin;
    status = STATUS_OK;
done:
    free(head);
    return status;
}
