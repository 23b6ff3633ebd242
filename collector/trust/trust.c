/* Who may send, how much, and whose word counts.
 * Owner: a trust owns its view of the store, the sum of the statements there, and the limiter; a lock guards them.
 * Why: signatures say who sent a bundle; somebody must be able to say that this one may not, or not so much. */
#include "collector/trust/trust.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/trust/trust_inner.h"

#define REFRESH_US        (2 * US_PER_S)
#define REFRESH_EACH_US   US_PER_MS /* and so much for each statement, so that many are not read all the time */
#define AHEAD_MOST_US     (INT64_C(86400) * US_PER_S)
#define AGE_MOST_US       (INT64_C(86400) * TRUST_AGE_MOST_DAYS * US_PER_S)
#define KEY_BURST         5000 /* a probe that was cut off for weeks brings them all at once */
#define KEY_PER_MINUTE    1200
#define REPORT_BURST      1000 /* measurements of one report */
#define REPORTS_BURST     5000
#define REPORTS_PER_MINUTE 3000
#define ALL_BURST         50000
#define ALL_PER_MINUTE    600000
#define SAID_BURST        120 /* statements by probes: each is kept for ever */
#define SAID_PER_MINUTE   60

static const char *const enrolment_names[] = {
    [TRUST_OPEN] = "open", [TRUST_INVITATION] = "invitation", [TRUST_CLOSED] = "closed"};

enum status trust_enrolment_parse(const char *text, enum trust_enrolment *out)
{
    for (size_t i = 0; i < sizeof enrolment_names / sizeof enrolment_names[0]; i++) {
        if (strcmp(text, enrolment_names[i]) == 0) {
            *out = (enum trust_enrolment)i;
            return STATUS_OK;
        }
    }
    return STATUS_MALFORMED;
}

const char *trust_enrolment_name(enum trust_enrolment enrolment)
{
    return enrolment_names[enrolment];
}

struct trust_config trust_config_default(void)
{
    return (struct trust_config){.enrolment = TRUST_OPEN,
                                 .each = {KEY_BURST, KEY_PER_MINUTE},
                                 .reports = {REPORTS_BURST, REPORTS_PER_MINUTE},
                                 .all = {ALL_BURST, ALL_PER_MINUTE},
                                 .clock = clock_system()};
}

enum status trust_open(const struct collector_folder *folder, const struct trust_config *config, bool read_only,
                       struct trust **out, struct why *why)
{
    int64_t bin_length_s = folder->bin_length_s;
    struct trust *trust = calloc(1, sizeof *trust);
    if (!trust) {
        return STATUS_NO_MEMORY;
    }
    trust->config = *config;
    if (!trust->config.clock.wall_us) {
        trust->config.clock = clock_system();
    }
    trust->store = folder->store;
    pthread_mutex_init(&trust->lock, NULL);
    struct limiter_rate said = {SAID_BURST, SAID_PER_MINUTE};
    enum status status = limiter_open(config->each, config->all, &trust->limiter);
    if (status == STATUS_OK) {
        status = limiter_open(said, said, &trust->said);
    }
    if (status == STATUS_OK) {
        struct limiter_rate report = {REPORT_BURST, config->reports.per_minute_count > 0 ? 1 : 0};
        status = limiter_open(report, config->reports, &trust->reports);
    }
    if (status == STATUS_OK) {
        status = folder->store->open(folder->path, read_only, &bin_length_s, &trust->handle, why);
    }
    if (status == STATUS_OK) {
        *out = trust;
    } else {
        trust_free(trust);
    }
    return status;
}

void trust_free(struct trust *trust)
{
    if (!trust) {
        return;
    }
    if (trust->handle) {
        trust->store->close(trust->handle);
    }
    ledger_free(&trust->ledger);
    limiter_free(trust->limiter);
    limiter_free(trust->said);
    limiter_free(trust->reports);
    pthread_mutex_destroy(&trust->lock);
    free(trust);
}

enum trust_enrolment trust_enrolment_of(const struct trust *trust)
{
    return trust->config.enrolment;
}

static enum status statement_take(const char *id, int64_t time_us, const char *text, void *arg)
{
    struct ledger *ledger = arg;
    struct trust_statement statement;
    (void)id;
    (void)time_us;
    enum status status = statement_read(text, strlen(text), &statement);
    if (status == STATUS_MALFORMED) {
        ledger->unknown_count++;
        return STATUS_OK;
    }
    return status == STATUS_OK ? ledger_add(ledger, &statement) : status;
}

enum status trust_ledger_read(struct trust *trust, struct why *why)
{
    struct ledger ledger = {.probes = NULL};
    enum status status = trust->store->each_trust(trust->handle, statement_take, &ledger);
    if (status == STATUS_OK) {
        ledger_free(&trust->ledger);
        trust->ledger = ledger;
        trust->is_read = true;
        trust->read_us = clock_monotonic_us(&trust->config.clock);
    } else {
        ledger_free(&ledger);
        why_set(why, "what is known of the probes' keys cannot be read; check that the store answers");
    }
    return status;
}

/* Under the lock. A store that does not answer for once leaves what was known. */
static enum status ledger_fresh(struct trust *trust, struct why *why)
{
    int64_t now_us = clock_monotonic_us(&trust->config.clock);
    int64_t keep_us = REFRESH_US + (int64_t)trust->ledger.statement_count * REFRESH_EACH_US;
    if (trust->is_read && now_us - trust->read_us < keep_us) {
        return STATUS_OK;
    }
    enum status status = trust_ledger_read(trust, why);
    if (status != STATUS_OK && trust->is_read) {
        trust->read_us = now_us;
        return STATUS_OK;
    }
    return status;
}

enum status trust_admit_request(struct trust *trust, int64_t *out_wait_s)
{
    pthread_mutex_lock(&trust->lock);
    bool is_free = limiter_take_any(trust->limiter, clock_monotonic_us(&trust->config.clock), out_wait_s);
    pthread_mutex_unlock(&trust->lock);
    return is_free ? STATUS_OK : STATUS_BUSY;
}

enum status trust_admit_report(struct trust *trust, const char *report, int64_t *out_wait_s)
{
    uint8_t hash[SHA256_BYTES];
    sha256(report, strlen(report), hash);
    pthread_mutex_lock(&trust->lock);
    int64_t now_us = clock_monotonic_us(&trust->config.clock);
    bool is_free = limiter_take(trust->reports, hash, now_us, out_wait_s) &&
                   limiter_take_any(trust->reports, now_us, out_wait_s);
    pthread_mutex_unlock(&trust->lock);
    return is_free ? STATUS_OK : STATUS_BUSY;
}

enum status trust_times_check(const struct bundle_label *label, int64_t now_us, struct why *why)
{
    const char *fault = NULL;
    if (label->end_us < label->start_us) {
        fault = "it ends before it starts";
    } else if (label->end_us > now_us + AHEAD_MOST_US) {
        fault = "it ends more than a day from now";
    } else if (label->start_us < now_us - AGE_MOST_US) {
        fault = "it starts more than three years ago";
    }
    if (fault) {
        why_set(why, "the bundle's times cannot be true: %s; set the probe's clock, or have the operator import it",
                fault);
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

enum status trust_standing_check(const struct trust *trust, const struct trust_probe *row, bool must_be_enrolled,
                                 struct why *why)
{
    if (row && row->standing == TRUST_REVOKED) {
        why_set(why, "this key was revoked; the collector takes nothing of it any more");
        return STATUS_REFUSED;
    }
    if (must_be_enrolled && trust->config.enrolment != TRUST_OPEN && (!row || row->standing != TRUST_ENROLLED)) {
        why_set(why, trust->config.enrolment == TRUST_INVITATION
                         ? "this key is not enrolled; enrol it with the code of an invitation first"
                         : "this key is not enrolled; ask the collector's operator");
        return STATUS_REFUSED;
    }
    return STATUS_OK;
}

static enum status admit(struct trust *trust, const struct public_key *key, bool is_file, struct why *why)
{
    char name[KEY_NAME_BYTES];
    int64_t wait_s = 0;
    public_key_name(key, name);
    pthread_mutex_lock(&trust->lock);
    enum status status = ledger_fresh(trust, why);
    if (status == STATUS_OK) {
        status = trust_standing_check(trust, ledger_find(&trust->ledger, name), !is_file, why);
    }
    if (status == STATUS_OK && !is_file &&
        !limiter_take(trust->limiter, key->id, clock_monotonic_us(&trust->config.clock), &wait_s)) {
        why_set(why, "this key has sent too many bundles; wait %" PRId64 " seconds", wait_s);
        status = STATUS_BUSY;
    }
    pthread_mutex_unlock(&trust->lock);
    return status;
}

enum status trust_admit(void *arg, const struct public_key *key, const struct bundle_label *label, int64_t now_us,
                        struct why *why)
{
    enum status status = trust_times_check(label, now_us, why);
    return status == STATUS_OK ? admit(arg, key, false, why) : status;
}

enum status trust_admit_file(void *arg, const struct public_key *key, const struct bundle_label *label,
                             int64_t now_us, struct why *why)
{
    (void)label;
    (void)now_us;
    return admit(arg, key, true, why);
}

void trust_find(struct trust *trust, const char *probe, struct trust_probe *out)
{
    *out = (struct trust_probe){.standing = TRUST_UNKNOWN, .weight = 1};
    snprintf(out->name, sizeof out->name, "%s", probe);
    pthread_mutex_lock(&trust->lock);
    const struct trust_probe *row =
        ledger_fresh(trust, NULL) == STATUS_OK ? ledger_find(&trust->ledger, probe) : NULL;
    if (row) {
        *out = *row;
        out->weight = ledger_weight(&trust->ledger, probe);
    }
    pthread_mutex_unlock(&trust->lock);
}

enum status trust_each(struct trust *trust, trust_probe_callback callback, void *arg, struct why *why)
{
    pthread_mutex_lock(&trust->lock);
    enum status status = ledger_fresh(trust, why);
    for (size_t i = 0; status == STATUS_OK && i < trust->ledger.probe_count; i++) {
        callback(&trust->ledger.probes[i], arg);
    }
    pthread_mutex_unlock(&trust->lock);
    return status;
}

enum status trust_each_invitation(struct trust *trust, trust_invitation_callback callback, void *arg,
                                  struct why *why)
{
    pthread_mutex_lock(&trust->lock);
    enum status status = ledger_fresh(trust, why);
    for (size_t i = 0; status == STATUS_OK && i < trust->ledger.invitation_count; i++) {
        callback(&trust->ledger.invitations[i], arg);
    }
    pthread_mutex_unlock(&trust->lock);
    return status;
}

enum status trust_each_network(struct trust *trust, trust_network_callback callback, void *arg, struct why *why)
{
    pthread_mutex_lock(&trust->lock);
    enum status status = ledger_fresh(trust, why);
    for (size_t i = 0; status == STATUS_OK && i < trust->ledger.network_count; i++) {
        callback(&trust->ledger.networks[i], arg);
    }
    pthread_mutex_unlock(&trust->lock);
    return status;
}

bool trust_counts(struct trust *trust, const char *probe, int64_t time_us)
{
    pthread_mutex_lock(&trust->lock);
    const struct trust_probe *row =
        ledger_fresh(trust, NULL) == STATUS_OK ? ledger_find(&trust->ledger, probe) : NULL;
    bool counts = !row || row->void_from_us == 0 || time_us < row->void_from_us;
    pthread_mutex_unlock(&trust->lock);
    return counts;
}
