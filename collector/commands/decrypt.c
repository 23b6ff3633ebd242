/* dialtone-collector decrypt: sealed bundles, opened where the identity is.
 * Owner: one bundle at a time in memory; the identity is wiped when the command ends.
 * Why: a collector that takes bundles need not be able to read them; this is the step that can. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/commands/commands.h"
#include "collector/detect_run.h"
#include "collector/ingest/sealed.h"
#include "collector/trust/identity.h"
#include "collector/trust/trust.h"
#include "measurement/base/file.h"

#define SEALED_BYTES_MAX (BUNDLE_PACKED_BYTES_MAX + (1u << 20))
#define REJECTED_FOLDER  "rejected"
#define SUFFIX           ".age"

static const struct cli_option options[] = {
    {"identity", "FILE", "the age identity, as age-keygen writes it (identity.age.txt in the data folder)"},
    {"data", "DIR", "take in what waits in DIR/sealed"},
    {"out", "DIR", "write what is in the files named to DIR, a folder for each probe"},
    {0},
};

struct decrypt_counts {
    size_t opened_count;
    size_t duplicate_count;
    size_t rejected_count;
};

static bool is_sealed_name(const char *name)
{
    size_t count = strlen(name);
    return count > sizeof SUFFIX - 1 && strcmp(name + count - (sizeof SUFFIX - 1), SUFFIX) == 0;
}

/* What cannot be opened is put aside, not deleted: with another identity it may be. */
static void put_aside(const char *folder, const char *name, const char *reason)
{
    char *rejected = path_join(folder, REJECTED_FOLDER);
    char *from = path_join(folder, name);
    char *to = rejected ? path_join(rejected, name) : NULL;
    bool is_moved = to && from && folder_make(rejected, 0750, NULL) == STATUS_OK && rename(from, to) == 0;
    fprintf(stderr, "%s: %s%s\n", name, reason, is_moved ? "; moved to sealed/" REJECTED_FOLDER : "");
    free(rejected);
    free(from);
    free(to);
}

/* Whether it is the bundle's own fault: else it stays where it is, for the next time. */
static bool is_rejection(enum status status)
{
    return status == STATUS_MALFORMED || status == STATUS_TOO_LARGE || status == STATUS_BAD_SIGNATURE ||
           status == STATUS_CONFLICT || status == STATUS_REFUSED;
}

static enum status waiting_take(struct collector_folder *folder, struct ingest_reader *reader, const char *sealed,
                                const char *name, struct decrypt_counts *counts, struct why *why)
{
    struct buffer bytes = {0};
    struct stat facts;
    char *path = path_join(sealed, name);
    enum status status = path ? file_read(path, SEALED_BYTES_MAX, &bytes, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK && stat(path, &facts) != 0) {
        status = STATUS_IO;
    }
    if (status == STATUS_OK) {
        struct ingest_job job = {.packed = bytes.bytes,
                                 .packed_count = bytes.count,
                                 .now_us = (int64_t)facts.st_mtim.tv_sec * US_PER_S};
        struct ingest_job *jobs[] = {&job};
        ingest_prepare(reader, &job);
        ingest_commit(folder, jobs, 1);
        status = job.status;
        counts->opened_count += status == STATUS_OK && !job.result.is_duplicate_bundle;
        counts->duplicate_count += status == STATUS_OK && job.result.is_duplicate_bundle;
        why_set(why, "%s", job.why.text);
        ingest_job_end(&job);
    }
    if (status == STATUS_OK) {
        unlink(path); /* the store has it, durably */
    }
    free(path);
    buffer_free(&bytes);
    return status;
}

static enum status folder_take(struct collector_folder *folder, struct ingest_reader *reader, const char *sealed,
                               struct decrypt_counts *counts, struct why *why)
{
    struct dirent **names = NULL;
    int count = scandir(sealed, &names, NULL, alphasort);
    enum status status = STATUS_OK;
    for (int i = 0; i < count; i++) {
        if (status == STATUS_OK && is_sealed_name(names[i]->d_name)) {
            *why = (struct why){""};
            status = waiting_take(folder, reader, sealed, names[i]->d_name, counts, why);
            if (is_rejection(status)) {
                put_aside(sealed, names[i]->d_name, why->text);
                counts->rejected_count++;
                status = STATUS_OK;
            }
        }
        free(names[i]);
    }
    free(names);
    return status;
}

static enum status data_decrypt(const char *data, const char *identity, struct decrypt_counts *counts,
                                struct why *why)
{
    struct collector_folder folder = {0};
    struct trust_config config = trust_config_default();
    struct trust *trust = NULL;
    struct ingest_reader *reader = NULL;
    struct clock clock = clock_system();
    int64_t now_s = 0;
    char *sealed = path_join(data, IDENTITY_SEALED_FOLDER);
    enum status status = sealed ? collector_folder_open(data, 0, &folder, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        folder.identity_path = identity;
        status = trust_open(&folder, &config, false, &trust, why);
    }
    if (status == STATUS_OK) {
        struct ingest_policy policy = {trust_admit_file, trust};
        status = ingest_reader_open(&folder, folder.handle, &policy, &reader, why);
    }
    if (status == STATUS_OK) {
        status = folder_take(&folder, reader, sealed, counts, why);
    }
    if (status == STATUS_OK && counts->opened_count > 0) {
        status = detect_archive_now(&folder, clock_wall_us(&clock) / US_PER_S, &now_s, why);
    }
    if (status == STATUS_OK && counts->opened_count > 0) {
        status = detect_run(&folder, DETECT_DIRTY, now_s, NULL, why);
    }
    ingest_reader_free(reader);
    trust_free(trust);
    collector_folder_close(&folder);
    free(sealed);
    return status;
}

/* DIR/PROBE/NAME, its .minisig, and minisign.pub beside: what import and minisign -V read. */
static enum status parts_write(const struct ingest_job *job, const char *name, const char *out, struct why *why)
{
    char probe[KEY_NAME_BYTES];
    char key[PUBLIC_KEY_TEXT_BYTES];
    struct buffer text = {0};
    struct buffer minisig_name = {0};
    public_key_name(job->key, probe);
    public_key_format(job->key, key);
    buffer_printf(&text, "untrusted comment: public key of Dialtone probe %s\n%s\n", probe, key);
    buffer_printf(&minisig_name, "%s.minisig", name);
    char *minisig_text = buffer_take_text(&minisig_name);
    char *folder = path_join(out, probe);
    char *packed = folder ? path_join(folder, name) : NULL;
    char *minisig = folder && minisig_text ? path_join(folder, minisig_text) : NULL;
    char *pub = folder ? path_join(folder, "minisign.pub") : NULL;
    enum status status = packed && minisig && pub && !text.failed ? folder_make(folder, 0750, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = file_publish(pub, text.bytes, text.count, 0640, why);
    }
    if (status == STATUS_OK) {
        status = file_publish(minisig, job->minisig, job->minisig_count, 0640, why);
    }
    if (status == STATUS_OK) {
        status = file_publish(packed, job->packed, job->packed_count, 0640, why);
    }
    free(minisig_text);
    free(folder);
    free(packed);
    free(minisig);
    free(pub);
    buffer_free(&text);
    return status;
}

static enum status file_decrypt(const struct sealed_opener *opener, const char *path, const char *out, struct why *why)
{
    struct buffer bytes = {0};
    char name[256];
    const char *slash = strrchr(path, '/');
    int count = snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
    enum status status = file_read(path, SEALED_BYTES_MAX, &bytes, why);
    if (status == STATUS_OK && (!is_sealed_name(name) || count >= (int)sizeof name)) {
        why_set(why, "a sealed bundle is named NAME.jsonl.zst.age");
        status = STATUS_USAGE;
    }
    if (status == STATUS_OK) {
        struct ingest_job job = {.packed = bytes.bytes, .packed_count = bytes.count};
        name[count - (int)(sizeof SUFFIX - 1)] = 0;
        status = sealed_open(opener, &job);
        if (status == STATUS_OK) {
            status = parts_write(&job, name, out, why);
        } else {
            *why = job.why;
        }
        ingest_job_end(&job);
    }
    buffer_free(&bytes);
    return status;
}

static enum exit_status files_decrypt(const struct cli_arguments *arguments, const char *identity, const char *out)
{
    struct collector_folder folder = {.identity_path = identity};
    struct sealed_opener *opener = NULL;
    struct why why = {""};
    enum exit_status result = EXIT_NOTHING_WRONG;
    enum status status = sealed_opener_open(&folder, &opener, &why);
    if (status != STATUS_OK) {
        return cli_fail(exit_of_status(status), "decrypt: %s", why.text);
    }
    for (size_t i = 0; i < cli_operand_count(arguments); i++) {
        why = (struct why){""};
        status = file_decrypt(opener, cli_operand(arguments, i), out, &why);
        if (status != STATUS_OK) {
            fprintf(stderr, "%s: %s\n", cli_operand(arguments, i), why.text[0] ? why.text : status_name(status));
            result = exit_of_status(status) > result ? exit_of_status(status) : result;
        }
    }
    sealed_opener_free(opener);
    return result;
}

static enum exit_status folder_decrypt(const char *data, const char *identity)
{
    struct decrypt_counts counts = {0};
    struct why why = {""};
    enum status status = data_decrypt(data, identity, &counts, &why);
    printf("opened %zu, duplicate %zu, rejected %zu\n", counts.opened_count, counts.duplicate_count,
           counts.rejected_count);
    if (status != STATUS_OK) {
        return cli_fail(exit_of_status(status), "decrypt: %s", why.text[0] ? why.text : status_name(status));
    }
    return counts.rejected_count > 0 ? EXIT_FOUND : EXIT_NOTHING_WRONG;
}

static enum exit_status run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum exit_status result = EXIT_USAGE;
    enum status status = cli_parse(&command_decrypt, options, argc, argv, &arguments);
    if (status != STATUS_OK) {
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    }
    const char *data = cli_value(arguments, "data");
    const char *out = cli_value(arguments, "out");
    const char *identity = cli_value(arguments, "identity");
    size_t file_count = cli_operand_count(arguments);
    if (identity && access(identity, R_OK) != 0) {
        cli_fail(EXIT_USAGE, "decrypt: %.200s cannot be read; give the age identity with --identity", identity);
    } else if (data && !out && file_count == 0) {
        result = folder_decrypt(data, identity);
    } else if (!data && out && identity && file_count > 0) {
        result = files_decrypt(arguments, identity, out);
    } else {
        cli_fail(EXIT_USAGE, "decrypt: type --data DIR [--identity FILE], or --identity FILE --out DIR FILE.age...");
    }
    cli_free(arguments);
    return result;
}

const struct cli_command command_decrypt = {
    .name = "decrypt",
    .summary = "open sealed bundles where the identity is",
    .help = "usage: dialtone-collector decrypt --data DIR [--identity FILE]\n"
            "       dialtone-collector decrypt --identity FILE --out DIR FILE.age...\n"
            "\n"
            "The first form takes in what a collector kept in DIR/sealed while it ran with --identity none; what was\n"
            "taken in is removed there, and what cannot be opened is put aside in DIR/sealed/rejected. The second\n"
            "writes what is in the files to DIR, a folder for each probe, with signature and key, for import.\n"
            "Debian's age opens the files too: age -d -i FILE NAME.age\n"
            "\n"
            "Exit status: 0 all were opened; 1 one was not for this identity, or not what was signed; 2 usage;\n"
            "3 our own failure.\n"
            "\n"
            "Examples:\n"
            "  dialtone-collector decrypt --data /var/lib/dialtone --identity /media/stick/identity.age.txt\n"
            "  dialtone-collector decrypt --identity identity.age.txt --out opened/ stick/*.age\n",
    .run = run,
};
