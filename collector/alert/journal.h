/* What a hook was told, kept in the data folder so that a restart tells nothing twice and forgets nothing.
 *   alerts/NAME.journal   "dialtone-alerts 1", then a line an alert: "told EVENT REVISION", or "known EVENT
 * REVISION" of an event that was over before the hook was there */
#ifndef COLLECTOR_ALERT_JOURNAL_H
#define COLLECTOR_ALERT_JOURNAL_H

#include "collector/detect/detect.h"

struct journal;

struct journal_entry {
    char id[EVENT_ID_BYTES];
    int revision;      /* the last that was told, or known */
    bool is_told;      /* else it was over before */
    int seen_revision; /* the last that was looked at; not kept */
};

/* *out_is_new: there was none; it is made by journal_begin. Damaged lines are skipped and counted. */
enum status journal_open(const char *folder, const char *name, struct journal **out, bool *out_is_new,
                         size_t *out_damaged_count, struct why *why);
void journal_free(struct journal *journal);

/* NULL: nothing is known of the event. Valid until the next call that adds. */
struct journal_entry *journal_find(struct journal *journal, const char *id);
/* In memory only, before journal_begin. */
enum status journal_know(struct journal *journal, const char *id, int revision);
/* Writes all that is known as a new file. */
enum status journal_begin(struct journal *journal, struct why *why);
/* On the disk when it returns OK; in memory in any case but NO_MEMORY. */
enum status journal_tell(struct journal *journal, const char *id, int revision, struct why *why);

#endif
