/* The state folder of a hosted probe: its key, the consent given, and who holds it now. */
#ifndef PROBE_STATE_STATE_H
#define PROBE_STATE_STATE_H

#include <stdbool.h>

#include "measurement/age.h"
#include "measurement/key.h"
#include "probe/upload/routes.h"

#define STATE_KEY          "key.pem"
#define STATE_CONSENT      "consent.json"
#define STATE_LOCK         "lock"
#define STATE_STATUS       "status.json"
#define STATE_COLLECTOR    "collector.pub"
#define STATE_RECIPIENT    "recipient.txt"
#define STATE_ROUTE        "route.txt"
#define STATE_RECEIPTS     "receipts.jsonl"
#define STATE_DATA         "data.json"
#define STATE_SOCKET       "status.sock"
#define STATE_CONFIG       "probe.conf"
#define STATE_TARGETS      "targets.json"
#define STATE_TARGETS_OWN  "targets-own.csv"
#define STATE_FORMAT       "format"
/* All files that the probe makes in its state folder, beside its key and its folders: what wipe removes. */
#define STATE_OWN_FILES                                                                                                \
    STATE_CONSENT, STATE_STATUS, STATE_COLLECTOR, STATE_RECIPIENT, STATE_ROUTE, STATE_RECEIPTS, STATE_RECEIPTS ".1",   \
        STATE_DATA, STATE_SOCKET, STATE_CONFIG, STATE_TARGETS, STATE_TARGETS_OWN, STATE_FORMAT, "chain.json", STATE_LOCK
#define STATE_CONSENT_TEXT 3 /* version of what was agreed to */

/* Takes the folder for this process until the descriptor is closed or the process ends, however it ends. BUSY where
 * another holds it, NOT_FOUND where there is no such folder. */
enum status state_lock(const char *folder, int *out_fd, struct why *why);

/* How the folder's files are laid out: 1, before this was written down; 2, bundles named by rank and hash. */
#define STATE_FORMAT_NOW 2
/* Under the lock: marks a folder of an earlier format as of this one, which reads what is in it. REFUSED where a newer
 * program made it, CONFLICT where the mark is damaged: nothing is changed then. */
enum status state_format_check(const char *folder, struct why *why);

/* Whether somebody agreed to the present text: REFUSED, with what to type, where not; IO where that cannot be read. */
enum status state_consent_check(const char *folder, struct why *why);
enum status state_consent_publish(const char *folder, int64_t now_us, struct why *why);

enum status state_key_load(const char *folder, struct secret_key *out, struct why *why);
enum status state_key_save(const char *folder, const struct secret_key *key, struct why *why);
bool state_has_key(const char *folder);

/* The collector's key, remembered from its first receipt. NOT_FOUND where there is none yet. */
enum status state_collector_read(const char *folder, struct public_key *out, struct why *why);
enum status state_collector_publish(const char *folder, const struct public_key *key, struct why *why);

/* The key that bundles are sealed to, remembered from the collector's first signed answer. NOT_FOUND as above. */
enum status state_recipient_read(const char *folder, struct age_recipient *out, struct why *why);
enum status state_recipient_publish(const char *folder, const struct age_recipient *recipient, struct why *why);

/* The label of the route that worked last. NOT_FOUND as above. */
enum status state_route_read(const char *folder, char out[ROUTE_LABEL_BYTES]);
enum status state_route_publish(const char *folder, const char *label, struct why *why);

/* Adds a receipt's line to what is kept, durably. The file turns over at 1 MiB and its predecessor is kept. */
enum status state_receipt_append(const char *folder, const void *receipt, size_t count, struct why *why);

#endif
