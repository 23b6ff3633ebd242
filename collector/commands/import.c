/* dialtone-collector import: files into the store.
 * Owner: the data folder is open for the length of the command.
 * Why: history, couriers and other clients' archives; an import may be repeated without counting twice. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector/commands/commands.h"
#include "collector/detect_run.h"
#include "collector/ingest/import.h"
#include "collector/ingest/import_key.h"
#include "collector/signal/signal_store.h"
#include "collector/trust/trust.h"
#include "measurement/base/clock.h"

static const struct cli_option options[] = {
    {"data", "DIR", "the collector's data folder; made where it is missing"},
    {"bin", "DURATION", "length of a bin, fixed when the folder is made (10m)"},
    COMMAND_STORE_OPTION,
    {"key", "KEY", "public key of the bundles: minisign's text, or a .pub file"},
    {"identity", "FILE|none", "what opens sealed bundles (identity.age.txt in the data folder); none: it is kept elsewhere"},
    {"receipts", "DIR", "write a receipt for each bundle to DIR, for the courier to take back"},
    {"signal", "NAME", "the files are an outside signal of that name: CSV with time, region and value, or JSON"},
    {"format", "text|json", "how the summary is printed (text)"},
    {0},
};

static enum exit_status worse(enum exit_status a, enum exit_status b)
{
    return a > b ? a : b;
}

/* Whether the store itself fails: the next file would fail alike. */
static bool is_fatal(enum status status)
{
    return status == STATUS_FULL || status == STATUS_NO_MEMORY || status == STATUS_BUSY;
}

/* One line that writes over itself, for who watches. */
static void progress_show(void *arg, const struct import_counts *counts, int64_t read_bytes, int64_t size_bytes)
{
    const char *path = arg;
    double done_mb = (double)read_bytes / 1e6;
    size_t count = counts->accepted_count + counts->duplicate_count + counts->rejected_count;
    if (size_bytes > 0) {
        fprintf(stderr, "\r%.60s: %.0f of %.0f MB (%.0f%%), %zu records", path, done_mb, (double)size_bytes / 1e6,
                100 * (double)read_bytes / (double)size_bytes, count);
    } else {
        fprintf(stderr, "\r%.60s: %.0f MB, %zu records", path, done_mb, count);
    }
    fputs("\033[K", stderr);
    fflush(stderr);
}

static enum exit_status files_import(struct collector_folder *folder, const struct cli_arguments *arguments,
                                     const struct public_key *key, struct import_counts *counts)
{
    struct clock clock = clock_system();
    enum exit_status result = EXIT_NOTHING_WRONG;
    for (size_t i = 0; i < cli_operand_count(arguments); i++) {
        const char *path = cli_operand(arguments, i);
        size_t rejected_count = counts->rejected_count;
        struct why why = {""};
        bool is_watched = isatty(STDERR_FILENO);
        struct import_progress progress = {progress_show, (void *)path};
        enum status status = import_file(folder, path, key, clock_wall_us(&clock), cli_value(arguments, "receipts"),
                                         is_watched ? &progress : NULL, counts, &why);
        if (is_watched) {
            fputs("\r\033[K", stderr);
        }
        if (status != STATUS_OK || why.text[0]) {
            fprintf(stderr, "%s: %s\n", path, why.text[0] ? why.text : status_name(status));
        }
        if (status != STATUS_OK) {
            counts->rejected_count++;
            result = worse(result, exit_of_status(status));
        } else if (counts->rejected_count > rejected_count) {
            result = worse(result, EXIT_FOUND);
        }
        if (is_fatal(status)) {
            break;
        }
    }
    return result;
}

/* The counts on stdout are what callers rely on; what followed from them is told beside. */
static void summary_print(const struct import_counts *counts, const struct detect_counts *judged, bool is_json)
{
    const char *format = is_json ? "{\"accepted\":%zu,\"duplicate\":%zu,\"rejected\":%zu}\n"
                                 : "accepted %zu, duplicate %zu, rejected %zu\n";
    printf(format, counts->accepted_count, counts->duplicate_count, counts->rejected_count);
    /* Beside the one JSON object, not in its way. */
    fprintf(is_json ? stderr : stdout, "judged %zu regions, rescored_bins=%zu\n", judged->region_count,
            judged->rescored_bin_count);
}

static enum exit_status import_into(struct collector_folder *folder, const struct cli_arguments *arguments,
                                    const struct public_key *key, bool is_json)
{
    struct import_counts counts = {0};
    struct detect_counts judged = {0};
    struct clock clock = clock_system();
    struct why why = {""};
    enum exit_status result = files_import(folder, arguments, key, &counts);
    int64_t now_s = 0;
    enum status status = detect_archive_now(folder, clock_wall_us(&clock) / US_PER_S, &now_s, &why);
    if (status == STATUS_OK) {
        status = detect_run(folder, DETECT_DIRTY, now_s, &judged, &why);
    }
    summary_print(&counts, &judged, is_json);
    if (status != STATUS_OK) {
        result = worse(result, cli_fail(exit_of_status(status),
                                        "stored, but not judged: %s; run dialtone-collector "
                                        "detect",
                                        why.text));
    }
    return result;
}

/* Revoked keys are refused in files too. */
static enum exit_status trusted_import(struct collector_folder *folder, const struct cli_arguments *arguments,
                                       const struct public_key *key, bool is_json)
{
    struct trust_config config = trust_config_default();
    struct trust *trust = NULL;
    struct why why = {""};
    enum status status = trust_open(folder, &config, true, &trust, &why);
    if (status != STATUS_OK) {
        return cli_fail(exit_of_status(status), "%s", why.text[0] ? why.text : status_name(status));
    }
    const struct ingest_policy policy = {trust_admit_file, trust};
    folder->policy = &policy;
    enum exit_status result = import_into(folder, arguments, key, is_json);
    folder->policy = NULL;
    trust_free(trust);
    return result;
}

static enum exit_status signals_import(const char *data, const char *name, const struct cli_arguments *arguments,
                                       bool is_json)
{
    enum exit_status result = EXIT_NOTHING_WRONG;
    for (size_t i = 0; i < cli_operand_count(arguments); i++) {
        struct signal_kept kept;
        struct why why = {""};
        enum status status = signal_keep(data, name, cli_operand(arguments, i), &kept, &why);
        if (status != STATUS_OK) {
            result = worse(result, cli_fail(exit_of_status(status), "%s: %s", cli_operand(arguments, i),
                                            why.text[0] ? why.text : status_name(status)));
            continue;
        }
        const char *format = is_json ? "{\"samples\":%zu,\"regions\":%zu,\"unknown_regions\":%zu,\"skipped\":%zu}\n"
                                     : "%zu samples of %zu regions (%zu with no code that we know), %zu rows skipped\n";
        printf(format, kept.sample_count, kept.region_count, kept.unknown_region_count, kept.skipped_count);
    }
    return result;
}

static enum exit_status run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    struct collector_folder folder = {0};
    struct public_key key;
    const char *data = NULL;
    int64_t bin_length_s = 0;
    struct why why = {""};
    enum exit_status result = EXIT_USAGE;
    enum status status = cli_parse(&command_import, options, argc, argv, &arguments);
    if (status != STATUS_OK) {
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    }
    const char *format = cli_value(arguments, "format");
    const char *given = cli_value(arguments, "key");
    bool is_json = format && strcmp(format, "json") == 0;
    if (command_data_folder(&command_import, arguments, &data) != STATUS_OK ||
        command_bin_length(arguments, &bin_length_s) != STATUS_OK) {
        goto done;
    }
    if (format && !is_json && strcmp(format, "text") != 0) {
        cli_fail(EXIT_USAGE, "--format \"%s\": type text or json", format);
        goto done;
    }
    if (cli_operand_count(arguments) == 0) {
        cli_fail(EXIT_USAGE,
                 "import: name the files to import, for example import --data DIR archive.jsonl.gz");
        goto done;
    }
    if (cli_value(arguments, "signal")) {
        result = signals_import(data, cli_value(arguments, "signal"), arguments, is_json);
        goto done;
    }
    if (given && import_key_given(given, &key, &why) != STATUS_OK) {
        cli_fail(EXIT_USAGE, "%s", why.text);
        goto done;
    }
    if (command_store(arguments, data) != STATUS_OK) {
        goto done;
    }
    status = collector_folder_open(data, bin_length_s, &folder, &why);
    if (status != STATUS_OK) {
        result = cli_fail(exit_of_status(status), "%s", why.text[0] ? why.text : status_name(status));
        goto done;
    }
    const char *identity = cli_value(arguments, "identity");
    folder.identity_path = identity && strcmp(identity, "none") == 0 ? "" : identity;
    result = trusted_import(&folder, arguments, given ? &key : NULL, is_json);
done:
    collector_folder_close(&folder);
    cli_free(arguments);
    return result;
}

const struct cli_command command_import = {
    .name = "import",
    .summary = "take in bundles and other clients' measurements from files",
    .help = "usage: dialtone-collector import --data DIR [options] FILE...\n"
            "\n"
            "Takes bundles (NAME.jsonl.zst with NAME.jsonl.zst.minisig beside it, or both sealed in "
            "NAME.jsonl.zst.age)\n"
            "and OONI measurements: one JSON object a line or one a file, plain, gzip or zstd, or files of them in a\n"
            "tar archive, packed or not. What is already there is not counted again. How far it has come stands on a\n"
            "terminal while it runs. With --receipts, NAME.receipt.json is written for each bundle.\n"
            "One line on stderr for each file of which something was rejected, a summary on stdout.\n"
            "\n"
            "With --signal NAME the files are CSV of an outside signal. It is kept apart, in DIR/signals/, and never "
            "mixed\n"
            "into a verdict.\n"
            "\n"
            "Exit status: 0 all accepted or already there; 1 something was rejected; 2 usage, or a file does "
            "not\n"
            "exist; 3 the data folder cannot be written.\n"
            "\n"
            "Examples:\n"
            "  dialtone-collector import --data /var/lib/dialtone measurements.jsonl.gz\n"
            "  dialtone-collector import --data /var/lib/dialtone --receipts /media/stick/receipts /media/stick/*.age\n"
            "  dialtone-collector import --data /var/lib/dialtone --key RWQ... /media/stick/*.jsonl.zst\n",
    .run = run,
};
