/* The lab, the fleet and the report of a play against a known truth.
 * Owner: a stage owns its lab and its fleet, stage_close; the rest is the caller's.
 * Why: demo and soak differ in what befalls the probes, not in how they are started, awaited and read. */
#include "tests/lab/stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "tests/lab/demo.h"

#define EXPORT_BYTES_MAX (64u << 20)

enum status stage_open(struct stage *stage, struct why *why)
{
    const struct lab_plan plan = {.clients = stage->clients,
                                  .client_count = stage->roll->count,
                                  .seed = stage->seed,
                                  .bin_us = stage->bin_us,
                                  .programs = stage->programs,
                                  .folder = stage->folder,
                                  .has_collector = true,
                                  .avoids_tun = stage->avoids_tun};
    for (int i = 0; i < stage->roll->count; i++) {
        stage->clients[i] = stage->roll->places[i].client;
        stage->clients[i].has_own_clock = stage->has_own_clocks;
    }
    return lab_open(&plan, &stage->lab, why);
}

enum status stage_begin(struct stage *stage, const char *targets, const struct fleet_pace *pace, struct why *why)
{
    char *path = lab_file(stage->lab, "targets.csv");
    enum status status = path ? file_publish(path, targets, strlen(targets), 0644, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = fleet_start(stage->lab, stage->roll, path, pace, &stage->fleet, why);
    free(path);
    return status;
}

enum status stage_spend(struct stage *stage, int64_t duration_us, struct why *why)
{
    int64_t end_us = monotonic_us() + duration_us;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && monotonic_us() < end_us) {
        sleep_us(250 * US_PER_MS);
        status = fleet_check(stage->fleet, why);
    }
    return status;
}

enum status stage_uploads_await(struct stage *stage, int64_t patience_us, struct why *why)
{
    int64_t end_us = monotonic_us() + patience_us;
    int64_t before_us = clock_wall_us(&stage->clock);
    while (!fleet_is_uploaded(stage->fleet, before_us)) {
        if (monotonic_us() > end_us) {
            why_set(why,
                    "a probe's bundles were not uploaded within %" PRId64
                    " s; read its log in the lab's folder",
                    patience_us / US_PER_S);
            return STATUS_TIMEOUT;
        }
        sleep_us(100 * US_PER_MS);
    }
    return fleet_check(stage->fleet, why);
}

enum status stage_conclude(struct stage *stage, struct why *why)
{
    int exit_code = 0;
    char *data = lab_file(stage->lab, "data");
    char *log = lab_file(stage->lab, "report.log");
    fleet_stop(stage->fleet, &exit_code);
    stage->fleet = NULL;
    enum status status = data && log ? lab_collector_stop(stage->lab, &exit_code) : STATUS_NO_MEMORY;
    if (status == STATUS_OK && exit_code != 0) {
        why_set(why, "the collector ended with status %d; read collector.log in the lab's folder", exit_code);
        status = STATUS_IO;
    }
    if (status == STATUS_OK)
        status = demo_report(stage->programs, data, stage->out, log, why);
    free(log);
    free(data);
    return status;
}

void stage_close(struct stage *stage)
{
    fleet_stop(stage->fleet, NULL);
    stage->fleet = NULL;
    lab_close(stage->lab);
    stage->lab = NULL;
}

enum status stage_export_load(const struct stage *stage, const char *name, json_t **out, struct why *why)
{
    struct buffer bytes = {0};
    char place[64];
    snprintf(place, sizeof place, "export/%s", name);
    char *path = path_join(stage->out, place);
    enum status status = path ? file_read(path, EXPORT_BYTES_MAX, &bytes, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = json_read((const char *)bytes.bytes, bytes.count, out, why);
    buffer_free(&bytes);
    free(path);
    return status;
}

enum status stage_events_check(const struct stage *stage, const struct deed *deeds, size_t deed_count,
                               int64_t tolerance_us, bool *out_agrees, struct why *why)
{
    json_t *document = NULL;
    struct finding *findings = NULL;
    size_t finding_count = 0;
    enum status status = stage_export_load(stage, "events.json", &document, why);
    if (status == STATUS_OK)
        status = findings_read(document, &findings, &finding_count, why);
    struct judge_row *rows =
        status == STATUS_OK ? calloc(deed_count + finding_count + 1, sizeof *rows) : NULL;
    if (rows)
        *out_agrees = demo_table_print(
            rows, judge(deeds, deed_count, findings, finding_count, tolerance_us, rows));
    else if (status == STATUS_OK)
        status = STATUS_NO_MEMORY;
    free(rows);
    free(findings);
    json_decref(document);
    return status;
}
