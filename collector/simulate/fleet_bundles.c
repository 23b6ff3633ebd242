/* Real signed bundles of a simulated fleet.
 * Owner: one device's lines and buffers at a time; freed before the next.
 * Why: the same world that judges the detector can be put through verify, ingest and store, as probes would. */
#include "collector/simulate/fleet_bundles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/simulate/device.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/bundle.h"
#include "measurement/ladder_result.h"
#include "measurement/record.h"

#define BIN_S BIN_LENGTH_DEFAULT_S

/* The bundle of one device that is being filled. */
struct filling {
    const char *folder; /* of all devices */
    struct secret_key key;
    char name[KEY_NAME_BYTES];
    char boot_id[LADDER_BOOT_BYTES];
    struct vantage_point vantage;
    struct bundle_label label;
    struct buffer lines;
    size_t line_count;
    size_t bundle_count;
};

static enum status bundle_publish(struct filling *filling, const struct buffer *packed, const struct buffer *minisig,
                                  struct why *why)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/%s", filling->folder, filling->name);
    char *folder = buffer_take_text(&path);
    buffer_printf(&path, "%s/%s/%06lld.jsonl.zst", filling->folder, filling->name, (long long)filling->label.sequence);
    char *bundle = buffer_take_text(&path);
    buffer_printf(&path, "%s/%s/%06lld.jsonl.zst.minisig", filling->folder, filling->name,
                  (long long)filling->label.sequence);
    char *signature = buffer_take_text(&path);
    enum status status = STATUS_NO_MEMORY;
    if (folder != NULL && bundle != NULL && signature != NULL)
        status = folder_make(folder, 0755, why);
    if (status == STATUS_OK)
        status = file_publish(bundle, packed->bytes, packed->count, 0644, why);
    if (status == STATUS_OK)
        status = file_publish(signature, minisig->bytes, minisig->count, 0644, why);
    free(folder);
    free(bundle);
    free(signature);
    return status;
}

static enum status filling_flush(struct filling *filling, struct why *why)
{
    struct buffer packed = {0}, minisig = {0};
    if (filling->line_count == 0)
        return STATUS_OK;
    enum status status = filling->lines.failed ? STATUS_NO_MEMORY
                                               : bundle_pack(&filling->key, &filling->label, filling->lines.bytes,
                                                             filling->lines.count, &packed, &minisig);
    if (status == STATUS_OK)
        status = bundle_publish(filling, &packed, &minisig, why);
    if (status == STATUS_OK) {
        sha256(packed.bytes, packed.count, filling->label.previous_hash);
        filling->label.sequence++;
        filling->lines.count = 0;
        filling->line_count = 0;
        filling->bundle_count++;
    }
    buffer_free(&packed);
    buffer_free(&minisig);
    return status;
}

static enum connectivity_state state_of(enum sign_kind kind)
{
    switch (kind) {
    case SIGN_DOMESTIC:
        return CONNECTIVITY_DOMESTIC_ONLY;
    case SIGN_DNS:
        return CONNECTIVITY_DNS_FAILURE;
    case SIGN_TLS:
        return CONNECTIVITY_TLS_BLOCKED;
    case SIGN_CUT:
        return CONNECTIVITY_FULL_SHUTDOWN;
    case SIGN_NONE:
    case SIGN_LOCAL:
    case SIGN_OTHER:
    case SIGN_OK:
    case SIGN_COUNT:
        break;
    }
    return CONNECTIVITY_WORKING;
}

static enum status climb_add(struct filling *filling, int64_t time_us, enum sign_kind kind, int64_t start_us,
                             struct why *why)
{
    bool failed = kind >= SIGN_DOMESTIC || kind == SIGN_TLS;
    struct ladder_result ladder = {.state = state_of(kind),
                                   .controls_ok_count = failed ? 0 : 4,
                                   .controls_failed_count = failed ? 4 : 0,
                                   .operators_failed_count = failed ? 3 : 0,
                                   .monotonic_s = (double)((time_us - start_us) / US_PER_S)};
    memcpy(ladder.boot_id, filling->boot_id, sizeof ladder.boot_id);
    json_t *keys = json_pack("{s:{s:o}}", "x_dialtone", "connectivity", ladder_result_encode(&ladder, NULL));
    if (keys == NULL)
        return STATUS_NO_MEMORY;
    struct record record = {.test_name = "ladder", .test_version = "0.1.0", .software_name = RECORD_SOFTWARE,
                            .software_version = DIALTONE_VERSION, .report_id = "", .vantage = filling->vantage,
                            .test_start_us = time_us, .measurement_start_us = time_us, .runtime_s = 0.5,
                            .test_keys = keys};
    enum status status = record_encode(&record, &filling->lines);
    json_decref(keys);
    buffer_append(&filling->lines, "\n", 1);
    if (status != STATUS_OK)
        return status;
    if (filling->line_count == 0)
        filling->label.start_us = time_us;
    filling->label.end_us = time_us;
    filling->line_count++;
    return filling->line_count == BUNDLE_MEASUREMENTS_MAX ? filling_flush(filling, why) : STATUS_OK;
}

/* The first and last climb of either kind: what a bin's row keeps. */
static enum status reading_add(struct filling *filling, const struct sign *sign, int64_t start_us, struct why *why)
{
    struct climb {
        int64_t time_us;
        enum sign_kind kind;
    } climbs[4] = {{sign->first_ok_us, SIGN_OK},
                   {sign->last_ok_us, SIGN_OK},
                   {sign->first_fail_us, sign->fail_kind},
                   {sign->last_fail_us, sign->fail_kind}};
    enum status status = STATUS_OK;
    for (int round = 0; round < 4 && status == STATUS_OK; round++) {
        int next = -1;
        for (int i = 0; i < 4; i++)
            if (climbs[i].time_us != 0 && (next < 0 || climbs[i].time_us < climbs[next].time_us))
                next = i;
        if (next < 0)
            break;
        int64_t time_us = climbs[next].time_us;
        enum sign_kind kind = climbs[next].kind;
        for (int i = 0; i < 4; i++)
            if (climbs[i].time_us == time_us)
                climbs[i].time_us = 0;
        status = climb_add(filling, time_us, kind, start_us, why);
    }
    return status;
}

static enum status filling_start(struct filling *filling, const struct world *world, const struct device *device)
{
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, device->seed);
    enum status status = key_make(&random, &filling->key);
    public_key_name(&filling->key.public_key, filling->name);
    snprintf(filling->boot_id, sizeof filling->boot_id, "%08x-0000-4000-8000-%012llx", (unsigned)(device->seed >> 32),
             (unsigned long long)(device->seed & 0xffffffffffffu));
    memcpy(filling->label.boot_id, filling->boot_id, sizeof filling->boot_id);
    filling->label.sequence = 1;
    const char *code = world->regions[device->region].code;
    memcpy(filling->vantage.country, code, 2);
    memcpy(filling->vantage.subdivision, code, sizeof filling->vantage.subdivision);
    filling->vantage.asn = WORLD_NETWORK_BASE + device->region * WORLD_NETWORKS + device->network;
    filling->vantage.access = device->type == DEVICE_PHONE ? ACCESS_MOBILE : ACCESS_FIXED;
    return status;
}

static enum status device_write(struct world *world, struct device *device, struct filling *filling, struct why *why)
{
    struct region_plan *region = &world->regions[device->region];
    enum status status = filling_start(filling, world, device);
    region->first_active = 0;
    int64_t last = world->end_us / US_PER_S / BIN_S;
    for (int64_t bin = world->start_us / US_PER_S / BIN_S; bin < last && status == STATUS_OK; bin++) {
        struct active active;
        struct reading reading;
        active_find(region, bin * BIN_S * US_PER_S, (bin + 1) * BIN_S * US_PER_S, &active);
        device_read(world, device, &active, bin * BIN_S * US_PER_S, BIN_S * US_PER_S, &reading);
        if (reading.sign.kind != SIGN_NONE)
            status = reading_add(filling, &reading.sign, world->start_us, why);
    }
    region->first_active = 0;
    return status == STATUS_OK ? filling_flush(filling, why) : status;
}

static void probe_list_add(struct buffer *list, const struct filling *filling, const struct device *device)
{
    static const char *const types[] = {"router", "desktop", "phone"};
    char key[PUBLIC_KEY_TEXT_BYTES];
    public_key_format(&filling->key.public_key, key);
    buffer_printf(list, "%s,%s,%s,%u,%s\n", filling->name, key, filling->vantage.subdivision, filling->vantage.asn,
                  types[device->type]);
}

enum status fleet_bundles_write(struct world *world, const char *folder, size_t *out_count, struct why *why)
{
    struct buffer list = {0};
    enum status status = folder_make(folder, 0755, why);
    *out_count = 0;
    buffer_text(&list, "probe,public_key,region,asn,type\n");
    for (size_t i = 0; i < world->device_count && status == STATUS_OK; i++) {
        struct filling filling = {.folder = folder};
        status = device_write(world, &world->devices[i], &filling, why);
        probe_list_add(&list, &filling, &world->devices[i]);
        *out_count += filling.bundle_count;
        buffer_free(&filling.lines);
        secret_key_wipe(&filling.key);
    }
    char *path = path_join(folder, "probes.csv");
    if (status == STATUS_OK && (path == NULL || list.failed))
        status = STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = file_publish(path, list.bytes, list.count, 0644, why);
    free(path);
    buffer_free(&list);
    return status;
}
