/* The probes of the demo and of the soak.
 * Owner: a fleet owns its processes; their states lie in the lab's folder.
 * Why: what is shown must come from the programs that volunteers run. */
#include "tests/lab/fleet.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "tests/lab/internet.h"

#define CONSENT_PATIENCE_US (300 * US_PER_S)
#define STOP_PATIENCE_US    (60 * US_PER_S)
#define JOURNAL_BYTES_MAX   (256u << 20)
#define WORD_BYTES          48

#define PLACE(label, third, isp, delay_ms, where, number)                                                    \
    {                                                                                                        \
        .client = {.name = label,                                                                            \
                   .address = "130.192." third ".211",                                                       \
                   .gateway = "130.192." third ".1",                                                         \
                   .address6 = "2a01:e0a:" third "::211",                                                    \
                   .gateway6 = "2a01:e0a:" third "::1",                                                      \
                   .resolver = "130.192." isp ".53",                                                         \
                   .up = {.delay_us = (delay_ms)*US_PER_MS, .jitter_us = 2000},                              \
                   .down = {.delay_us = (delay_ms)*US_PER_MS, .jitter_us = 2000}},                           \
        .subdivision = (where), .asn = (number)                                                              \
    }

static const struct fleet_place demo_places[] = {
    PLACE("n1", "110", "100", 5, "XD-N", 64500),  PLACE("n2", "111", "100", 12, "XD-N", 64500),
    PLACE("n3", "112", "101", 20, "XD-N", 64501), PLACE("e1", "113", "101", 8, "XD-E", 64501),
    PLACE("e2", "114", "102", 15, "XD-E", 64502), PLACE("s1", "115", "102", 10, "XD-S", 64502),
    PLACE("s2", "116", "103", 25, "XD-S", 64503), PLACE("s3", "117", "103", 30, "XD-S", 64503),
};
const struct fleet_roll fleet_of_demo = {demo_places, sizeof demo_places / sizeof demo_places[0]};

static const struct fleet_place soak_places[] = {
    PLACE("n1", "110", "100", 5, "XD-N", 64500),  PLACE("n2", "111", "100", 12, "XD-N", 64500),
    PLACE("n3", "112", "101", 20, "XD-N", 64501), PLACE("n4", "113", "101", 6, "XD-N", 64501),
    PLACE("n5", "114", "102", 15, "XD-N", 64502), PLACE("e1", "115", "101", 8, "XD-E", 64501),
    PLACE("e2", "116", "101", 15, "XD-E", 64501), PLACE("e3", "117", "102", 9, "XD-E", 64502),
    PLACE("e4", "118", "102", 22, "XD-E", 64502), PLACE("e5", "119", "103", 11, "XD-E", 64503),
    PLACE("s1", "120", "102", 10, "XD-S", 64502), PLACE("s2", "121", "103", 25, "XD-S", 64503),
    PLACE("s3", "122", "103", 30, "XD-S", 64503), PLACE("s4", "123", "100", 14, "XD-S", 64500),
    PLACE("s5", "124", "100", 18, "XD-S", 64500),
};
const struct fleet_roll fleet_of_soak = {soak_places, sizeof soak_places / sizeof soak_places[0]};

struct fleet {
    struct lab *lab;
    const struct fleet_roll *roll;
    pid_t pids[FLEET_MOST];
};

uint64_t fleet_in(const struct fleet_roll *roll, const char *subdivision)
{
    uint64_t bits = 0;
    for (int i = 0; i < roll->count; i++)
        if (strcmp(roll->places[i].subdivision, subdivision) == 0)
            bits |= UINT64_C(1) << i;
    return bits;
}

/* A path of the probe's own in the lab's folder; the caller frees. NULL without memory. */
static char *probe_path(const struct fleet *fleet, int number, const char *ending)
{
    struct buffer name = {0};
    buffer_printf(&name, "probe-%s%s", fleet->roll->places[number].client.name, ending);
    char *text = buffer_take_text(&name);
    char *path = text ? lab_file(fleet->lab, text) : NULL;
    free(text);
    return path;
}

static enum status consent_give(struct lab *lab, int number, const char *state, const char *log,
                                struct why *why)
{
    char *program = lab_program(lab, "dialtone-probe");
    const char *const argv[] = {program, "consent", "--state", state, "--yes-i-understand-the-risks", NULL};
    struct child_plan plan = lab_child(lab, number);
    plan.argv = argv;
    plan.output = plan.error = log;
    int exit_code = 0;
    enum status status = program ? child_run(&plan, CONSENT_PATIENCE_US, &exit_code, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK && exit_code != 0) {
        why_set(why, "dialtone-probe consent ended with status %d; read %s", exit_code, log);
        status = STATUS_IO;
    }
    free(program);
    return status;
}

static void duration_write(int64_t duration_us, char out[WORD_BYTES])
{
    snprintf(out, WORD_BYTES, "%" PRId64 "ms", duration_us / US_PER_MS);
}

static enum status daemon_start(struct fleet *fleet, int number, const char *targets,
                                const struct fleet_pace *pace, struct why *why)
{
    const struct fleet_place *place = &fleet->roll->places[number];
    struct lab *lab = fleet->lab;
    char web[WORD_BYTES], ladder[WORD_BYTES], upload[WORD_BYTES], limit[WORD_BYTES], asn[WORD_BYTES];
    char network[WORD_BYTES];
    duration_write(pace->web_us, web);
    duration_write(pace->ladder_us, ladder);
    duration_write(pace->upload_us, upload);
    duration_write(pace->step_limit_us, limit);
    snprintf(asn, sizeof asn, "%" PRIu32, place->asn);
    snprintf(network, sizeof network, "Emulated Network %" PRIu32, place->asn);
    char *program = lab_program(lab, "dialtone-probe");
    char *state = probe_path(fleet, number, "");
    char *log = probe_path(fleet, number, ".log");
    char *ca = lab_file(lab, "ca.pem");
    char *anchors = lab_file(lab, "anchors.csv");
    /* clang-format off */
    const char *const argv[] = {
        program, "run", "--state", state, "--collector", "https://" INTERNET_COLLECTOR_ADDRESS,
        "--targets", targets, "--web-interval", web, "--ladder-interval", ladder, "--upload-interval", upload,
        "--timeout", limit, "--ca-file", ca, "--anchors", anchors, "--resolver", place->client.resolver,
        "--country", FLEET_COUNTRY, "--subdivision", place->subdivision, "--asn", asn, "--network", network,
        "--access", "fixed", "--risk", "high" /* news is on the list */, "--channels-interval", "24h" /* the services are not in this Internet */, NULL};
    /* clang-format on */
    struct child_plan plan = lab_child(lab, number);
    plan.argv = argv;
    plan.output = plan.error = log;
    enum status status = STATUS_NO_MEMORY;
    if (program && state && log && ca && anchors)
        status = consent_give(lab, number, state, log, why);
    if (status == STATUS_OK)
        status = child_start(&plan, &fleet->pids[number], why);
    free(anchors);
    free(ca);
    free(log);
    free(state);
    free(program);
    return status;
}

enum status fleet_start(struct lab *lab, const struct fleet_roll *roll, const char *targets,
                        const struct fleet_pace *pace, struct fleet **out, struct why *why)
{
    struct fleet *fleet = calloc(1, sizeof *fleet);
    if (!fleet)
        return STATUS_NO_MEMORY;
    fleet->lab = lab;
    fleet->roll = roll;
    enum status status = STATUS_OK;
    for (int i = 0; i < fleet->roll->count && status == STATUS_OK; i++)
        status = daemon_start(fleet, i, targets, pace, why);
    if (status != STATUS_OK) {
        fleet_stop(fleet, NULL);
        return status;
    }
    *out = fleet;
    return STATUS_OK;
}

/* The record in a journal's line: its sum stands behind a tab. */
static size_t record_bytes(const struct reader *line)
{
    const uint8_t *tab = memchr(line->bytes, '\t', line->left_bytes);
    return tab ? (size_t)(tab - line->bytes) : line->left_bytes;
}

/* When the oldest line of a journal was measured; INT64_MAX where there is none, 0 where it cannot be told.
 */
static int64_t oldest_line_us(const char *journal)
{
    struct buffer bytes = {0};
    struct reader line;
    json_t *record = NULL;
    int64_t oldest_us = 0;
    enum status status = file_read(journal, JOURNAL_BYTES_MAX, &bytes, NULL);
    struct reader reader = reader_of(bytes.bytes, bytes.count);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && bytes.count == 0))
        oldest_us = INT64_MAX;
    else if (status == STATUS_OK && reader_line(&reader, &line) &&
             json_read((const char *)line.bytes, record_bytes(&line), &record, NULL) == STATUS_OK) {
        const char *start = json_member_text(record, "measurement_start_time");
        if (start)
            (void)!time_parse(start, &oldest_us);
    }
    json_decref(record);
    buffer_free(&bytes);
    return oldest_us;
}

/* A probe's sealed bundles stay in its spool until the collector's receipt for them is on the disk. */
static bool has_bundles(const char *spool)
{
    static const char *const endings[] = {".jsonl.zst", ".jsonl.zst.age", ".minisig"};
    DIR *folder = opendir(spool);
    bool is_any = folder == NULL;
    for (const struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder)) {
        is_any = is_any || strncmp(entry->d_name, "sealing-", strlen("sealing-")) == 0;
        for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
            size_t length = strlen(entry->d_name), ending = strlen(endings[i]);
            is_any = is_any || (length > ending && strcmp(entry->d_name + length - ending, endings[i]) == 0);
        }
    }
    if (folder)
        closedir(folder);
    return is_any;
}

/* The journals first: a line that is sealed in between shows as a bundle then. */
static bool is_probe_uploaded(const struct fleet *fleet, int number, int64_t before_us)
{
    static const char *const journals[] = {"/spool/pending.jsonl", "/spool/pending-anomaly.jsonl",
                                           "/spool/pending-clean.jsonl"};
    bool is_whole = true;
    for (size_t i = 0; i < sizeof journals / sizeof journals[0] && is_whole; i++) {
        char *journal = probe_path(fleet, number, journals[i]);
        is_whole = journal && oldest_line_us(journal) >= before_us;
        free(journal);
    }
    char *spool = probe_path(fleet, number, "/spool");
    is_whole = is_whole && spool && !has_bundles(spool);
    free(spool);
    return is_whole;
}

bool fleet_is_uploaded(const struct fleet *fleet, int64_t before_us)
{
    for (int i = 0; i < fleet->roll->count; i++)
        if (!is_probe_uploaded(fleet, i, before_us))
            return false;
    return true;
}

enum status fleet_check(struct fleet *fleet, struct why *why)
{
    for (int i = 0; i < fleet->roll->count; i++) {
        int exit_code = 0;
        if (fleet->pids[i] == 0 || child_wait(fleet->pids[i], 0, &exit_code) != STATUS_OK)
            continue;
        fleet->pids[i] = 0;
        why_set(why, "probe %s ended by itself with status %d; read probe-%s.log in the lab's folder",
                fleet->roll->places[i].client.name, exit_code, fleet->roll->places[i].client.name);
        return STATUS_IO;
    }
    return STATUS_OK;
}

void fleet_stop(struct fleet *fleet, int *out_exit)
{
    if (!fleet)
        return;
    int worst = 0;
    for (int i = 0; i < fleet->roll->count; i++) {
        int exit_code = child_stop(fleet->pids[i], STOP_PATIENCE_US);
        worst = exit_code > worst ? exit_code : worst;
    }
    if (out_exit)
        *out_exit = worst;
    free(fleet);
}
