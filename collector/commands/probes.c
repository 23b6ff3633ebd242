/* dialtone-collector probes: who sends, who may, and who may no more.
 * Owner: folder, trust and roll are open for the length of the command.
 * Why: an operator must see a probe that fell silent or was copied, and be able to let in and to throw out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/commands/commands.h"
#include "collector/commands/probes_print.h"
#include "collector/ingest/import_key.h"
#include "collector/trust/enrolment.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "measurement/base/random.h"

static const struct cli_option options[] = {
    {"data", "DIR", "the collector's data folder"},
    {"format", "text|json", "how it is printed (text)"},
    {"label", "TEXT", "invite: whom the invitation is for, for your own list"},
    {"uses", "N", "invite: how many keys may enrol with it (1)"},
    {"for", "DURATION", "invite: how long it holds, such as 72h (30 days)"},
    {"from", "UTC", "revoke: what was measured from then on counts no more (now)"},
    {"reason", "TEXT", "revoke, weigh: why, for your own list"},
    {0},
};

#define INVITATION_US      (30 * INT64_C(86400) * US_PER_S)
#define INVITATION_MOST_US (366 * INT64_C(86400) * US_PER_S)
#define USES_MOST          100000

/* What an action works with. */
struct probes_call {
    const struct cli_arguments *arguments;
    struct collector_folder *folder;
    struct trust *trust;
    const char *operand; /* NULL: none was given */
    const char *value;   /* the operand after it */
    bool is_json;
};

static enum status name_check(const char *name, struct why *why)
{
    uint8_t id[KEY_ID_BYTES];
    if (!name || hex_decode(name, id, KEY_ID_BYTES) != STATUS_OK) {
        why_set(why, "name the probe by the 16 hexadecimal digits of its key, as `probes list` prints them");
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

static enum status action_list(struct probes_call *call, struct why *why)
{
    return probes_print_list(call->folder->path, call->trust, call->is_json, why);
}

static enum status action_show(struct probes_call *call, struct why *why)
{
    enum status status = name_check(call->operand, why);
    return status == STATUS_OK ? probes_print_one(call->folder->path, call->trust, call->operand, call->is_json, why)
                               : status;
}

static enum status action_invite(struct probes_call *call, struct why *why)
{
    struct random_source random = random_system();
    struct clock clock = clock_system();
    int64_t use_count = 1;
    int64_t length_us = INVITATION_US;
    char code[TRUST_CODE_BYTES];
    enum status status = cli_number(call->arguments, "uses", 1, USES_MOST, &use_count);
    if (status == STATUS_OK) {
        status = cli_duration(call->arguments, "for", US_PER_S, INVITATION_MOST_US, &length_us);
    }
    if (status != STATUS_OK) {
        return STATUS_REFUSED; /* said already */
    }
    status = trust_invite(call->trust, cli_value(call->arguments, "label"), use_count,
                          clock_wall_us(&clock) + length_us, &random, code, why);
    if (status == STATUS_OK) {
        printf(call->is_json ? "{\"invitation\":\"%s\"}\n" : "%s\n", code);
    }
    return status;
}

static enum status action_enrol(struct probes_call *call, struct why *why)
{
    struct public_key key;
    char name[KEY_NAME_BYTES];
    if (!call->operand) {
        why_set(why, "give the public key, as `dialtone-probe keys` prints it, or a .pub file");
        return STATUS_USAGE;
    }
    enum status status = import_key_given(call->operand, &key, why);
    if (status == STATUS_OK) {
        status = trust_enrol(call->trust, &key, NULL, true, why);
        public_key_name(&key, name);
    }
    if (status == STATUS_OK || status == STATUS_DUPLICATE) {
        printf(call->is_json ? "{\"probe\":\"%s\",\"standing\":\"enrolled\"}\n" : "%s is enrolled\n", name);
        return STATUS_OK;
    }
    return status;
}

static enum status action_revoke(struct probes_call *call, struct why *why)
{
    struct clock clock = clock_system();
    int64_t from_us = clock_wall_us(&clock);
    const char *from = cli_value(call->arguments, "from");
    enum status status = name_check(call->operand, why);
    if (status == STATUS_OK && from && time_parse(from, &from_us) != STATUS_OK) {
        why_set(why, "--from is a UTC time such as 2026-01-31T12:00:00Z");
        status = STATUS_USAGE;
    }
    if (status == STATUS_OK) {
        status = trust_revoke(call->trust, call->operand, from_us, cli_value(call->arguments, "reason"), why);
    }
    if (status == STATUS_OK) {
        printf(call->is_json ? "{\"probe\":\"%s\",\"standing\":\"revoked\"}\n" : "%s is revoked\n", call->operand);
        fprintf(stderr, "What it sends is refused from now on. To judge again what it sent before, run\n"
                        "  dialtone-collector detect --data %s\n",
                call->folder->path);
    }
    return status;
}

static enum status action_restore(struct probes_call *call, struct why *why)
{
    enum status status = name_check(call->operand, why);
    if (status == STATUS_OK) {
        status = trust_restore(call->trust, call->operand, why);
    }
    if (status == STATUS_OK) {
        printf(call->is_json ? "{\"probe\":\"%s\",\"standing\":\"restored\"}\n" : "%s is taken again\n", call->operand);
    }
    return status;
}

/* "AS64500"; 0: it is none. */
static uint32_t network_read(const char *text)
{
    bool is_network = text && (text[0] == 'A' || text[0] == 'a') && (text[1] == 'S' || text[1] == 's');
    char *end = NULL;
    unsigned long long asn = is_network && text[2] >= '0' && text[2] <= '9' ? strtoull(text + 2, &end, 10) : 0;
    return asn > 0 && asn <= UINT32_MAX && *end == '\0' ? (uint32_t)asn : 0;
}

static enum status percent_read(const char *text, int *out, struct why *why)
{
    char *end = NULL;
    double weight = text && text[0] >= '0' && text[0] <= '9' ? strtod(text, &end) : -1;
    if (!(weight >= 0 && weight <= 1) || *end != '\0') {
        why_set(why, "give a weight from 0 (kept, and not counted) to 1 (counted whole), such as 0.5");
        return STATUS_USAGE;
    }
    *out = (int)(weight * 100 + 0.5);
    return STATUS_OK;
}

static enum status action_weigh(struct probes_call *call, struct why *why)
{
    uint32_t asn = network_read(call->operand);
    int percent = 0;
    enum status status = asn != 0 ? STATUS_OK : name_check(call->operand, NULL);
    if (status != STATUS_OK) {
        why_set(why, "name a probe by the 16 hexadecimal digits of its key, or a network as AS64500");
        return status;
    }
    status = percent_read(call->value, &percent, why);
    if (status == STATUS_OK) {
        status = trust_weigh(call->trust, asn != 0 ? NULL : call->operand, asn, percent,
                             cli_value(call->arguments, "reason"), why);
    }
    if (status == STATUS_OK) {
        printf(call->is_json ? "{\"%s\":\"%s\",\"weight\":%.2f}\n" : "%s %s weighs %.2f\n",
               asn != 0 ? "network" : "probe", call->operand, percent / 100.0);
        fprintf(stderr, "It counts from the next judgement on. To judge again what was judged before, run\n"
                        "  dialtone-collector detect --data %s\n",
                call->folder->path);
    }
    return status;
}

/* STATE/rotations/OLD-NEW.json of a probe, with its .minisig beside it. */
static enum status action_rotate(struct probes_call *call, struct why *why)
{
    struct buffer text = {0};
    struct buffer minisig = {0};
    struct buffer name = {0};
    struct enrolment said;
    struct public_key signer;
    struct clock clock = clock_system();
    json_t *root = NULL;
    if (!call->operand) {
        why_set(why, "name the statement, a file that dialtone-probe keys rotate left in rotations/");
        return STATUS_USAGE;
    }
    buffer_printf(&name, "%s.minisig", call->operand);
    char *minisig_path = buffer_take_text(&name);
    enum status status = minisig_path ? file_read(call->operand, ENROLMENT_BYTES_MAX, &text, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = file_read(minisig_path, MINISIG_BYTES_MAX, &minisig, why);
    }
    if (status == STATUS_OK) {
        status = json_read((const char *)text.bytes, text.count, &root, why);
    }
    const char *old = status == STATUS_OK ? json_member_text(root, "old_key") : NULL;
    if (status == STATUS_OK && (!old || public_key_parse(old, &signer) != STATUS_OK)) {
        why_set(why, "the statement names no old key");
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK) { /* the collector's own key plays no part in a rotation */
        status = enrolment_read((const char *)text.bytes, text.count, &signer, (const char *)minisig.bytes,
                                minisig.count, &signer, clock_wall_us(&clock), &said, why);
    }
    if (status == STATUS_OK && !said.is_rotation) {
        why_set(why, "the statement is no rotation");
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK) {
        status = enrolment_apply(call->trust, &said, true, why);
        status = status == STATUS_DUPLICATE ? STATUS_OK : status;
    }
    json_decref(root);
    free(minisig_path);
    buffer_free(&text);
    buffer_free(&minisig);
    return status;
}

struct action {
    const char *name;
    size_t operand_count; /* at most */
    enum status (*run)(struct probes_call *call, struct why *why);
};

static const struct action actions[] = {
    {"list", 0, action_list},       {"show", 1, action_show},     {"invite", 0, action_invite},
    {"enrol", 1, action_enrol},     {"revoke", 1, action_revoke}, {"restore", 1, action_restore},
    {"rotate", 1, action_rotate},   {"weigh", 2, action_weigh},
};

static const struct action *action_find(const struct cli_arguments *arguments)
{
    const char *name = cli_operand_count(arguments) > 0 ? cli_operand(arguments, 0) : "list";
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(name, actions[i].name) == 0 &&
            cli_operand_count(arguments) <= 1 + actions[i].operand_count) {
            return &actions[i];
        }
    }
    cli_fail(EXIT_USAGE, "probes: type list, show, invite, enrol, revoke, restore, rotate or weigh, not \"%.80s\"", name);
    return NULL;
}

static enum exit_status act(const struct action *action, const struct cli_arguments *arguments, const char *data,
                            bool is_json)
{
    struct collector_folder folder = {0};
    struct trust_config config = trust_config_default();
    struct probes_call call = {.arguments = arguments,
                               .folder = &folder,
                               .operand = cli_operand_count(arguments) > 1 ? cli_operand(arguments, 1) : NULL,
                               .value = cli_operand_count(arguments) > 2 ? cli_operand(arguments, 2) : NULL,
                               .is_json = is_json};
    struct why why = {""};
    enum status status = collector_folder_open(data, 0, &folder, &why);
    if (status == STATUS_OK) {
        status = trust_open(&folder, &config, false, &call.trust, &why);
    }
    if (status == STATUS_OK) {
        status = action->run(&call, &why);
    }
    trust_free(call.trust);
    collector_folder_close(&folder);
    if (status == STATUS_OK) {
        return EXIT_NOTHING_WRONG;
    }
    return why.text[0] || status != STATUS_REFUSED
               ? cli_fail(exit_of_status(status), "probes %s: %s", action->name, why.text[0] ? why.text : status_name(status))
               : EXIT_USAGE;
}

static enum exit_status run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    const char *data = NULL;
    enum exit_status result = EXIT_USAGE;
    enum status status = cli_parse(&command_probes, options, argc, argv, &arguments);
    if (status != STATUS_OK) {
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    }
    const char *format = cli_value(arguments, "format");
    bool is_json = format && strcmp(format, "json") == 0;
    if (format && !is_json && strcmp(format, "text") != 0) {
        cli_fail(EXIT_USAGE, "--format \"%.80s\": type text or json", format);
    } else if (command_data_folder(&command_probes, arguments, &data) == STATUS_OK) {
        const struct action *action = action_find(arguments);
        result = action ? act(action, arguments, data, is_json) : EXIT_USAGE;
    }
    cli_free(arguments);
    return result;
}

const struct cli_command command_probes = {
    .name = "probes",
    .summary = "list the probes, invite, enrol and weigh them, revoke keys",
    .help = "usage: dialtone-collector probes --data DIR [list]\n"
            "       dialtone-collector probes --data DIR show NAME\n"
            "       dialtone-collector probes --data DIR invite [--label TEXT] [--uses N] [--for DURATION]\n"
            "       dialtone-collector probes --data DIR enrol KEY\n"
            "       dialtone-collector probes --data DIR revoke NAME [--from UTC] [--reason TEXT]\n"
            "       dialtone-collector probes --data DIR restore NAME\n"
            "       dialtone-collector probes --data DIR rotate FILE.json\n"
            "       dialtone-collector probes --data DIR weigh NAME|ASNUMBER WEIGHT [--reason TEXT]\n"
            "\n"
            "A probe is named by the 16 hexadecimal digits of its key. The list tells when each was first and last\n"
            "heard, how many bundles and measurements came, how many numbers are missing between them, how often\n"
            "the chain of bundles is broken, how often two bundles have one number (forks: a copied key, or a lie), how\n"
            "far its word goes (its weight, from 0 to 1), and the weight that its record suggests.\n"
            "\n"
            "invite prints a code, once; it is kept nowhere. revoke refuses all that a key sends from now on, and\n"
            "what it measured from --from on counts no more. A running collector heeds it within seconds.\n"
            "rotate takes the statement by which an old key named a new one. weigh says how far the word of a probe, or of\n"
            "all probes in a network, goes where outages are judged: 1 whole, 0 kept and not counted.\n"
            "\n"
            "Exit status: 0 done; 1 a statement is not as it was signed; 2 usage, or refused; 3 our own failure.\n"
            "\n"
            "Examples:\n"
            "  dialtone-collector probes --data /var/lib/dialtone\n"
            "  dialtone-collector probes --data /var/lib/dialtone invite --label Goma --uses 5\n"
            "  dialtone-collector probes --data /var/lib/dialtone revoke 0123456789abcdef --reason 'machine seized'\n"
            "  dialtone-collector probes --data /var/lib/dialtone weigh AS64500 0.5 --reason 'one owner'\n",
    .run = run,
};
