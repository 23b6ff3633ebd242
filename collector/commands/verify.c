/* dialtone-collector verify: bundles against their signatures, without a store; with --log, the evidence log.
 * Owner: one bundle at a time in memory.
 * Why: anyone who holds the two files can check them; minisign -Vm says the same. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/commands/commands.h"
#include "collector/commands/verify_log.h"
#include "collector/commands/verify_split.h"
#include "collector/ingest/import_key.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/bundle.h"

static const struct cli_option options[] = {
    {"key", "KEY", "public key: minisign's text, or a .pub file (else minisign.pub beside the bundle)"},
    {"data", "DIR", "look keys up in this collector's data folder; with --log: check its log"},
    {"log", NULL, "check the evidence log: of --data, or of --collector"},
    {"collector", "URL", "with --log: ask this collector, and believe only what it proves"},
    {"bundle", "FILE", "with --collector: prove that this .zst is in the log; may be repeated"},
    {"checkpoint", "FILE", "with --log: hold this checkpoint, of before or from elsewhere, against it; may be repeated"},
    {"proof", "FILE", "with --log, --key and --bundle: check this .tlog-proof, without asking anybody"},
    {"save", "FILE", "with --collector: keep the checkpoint there, for the next time"},
    {"ca-file", "FILE", "with --collector: whom to trust (the system's)"},
    {0},
};

static void good_print(const char *path, const struct public_key *key, const struct bundle_label *label)
{
    char name[KEY_NAME_BYTES];
    char start[TIME_TEXT_BYTES];
    char end[TIME_TEXT_BYTES];
    public_key_name(key, name);
    time_format_utc(label->start_us, start);
    time_format_utc(label->end_us, end);
    printf("%s: good, signed by %s, bundle %" PRId64 " of %" PRId64 " measurements from %s to %s\n", path,
           name, label->sequence, label->measurement_count, start, end);
}

static enum status file_verify(const char *path, const struct public_key *given, const char *data,
                               struct why *why)
{
    struct buffer packed = {0};
    struct buffer minisig = {0};
    struct buffer lines = {0};
    struct buffer name = {0};
    struct public_key key;
    struct bundle_label label;
    buffer_printf(&name, "%s.minisig", path);
    char *minisig_path = buffer_take_text(&name);
    enum status status =
        minisig_path ? file_read(path, BUNDLE_PACKED_BYTES_MAX, &packed, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = file_read(minisig_path, MINISIG_BYTES_MAX, &minisig, why);
    }
    if (status == STATUS_OK && given) {
        key = *given;
    } else if (status == STATUS_OK) {
        status = import_key_of_bundle(data, path, (const char *)minisig.bytes, minisig.count, &key, why);
    }
    if (status == STATUS_OK) {
        status = bundle_open(&key, packed.bytes, packed.count, (const char *)minisig.bytes, minisig.count,
                             &label, &lines, why);
    }
    if (status == STATUS_OK) {
        good_print(path, &key, &label);
    }
    free(minisig_path);
    buffer_free(&packed);
    buffer_free(&minisig);
    buffer_free(&lines);
    return status;
}

static enum exit_status log_verify(const struct cli_arguments *arguments)
{
    bool has_data = cli_value(arguments, "data") != NULL;
    bool has_collector = cli_value(arguments, "collector") != NULL;
    bool has_files = cli_value(arguments, "key") && cli_value_at(arguments, "checkpoint", 1);
    if (cli_value(arguments, "proof") && !has_data && !has_collector && cli_operand_count(arguments) == 0) {
        return verify_log_proof(arguments);
    }
    if (has_data == has_collector && (has_data || !has_files)) {
        return cli_fail(EXIT_USAGE, "verify: --log needs either --data DIR or --collector URL, or --key KEY with "
                                    "several --checkpoint FILE");
    }
    if (cli_operand_count(arguments) > 0) {
        return cli_fail(EXIT_USAGE, "verify: --log takes no file; name bundles with --bundle FILE");
    }
    if (has_files && !has_data && !has_collector) {
        return verify_log_files(arguments);
    }
    return has_data ? verify_log_folder(arguments) : verify_log_remote(arguments);
}

static enum exit_status files_verify(const struct cli_arguments *arguments)
{
    struct public_key key;
    struct why why = {""};
    enum exit_status result = EXIT_NOTHING_WRONG;
    enum status status = STATUS_OK;
    const char *given = cli_value(arguments, "key");
    if (cli_operand_count(arguments) == 0) {
        result =
            cli_fail(EXIT_USAGE, "verify: name the bundles to verify, for example verify 000001.jsonl.zst");
    } else if (given && import_key_given(given, &key, &why) != STATUS_OK) {
        result = cli_fail(EXIT_USAGE, "%s", why.text);
    } else {
        for (size_t i = 0; i < cli_operand_count(arguments); i++) {
            const char *path = cli_operand(arguments, i);
            status = file_verify(path, given ? &key : NULL, cli_value(arguments, "data"), &why);
            if (status != STATUS_OK) {
                fprintf(stderr, "%s: %s\n", path, why.text);
            }
            result = exit_of_status(status) > result ? exit_of_status(status) : result;
        }
    }
    return result;
}

static enum exit_status run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum status status = cli_parse(&command_verify, options, argc, argv, &arguments);
    if (status != STATUS_OK) {
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    }
    enum exit_status result = cli_value(arguments, "log") ? log_verify(arguments) : files_verify(arguments);
    cli_free(arguments);
    return result;
}

const struct cli_command command_verify = {
    .name = "verify",
    .summary = "check bundles against their signatures, and the evidence log",
    .help =
        "usage: dialtone-collector verify [--key KEY | --data DIR] FILE...\n"
        "       dialtone-collector verify --log --data DIR [--checkpoint FILE]...\n"
        "       dialtone-collector verify --log --collector URL [--key KEY] [--bundle FILE]... "
        "[--checkpoint OLD]...\n"
        "       dialtone-collector verify --log --key KEY --checkpoint FILE --checkpoint FILE...\n"
        "       dialtone-collector verify --log --key KEY --bundle FILE --proof FILE.tlog-proof\n"
        "\n"
        "Checks each FILE against FILE.minisig: both signatures, the label, the number of lines.\n"
        "\n"
        "With --log, the Merkle tree over all bundles that a collector took. Of a data folder: every entry, the\n"
        "bundle behind it, and every checkpoint that was ever signed; what was altered, lost or exchanged is named.\n"
        "Of a collector: that its checkpoint is signed by its key (KEY is the collector's here), that FILE is in the\n"
        "log, and that the log only grew since each checkpoint OLD, which --save keeps. OLD may also come from somebody\n"
        "else: where two checkpoints of one size differ, or one does not extend the other, the collector shows different\n"
        "logs to different people, and SPLIT is told, with both. Checkpoints alone can be compared without asking it;\n"
        "so can a proof be checked that a report brings beside a bundle.\n"
        "\n"
        "Exit status: 0 all are good; 1 one is not what was signed, or the log is split; 2 usage, a file or a key is missing; 4 the\n"
        "collector cannot be reached.\n"
        "\n"
        "Examples:\n"
        "  dialtone-collector verify --key RWQ... 000001.jsonl.zst\n"
        "  minisign -Vm 000001.jsonl.zst -P RWQ...      (the same, with minisign)\n"
        "  dialtone-collector verify --log --data /var/lib/dialtone\n"
        "  dialtone-collector verify --log --collector https://collector.example.org --key RWQ... \\\n"
        "      --bundle 000001.jsonl.zst --checkpoint last.txt --save last.txt\n"
        "  dialtone-collector verify --log --key RWQ... --checkpoint mine.txt --checkpoint theirs.txt\n",
    .run = run,
};
