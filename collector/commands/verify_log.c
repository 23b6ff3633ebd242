/* verify --log --data DIR: the evidence log of a data folder against its bundles and its checkpoints.
 * Owner: the folder is open for reading while the command runs.
 * Why: a report that is to be believed names bundles; whoever holds the folder can show that none was exchanged. */
#include "collector/commands/verify_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/ingest/import_key.h"
#include "collector/log/audit.h"
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

enum exit_status verify_log_folder(const struct cli_arguments *arguments)
{
    const char *data = cli_value(arguments, "data");
    struct public_key key;
    struct query *query = NULL;
    struct audit_counts counts;
    struct why why = {""};
    enum status status = query_open(data, &query, &why);
    if (status == STATUS_OK) {
        status = key_find(data, cli_value(arguments, "key"), &key, &why);
    }
    if (status == STATUS_OK) {
        struct audit_request request = {.query = query,
                                        .key = &key,
                                        .pruned_before_us = maintain_pruned_before_us(data),
                                        .fault = fault_print};
        status = audit_run(&request, &counts, &why);
    }
    query_close(query);
    if (status != STATUS_OK) {
        return cli_fail(exit_of_status(status), "verify --log: %s", why.text[0] ? why.text : status_name(status));
    }
    summary_print(&counts);
    return counts.fault_count == 0 ? EXIT_NOTHING_WRONG : EXIT_FOUND;
}
