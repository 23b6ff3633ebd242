/* verify --log --data DIR: the evidence log of a data folder against its bundles and its checkpoints.
 * Owner: the folder is open for reading while the command runs.
 * Why: a report that is to be believed names bundles; whoever holds the folder can show that none was exchanged. */
#include "collector/commands/verify_log.h"
#include "collector/commands/verify_split.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ingest/import_key.h"
#include "collector/log/audit.h"
#include "collector/log/evidence_log.h"
#include "collector/maintain/maintain.h"
#include "measurement/base/file.h"

#define KEY_NAME "collector.key"

/* --key, or the folder's own. */
static enum status key_find(const char *data, const char *given, struct public_key *out, struct why *why)
{
    struct secret_key secret;
    if (given) {
        return import_key_given(given, out, why);
    }
    char *path = path_join(data, KEY_NAME);
    enum status status = path ? secret_key_load(path, &secret, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        *out = secret.public_key;
        secret_key_wipe(&secret);
    } else {
        why_set(why, "%s/" KEY_NAME " cannot be read; give the collector's public key with --key", data);
    }
    free(path);
    return status;
}

static void fault_print(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "%s\n", text);
}

static void summary_print(const struct audit_counts *counts)
{
    char root[2 * SHA256_BYTES + 1];
    hex_encode(counts->root.bytes, SHA256_BYTES, root);
    printf("%s: %" PRIu64 " entries, %" PRIu64 " bundles as they were signed, %" PRIu64 " not kept any more, %" PRIu64
           " checkpoints hold, %" PRIu64 " faults\nroot %s\n",
           counts->fault_count == 0 ? "good" : "NOT GOOD", counts->entry_count, counts->bundle_count,
           counts->pruned_count, counts->checkpoint_count, counts->fault_count, root);
}

/* Checkpoints from elsewhere, against each other and against the folder's own log. */
static enum status kept_check(const struct cli_arguments *arguments, struct query *query, const struct public_key *key,
                              struct why *why)
{
    struct kept_list list = {.rows = NULL};
    struct evidence_log *log = NULL;
    enum status status = kept_read(arguments, key, &list, why);
    if (status == STATUS_OK && list.count > 0) {
        status = kept_compare(&list, why);
        if (status == STATUS_OK) {
            status = evidence_log_open(query, key, &log);
        }
        if (status == STATUS_OK) {
            status = evidence_log_update(log, why);
        }
    }
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        const struct note_checkpoint *kept = &list.rows[i].checkpoint;
        struct merkle_hash root;
        if (evidence_log_root(log, kept->size, &root) != STATUS_OK) {
            why_set(why, "%.160s tells of %" PRIu64 " entries, the log has %" PRIu64, list.rows[i].where, kept->size,
                    evidence_log_size(log));
            status = STATUS_CONFLICT;
        } else if (memcmp(&root, &kept->root, sizeof root) != 0) {
            why_set(why, "SPLIT: %.160s was signed for other entries than the first %" PRIu64 " of this log",
                    list.rows[i].where, kept->size);
            status = STATUS_CONFLICT;
        }
    }
    if (status == STATUS_OK && list.count > 0) {
        printf("%zu checkpoints from elsewhere are of this log\n", list.count);
    }
    evidence_log_free(log);
    kept_free(&list);
    return status;
}

enum exit_status verify_log_folder(const struct cli_arguments *arguments)
{
    const char *data = cli_value(arguments, "data");
    struct public_key key;
    struct query *query = NULL;
    struct audit_counts counts;
    struct why why = {""};
    enum status status = query_open(data, &query, &why);
    if (status != STATUS_OK) { /* of another version, or not there: nothing was found wrong */
        return cli_fail(status == STATUS_CONFLICT ? EXIT_USAGE : exit_of_status(status), "verify --log: %s",
                        why.text[0] ? why.text : status_name(status));
    }
    status = key_find(data, cli_value(arguments, "key"), &key, &why);
    if (status == STATUS_OK) {
        struct audit_request request = {.query = query,
                                        .key = &key,
                                        .pruned_before_us = maintain_pruned_before_us(data),
                                        .fault = fault_print};
        status = audit_run(&request, &counts, &why);
    }
    if (status == STATUS_OK && counts.fault_count == 0) {
        status = kept_check(arguments, query, &key, &why);
    }
    query_close(query);
    if (status != STATUS_OK) {
        return cli_fail(exit_of_status(status), "verify --log: %s", why.text[0] ? why.text : status_name(status));
    }
    summary_print(&counts);
    return counts.fault_count == 0 ? EXIT_NOTHING_WRONG : EXIT_FOUND;
}
