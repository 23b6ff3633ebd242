/* Keeps the probes of a region, their last status, and their runs of failure.
 * Owner: the roster owns its arrays; roster_free releases them.
 * Why: everything later (quorum, dating, confidence) asks only "who fails now" and "between which two times did it
 * begin", so a year of rows is folded here as it passes. */
#include "collector/detect/roster.h"

#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "measurement/base/clock.h"

#define RUN_GAP_BINS 144 /* a probe that fails, and a day after its last word fails, fails anew */

static bool dns_failed(enum connectivity_state state)
{
    return state == CONNECTIVITY_DNS_FAILURE || state == CONNECTIVITY_RESOLVER_DEAD;
}

static enum sign_kind failure_kind(enum connectivity_state state)
{
    if (state == CONNECTIVITY_DOMESTIC_ONLY)
        return SIGN_DOMESTIC;
    if (state == CONNECTIVITY_TLS_BLOCKED)
        return SIGN_TLS;
    return dns_failed(state) ? SIGN_DNS : SIGN_CUT;
}

void sign_of_presence(const struct presence *row, int64_t bin_length_s, struct sign *out)
{
    *out = (struct sign){.fail_count = row->fail_count,
                         .first_ok_us = row->first_ok_us,
                         .last_ok_us = row->last_ok_us,
                         .first_fail_us = row->first_fail_us,
                         .last_fail_us = row->last_fail_us,
                         .discount = row->discount};
    bool works = row->ok_count > 0 && (row->fail_count == 0 || row->last_ok_us > row->last_fail_us);
    if (row->fail_count > 0)
        out->fail_kind = failure_kind(row->worst_state);
    if (works)
        out->kind = SIGN_OK;
    else if (row->fail_count > 0)
        out->kind = out->fail_kind;
    else if (row->other_count > 0 && dns_failed(row->worst_state)) {
        out->kind = out->fail_kind = SIGN_DNS;
        out->fail_count = row->other_count;
        out->first_fail_us = row->bin_s * US_PER_S;
        out->last_fail_us = (row->bin_s + bin_length_s) * US_PER_S - 1;
    } else
        out->kind = row->other_count > 0 ? SIGN_OTHER : row->local_count > 0 ? SIGN_LOCAL : SIGN_NONE;
}

static enum status network_index(struct roster *roster, uint32_t asn, uint32_t *out)
{
    for (size_t i = 0; i < roster->network_count; i++)
        if (roster->networks[i] == asn) {
            *out = (uint32_t)i;
            return STATUS_OK;
        }
    if (!array_room(&roster->networks, roster->network_count, &roster->network_room))
        return STATUS_NO_MEMORY;
    *out = (uint32_t)roster->network_count;
    roster->networks[roster->network_count++] = asn;
    return STATUS_OK;
}

static enum status place_index(struct roster *roster, const char *place, uint32_t *out)
{
    for (size_t i = 0; i < roster->place_count; i++)
        if (strncmp(roster->places[i], place, REGION_BYTES) == 0) {
            *out = (uint32_t)i;
            return STATUS_OK;
        }
    if (!array_room(&roster->places, roster->place_count, &roster->place_room))
        return STATUS_NO_MEMORY;
    *out = (uint32_t)roster->place_count;
    memset(roster->places[*out], 0, REGION_BYTES);
    memcpy(roster->places[*out], place, strnlen(place, REGION_BYTES - 1));
    roster->place_count++;
    return STATUS_OK;
}

enum status roster_move(struct roster *roster, uint32_t probe, uint32_t asn, const char *place,
                        enum access_type access)
{
    struct roster_probe *moved = &roster->probes[probe];
    moved->is_mobile = access == ACCESS_MOBILE;
    if (roster->networks[moved->network] == asn && strncmp(roster->places[moved->place], place, REGION_BYTES) == 0)
        return STATUS_OK;
    enum status status = network_index(roster, asn, &moved->network);
    if (status == STATUS_OK)
        status = place_index(roster, place, &moved->place);
    return status;
}

enum status roster_add(struct roster *roster, uint32_t asn, const char *place, enum access_type access,
                       bool is_signed, uint32_t *out_probe)
{
    uint32_t network, place_number;
    enum status status = network_index(roster, asn, &network);
    if (status == STATUS_OK)
        status = place_index(roster, place, &place_number);
    if (status != STATUS_OK)
        return status;
    if (!array_room(&roster->probes, roster->probe_count, &roster->probe_room))
        return STATUS_NO_MEMORY;
    *out_probe = (uint32_t)roster->probe_count;
    roster->probes[roster->probe_count++] = (struct roster_probe){.network = network,
                                                                  .place = place_number,
                                                                  .is_mobile = access == ACCESS_MOBILE,
                                                                  .is_signed = is_signed,
                                                                  .first_bin = -1,
                                                                  .heard_bin = -1,
                                                                  .failed_bin = -1,
                                                                  .worked_bin = -1,
                                                                  .final_bin = -1,
                                                                  .open_run = RUN_NONE};
    return STATUS_OK;
}

static void run_close(struct roster *roster, struct roster_probe *probe, int64_t by_us)
{
    if (probe->open_run == RUN_NONE)
        return;
    roster->runs[probe->open_run].end_by_us = by_us;
    probe->open_run = RUN_NONE;
}

static enum status run_extend(struct roster *roster, uint32_t number, const struct sign *sign, int64_t after_us,
                              int64_t heard_before_bin, int64_t bin)
{
    struct roster_probe *probe = &roster->probes[number];
    if (bin - heard_before_bin > RUN_GAP_BINS)
        run_close(roster, probe, sign->first_fail_us);
    if (probe->open_run == RUN_NONE) {
        if (!array_room(&roster->runs, roster->run_count, &roster->run_room))
            return STATUS_NO_MEMORY;
        probe->open_run = (uint32_t)roster->run_count;
        roster->runs[roster->run_count++] =
            (struct run){.probe = number, .onset_after_us = after_us, .onset_by_us = sign->first_fail_us};
    }
    struct run *run = &roster->runs[probe->open_run];
    run->fail_count[sign->fail_kind] += sign->fail_count;
    run->end_after_us = sign->last_fail_us;
    if (sign->received_us != 0 && (run->reached_us == 0 || sign->received_us < run->reached_us))
        run->reached_us = sign->received_us;
    return STATUS_OK;
}

/* A row that holds both: what came first, and what came last, decide where the run begins and ends. */
static enum status take_mixed(struct roster *roster, const struct sign *sign, int64_t heard_before_bin, int64_t bin)
{
    struct roster_probe *probe = &roster->probes[sign->probe];
    int64_t after_us = probe->last_ok_us;
    if (sign->first_ok_us < sign->first_fail_us) {
        run_close(roster, probe, sign->first_ok_us);
        after_us = sign->last_ok_us < sign->first_fail_us ? sign->last_ok_us : sign->first_ok_us;
    }
    enum status status = run_extend(roster, sign->probe, sign, after_us, heard_before_bin, bin);
    if (status == STATUS_OK && sign->last_ok_us > sign->last_fail_us)
        run_close(roster, probe, sign->first_ok_us > sign->last_fail_us ? sign->first_ok_us : sign->last_ok_us);
    return status;
}

enum status roster_take(struct roster *roster, const struct sign *sign, int64_t bin, int64_t tick)
{
    struct roster_probe *probe = &roster->probes[sign->probe];
    enum status status = STATUS_OK;
    if (sign->kind == SIGN_NONE)
        return status;
    probe->discount = sign->discount;
    if (probe->first_bin < 0)
        probe->first_bin = bin;
    if (probe->heard_bin != bin)
        probe->slot_heard_count++;
    int64_t last_us = sign->last_ok_us > sign->last_fail_us ? sign->last_ok_us : sign->last_fail_us;
    if (sign->received_us != 0 && last_us - sign->received_us > probe->ahead_us)
        probe->ahead_us = last_us - sign->received_us;
    int64_t heard_before_bin = probe->heard_bin;
    probe->heard_bin = bin;
    probe->heard_tick = tick;
    bool worked = sign->first_ok_us != 0;
    if (worked && sign->first_fail_us != 0)
        status = take_mixed(roster, sign, heard_before_bin, bin);
    else if (sign->kind >= SIGN_DNS)
        status = run_extend(roster, sign->probe, sign, probe->last_ok_us, heard_before_bin, bin);
    else if (sign->kind == SIGN_OK)
        run_close(roster, probe, sign->first_ok_us);
    if (sign->kind >= SIGN_OK) {
        probe->status = sign->kind;
        probe->status_bin = bin;
    }
    if (sign->kind == SIGN_OK || sign->kind == SIGN_OTHER) {
        probe->worked_count += probe->worked_bin != bin;
        probe->worked_bin = bin;
    }
    if (sign->fail_count > 0)
        probe->failed_bin = bin;
    if (worked)
        probe->last_ok_us = sign->last_ok_us;
    return status;
}

uint32_t run_fail_count(const struct run *run)
{
    uint32_t count = 0;
    for (int kind = SIGN_DNS; kind < SIGN_COUNT; kind++)
        count += run->fail_count[kind];
    return count;
}

/* Failures of names or of TLS alone leave a way out. */
bool run_reaches(const struct run *run, int64_t clock_us)
{
    bool is_cut = 2 * (run->fail_count[SIGN_CUT] + run->fail_count[SIGN_DOMESTIC]) > run_fail_count(run);
    return is_cut && run->reached_us != 0 && (run->end_by_us == 0 || run->reached_us + clock_us < run->end_by_us);
}

void roster_free(struct roster *roster)
{
    free(roster->probes);
    free(roster->networks);
    free(roster->places);
    free(roster->runs);
    *roster = (struct roster){0};
}
