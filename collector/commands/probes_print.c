/* Prints probes, as a table or as JSON.
 * Owner: the rows live for one call.
 * Why: one tree of facts for both forms. */
#include "collector/commands/probes_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/trust/roll.h"
#include "measurement/base/json.h"

#define GAPS_MOST 1000

static const char *standing_name(enum trust_standing standing)
{
    switch (standing) {
    case TRUST_UNKNOWN:
        return "heard";
    case TRUST_ENROLLED:
        return "enrolled";
    case TRUST_REVOKED:
        return "revoked";
    }
    return "heard";
}

static json_t *time_json(int64_t time_us)
{
    char text[TIME_TEXT_BYTES];
    if (time_us == 0) {
        return json_null();
    }
    time_format_utc(time_us, text);
    return json_string(text);
}

static json_t *name_json(const char *name)
{
    return json_text_or_null(name[0] ? name : NULL);
}

/* `row` NULL: it was never heard; `said` is what was said of it. */
static json_t *probe_json(const struct roll_row *row, const struct trust_probe *said, int64_t now_us)
{
    static const struct roll_row silent = {.name = ""};
    const struct roll_row *heard = row ? row : &silent;
    return json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:o, s:o, s:o, s:o, s:s}", "probe", said->name,
                     "standing", standing_name(said->standing), "first", time_json(heard->first_us), "last",
                     time_json(heard->last_us), "bundles", (json_int_t)heard->bundle_count, "measurements",
                     (json_int_t)heard->measurement_count, "missing", (json_int_t)heard->missing_count, "breaks",
                     (json_int_t)heard->break_count, "forks", (json_int_t)heard->fork_count, "weight",
                     said->standing == TRUST_REVOKED ? 0.0 : said->weight, "suggested_weight",
                     row ? roll_suggest(row, said, now_us) : 0.0, "enrolled", time_json(said->enrolled_us), "revoked", time_json(said->revoked_us), "before",
                     name_json(said->before), "after", name_json(said->after), "label", said->label);
}

struct listing {
    const struct roll *roll;
    json_t *probes;
    int64_t now_us;
};

static const struct roll_row *row_of(const struct roll *roll, const char *name)
{
    for (size_t i = 0; i < roll_count(roll); i++) {
        if (strcmp(roll_at(roll, i)->name, name) == 0) {
            return roll_at(roll, i);
        }
    }
    return NULL;
}

/* Those that were only spoken of. */
static void silent_add(const struct trust_probe *said, void *arg)
{
    struct listing *listing = arg;
    if (!row_of(listing->roll, said->name)) {
        json_array_append_new(listing->probes, probe_json(NULL, said, listing->now_us));
    }
}

static void network_add(const struct trust_network *network, void *arg)
{
    json_array_append_new(arg, json_pack("{s:I, s:f, s:s}", "asn", (json_int_t)network->asn, "weight", network->weight,
                                         "label", network->label));
}

static void invitation_add(const struct trust_invitation *invitation, void *arg)
{
    json_array_append_new(arg, json_pack("{s:s, s:o, s:o, s:I, s:I}", "label", invitation->label, "made",
                                         time_json(invitation->made_us), "until", time_json(invitation->until_us),
                                         "uses", (json_int_t)invitation->use_count, "used",
                                         (json_int_t)invitation->used_count));
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_member_text(object, name);
    return text ? text : "-";
}

static void table_print(const json_t *probes, const json_t *invitations, const json_t *networks)
{
    size_t i;
    json_t *row;
    printf("%-16s  %-8s  %-20s  %-20s  %8s  %9s  %7s  %6s  %5s  %6s  %9s  %s\n", "probe", "standing", "first heard",
           "last heard", "bundles", "measured", "missing", "breaks", "forks", "weight", "suggested", "label");
    json_array_foreach(probes, i, row) {
        printf("%-16s  %-8s  %-20s  %-20s  %8" PRId64 "  %9" PRId64 "  %7" PRId64 "  %6" PRId64 "  %5" PRId64
               "  %6.2f  %9.2f  %s\n",
               text_of(row, "probe"), text_of(row, "standing"), text_of(row, "first"), text_of(row, "last"),
               json_member_int(row, "bundles", 0), json_member_int(row, "measurements", 0),
               json_member_int(row, "missing", 0), json_member_int(row, "breaks", 0), json_member_int(row, "forks", 0),
               json_member_real(row, "weight", 0), json_member_real(row, "suggested_weight", 0), text_of(row, "label"));
    }
    json_array_foreach(invitations, i, row) {
        printf("invitation  %s  used %" PRId64 " of %" PRId64 "  until %s\n", text_of(row, "label"),
               json_member_int(row, "used", 0), json_member_int(row, "uses", 0), text_of(row, "until"));
    }
    json_array_foreach(networks, i, row) {
        printf("network  AS%" PRId64 "  weighs %.2f  %s\n", json_member_int(row, "asn", 0),
               json_member_real(row, "weight", 0), text_of(row, "label"));
    }
}

static enum status tree_print(json_t *root)
{
    struct buffer text = {0};
    enum status status = root ? json_write(root, &text) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        printf("%.*s\n", (int)text.count, (const char *)text.bytes);
    }
    buffer_free(&text);
    json_decref(root);
    return status;
}

static enum status roll_open(const char *data, const char *probe, struct roll **out, struct why *why)
{
    struct query *query = NULL;
    enum status status = query_open(data, &query, why);
    if (status == STATUS_OK) {
        status = roll_read(query, NULL, probe, out, why);
    }
    query_close(query);
    return status;
}

enum status probes_print_list(const char *data, struct trust *trust, bool is_json, struct why *why)
{
    struct roll *roll = NULL;
    struct clock clock = clock_system();
    json_t *invitations = json_array();
    json_t *networks = json_array();
    struct listing listing = {.probes = json_array(), .now_us = clock_wall_us(&clock)};
    enum status status = roll_open(data, NULL, &roll, why);
    if (status == STATUS_OK) {
        for (size_t i = 0; i < roll_count(roll); i++) {
            struct trust_probe said;
            trust_find(trust, roll_at(roll, i)->name, &said);
            json_array_append_new(listing.probes, probe_json(roll_at(roll, i), &said, listing.now_us));
        }
        listing.roll = roll;
        status = trust_each(trust, silent_add, &listing, why);
    }
    if (status == STATUS_OK) {
        status = trust_each_invitation(trust, invitation_add, invitations, why);
    }
    if (status == STATUS_OK) {
        status = trust_each_network(trust, network_add, networks, why);
    }
    if (status == STATUS_OK && is_json) {
        status = tree_print(
            json_pack("{s:O, s:O, s:O}", "probes", listing.probes, "invitations", invitations, "networks", networks));
    } else if (status == STATUS_OK) {
        table_print(listing.probes, invitations, networks);
    }
    json_decref(listing.probes);
    json_decref(invitations);
    json_decref(networks);
    roll_free(roll);
    return status;
}

static void gap_add(const struct roll_gap *gap, void *arg)
{
    if (json_array_size(arg) < GAPS_MOST) {
        json_array_append_new(arg, json_pack("[I, I]", (json_int_t)gap->from_sequence, (json_int_t)gap->to_sequence));
    }
}

static void fork_add(int64_t sequence, void *arg)
{
    if (json_array_size(arg) < GAPS_MOST) {
        json_array_append_new(arg, json_integer(sequence));
    }
}

static void one_print(const json_t *root)
{
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach((json_t *)root, key, value) {
        if (!json_is_array(value)) {
            char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
            printf("%-13s %s\n", key, json_is_string(value) ? json_string_value(value) : text ? text : "");
            free(text);
        }
    }
    json_array_foreach(json_object_get(root, "gaps"), i, value) {
        printf("%-13s %" PRId64 " to %" PRId64 "\n", "never came", (int64_t)json_integer_value(json_array_get(value, 0)),
               (int64_t)json_integer_value(json_array_get(value, 1)));
    }
    json_array_foreach(json_object_get(root, "fork_sequences"), i, value) {
        printf("%-13s two bundles have number %" PRId64 "\n", "sequence fork", (int64_t)json_integer_value(value));
    }
}

enum status probes_print_one(const char *data, struct trust *trust, const char *probe, bool is_json, struct why *why)
{
    struct roll *roll = NULL;
    struct clock clock = clock_system();
    struct trust_probe said;
    trust_find(trust, probe, &said);
    enum status status = roll_open(data, probe, &roll, why);
    if (status != STATUS_OK) {
        return status;
    }
    const struct roll_row *row = roll_count(roll) > 0 ? roll_at(roll, 0) : NULL;
    if (!row && said.standing == TRUST_UNKNOWN && !said.is_weighed) {
        why_set(why, "nothing was heard of %s, and nothing said", probe);
        roll_free(roll);
        return STATUS_NOT_FOUND;
    }
    json_t *gaps = json_array();
    if (row) {
        roll_gaps(roll, 0, gap_add, gaps);
    }
    json_t *root = probe_json(row, &said, clock_wall_us(&clock));
    json_t *forks = json_array();
    if (row) {
        roll_forks(roll, 0, fork_add, forks);
    }
    json_object_set_new(root, "gaps", gaps);
    json_object_set_new(root, "fork_sequences", forks);
    if (is_json) {
        status = tree_print(root);
    } else {
        one_print(root);
        json_decref(root);
    }
    roll_free(roll);
    return status;
}
