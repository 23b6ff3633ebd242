/* Scenario files: parsing, and comparing a record with what is expected of it.
 * Owner: a scenario holds copies; nothing is allocated.
 * Why: a censor's behaviour and the right verdict stand side by side in one small file that anyone can add.
 */
#include "tests/lab/scenario.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/bytes.h"
#include "measurement/base/clock.h"
#include "measurement/base/json.h"
#include "tests/lab/internet.h"

#define LIMIT_DEFAULT_US (60 * US_PER_S)
#define DELAY_DEFAULT_US (2 * US_PER_MS)
#define CLIENT_NET_FIRST 91 /* 130.192.91.211 is the reference environment's client */
#define EVERYBODY        UINT64_MAX

struct parsing {
    int64_t pause_us; /* before the next measurement */
    struct scenario *scenario;
    int64_t next_id; /* of rules that are never removed */
    struct why *why;
};

/* The first word of *text, copied; *text moves behind it and the spaces that follow. */
static bool word_take(const char **text, char *out, size_t room)
{
    size_t used = 0;
    while (**text && !isspace((unsigned char)**text)) {
        if (used + 1 >= room)
            return false;
        out[used++] = *(*text)++;
    }
    out[used] = '\0';
    while (isspace((unsigned char)**text))
        (*text)++;
    return used > 0;
}

static bool text_copy(char *out, size_t room, const char *text)
{
    size_t count = strlen(text);
    if (count >= room)
        return false;
    memcpy(out, text, count + 1);
    return true;
}

static enum status complain(struct parsing *parsing, const char *what)
{
    why_set(parsing->why, "%s", what);
    return STATUS_MALFORMED;
}

static struct lab_client *client_add(struct scenario *scenario, const char *name)
{
    if (scenario->client_count == SCENARIO_CLIENTS_MAX)
        return NULL;
    int net = CLIENT_NET_FIRST + scenario->client_count;
    struct lab_client *client = &scenario->clients[scenario->client_count++];
    snprintf(client->name, sizeof client->name, "%s", name);
    snprintf(client->address, sizeof client->address, "130.192.%d.211", net);
    snprintf(client->gateway, sizeof client->gateway, "130.192.%d.1", net);
    snprintf(client->address6, sizeof client->address6, "2a01:e0a:%d::211", net);
    snprintf(client->gateway6, sizeof client->gateway6, "2a01:e0a:%d::1", net);
    snprintf(client->resolver, sizeof client->resolver, "%s", INTERNET_ISP_RESOLVER);
    client->up.delay_us = client->down.delay_us = DELAY_DEFAULT_US;
    return client;
}

/* "-48h", "+90d". */
static bool skew_read(const char *value, int64_t *out_us)
{
    bool is_negative = value[0] == '-';
    if (duration_parse(value + (value[0] == '-' || value[0] == '+'), out_us) != STATUS_OK)
        return false;
    *out_us = is_negative ? -*out_us : *out_us;
    return true;
}

/* What small packets need: IPv6 does without them (RFC 8200 section 5). */
static bool mtu_read(const char *value, struct lab_client *client)
{
    char *end = NULL;
    long mtu = strtol(value, &end, 10);
    client->mtu = (int)mtu;
    if (mtu < 1280)
        client->address6[0] = client->gateway6[0] = '\0';
    return *end == '\0' && mtu >= 128 && mtu <= 9000;
}

static bool link_field(struct link_settings *link, const char *key, const char *value)
{
    char *end = NULL;
    if (strcmp(key, "delay") == 0)
        return duration_parse(value, &link->delay_us) == STATUS_OK;
    if (strcmp(key, "jitter") == 0)
        return duration_parse(value, &link->jitter_us) == STATUS_OK;
    if (strcmp(key, "loss") == 0) {
        link->loss = strtod(value, &end);
        return *end == '\0' && link->loss >= 0 && link->loss <= 1;
    }
    if (strcmp(key, "rate") == 0) {
        link->rate_bits_s = strtoll(value, &end, 10);
        return *end == '\0' && link->rate_bits_s > 0;
    }
    return false;
}

static bool client_field(struct lab_client *client, const char *key, const char *value)
{
    if (strcmp(key, "mtu") == 0)
        return mtu_read(value, client);
    if (strcmp(key, "clock") == 0) {
        client->has_own_clock = true;
        return skew_read(value, &client->clock_skew_us);
    }
    return link_field(&client->up, key, value);
}

static enum status client_line(struct parsing *parsing, const char *text)
{
    char name[32], word[64];
    if (!word_take(&text, name, sizeof name))
        return complain(parsing, "client needs a NAME");
    struct lab_client *client = client_add(parsing->scenario, name);
    if (!client)
        return complain(parsing, "there are too many clients; 8 is the most");
    while (word_take(&text, word, sizeof word)) {
        char *value = strchr(word, '=');
        if (!value)
            return complain(parsing, "client takes delay=, jitter=, loss=, rate=, mtu= and clock=");
        *value++ = '\0';
        if (!client_field(client, word, value))
            return complain(parsing,
                            "client takes delay=20ms, jitter=2ms, loss=0.01, rate=2000000 (bits a second), "
                            "mtu=256 and clock=-48h");
    }
    client->down = client->up;
    return STATUS_OK;
}

/* Takes "client=NAME" away from the front, where it stands there; -1: no such client. */
static bool client_option(struct parsing *parsing, const char **text, int *out)
{
    char word[64];
    *out = -1;
    if (strncmp(*text, "client=", 7) != 0)
        return true;
    if (!word_take(text, word, sizeof word))
        return false;
    for (int i = 0; i < parsing->scenario->client_count; i++)
        if (strcmp(parsing->scenario->clients[i].name, word + 7) == 0)
            *out = i;
    return *out >= 0;
}

static enum status change_add(struct parsing *parsing, struct scenario_change change, const char *text)
{
    struct scenario *scenario = parsing->scenario;
    int client = -1;
    if (!client_option(parsing, &text, &client))
        return complain(parsing, "there is no such client; its line must come first");
    change.clients = client < 0 ? EVERYBODY : UINT64_C(1) << client;
    if (!text_copy(change.rule, sizeof change.rule, text))
        return complain(parsing, "the rule is too long");
    if (!change.is_removal) {
        struct rule *rule = NULL;
        enum status status = rule_open(change.rule, &rule, parsing->why);
        rule_free(rule);
        if (status != STATUS_OK)
            return status;
    }
    if (scenario->change_count == SCENARIO_CHANGES_MAX)
        return complain(parsing, "there are too many rules; 32 is the most");
    size_t at = scenario->change_count++;
    for (; at > 0 && scenario->changes[at - 1].at_us > change.at_us; at--)
        scenario->changes[at] = scenario->changes[at - 1];
    scenario->changes[at] = change;
    return STATUS_OK;
}

/* NOT_FOUND where the rule is one of the path. */
static enum status zone_line(struct parsing *parsing, const char *text)
{
    struct rule_text rule;
    if (rule_text_parse(text, &rule, NULL, NULL) != STATUS_OK)
        return STATUS_NOT_FOUND;
    return zone_change_read(&rule, &parsing->scenario->zones, parsing->why);
}

static enum status rule_line(struct parsing *parsing, const char *text)
{
    enum status status = zone_line(parsing, text);
    if (status != STATUS_NOT_FOUND)
        return status;
    struct scenario_change change = {.at_us = -1, .id = parsing->next_id++};
    return change_add(parsing, change, text);
}

static enum status at_line(struct parsing *parsing, const char *text)
{
    struct scenario_change change = {0};
    char word[32], number[24], *end = NULL;
    if (!word_take(&text, word, sizeof word) || duration_parse(word, &change.at_us) != STATUS_OK ||
        !word_take(&text, word, sizeof word) || !word_take(&text, number, sizeof number))
        return complain(parsing, "write: at 2s add ID RULE, or: at 5s remove ID");
    change.is_removal = strcmp(word, "remove") == 0;
    change.id = strtoll(number, &end, 10);
    if (*end != '\0' || change.id < 0 || change.id >= 1000 ||
        (!change.is_removal && strcmp(word, "add") != 0))
        return complain(parsing, "write: at 2s add ID RULE, or: at 5s remove ID, where ID is below 1000");
    return change_add(parsing, change, text);
}

static enum status measure_line(struct parsing *parsing, const char *text)
{
    struct scenario *scenario = parsing->scenario;
    if (scenario->measure_count == SCENARIO_MEASURES_MAX)
        return complain(parsing, "there are too many measurements; 8 is the most");
    struct scenario_measure *measure = &scenario->measures[scenario->measure_count];
    if (!client_option(parsing, &text, &measure->client))
        return complain(parsing, "there is no such client; its line must come first");
    if (*text == '\0' || !text_copy(measure->arguments, sizeof measure->arguments, text))
        return complain(parsing, "measure needs arguments for dialtone-probe measure, such as a URL");
    measure->client = measure->client < 0 ? 0 : measure->client;
    measure->pause_us = parsing->pause_us;
    parsing->pause_us = 0;
    scenario->measure_count++;
    return STATUS_OK;
}

static enum status expect_line(struct parsing *parsing, const char *text)
{
    struct scenario *scenario = parsing->scenario;
    char word[288];
    if (scenario->measure_count == 0)
        return complain(parsing, "expect stands behind the measure that it is about");
    struct scenario_measure *measure = &scenario->measures[scenario->measure_count - 1];
    while (word_take(&text, word, sizeof word)) {
        char *value = strchr(word, '=');
        if (!value || measure->expect_count == SCENARIO_EXPECTS_MAX)
            return complain(parsing, "write: expect KEY=VALUE..., at most 16 of them");
        *value++ = '\0';
        struct scenario_expect *expect = &measure->expects[measure->expect_count++];
        if (!text_copy(expect->key, sizeof expect->key, word) ||
            !text_copy(expect->values, sizeof expect->values, value))
            return complain(parsing, "the key or the value is too long");
    }
    return STATUS_OK;
}

static enum status title_line(struct parsing *parsing, const char *text)
{
    struct scenario *scenario = parsing->scenario;
    return text_copy(scenario->title, sizeof scenario->title, text)
               ? STATUS_OK
               : complain(parsing, "the title is too long");
}

static enum status limit_line(struct parsing *parsing, const char *text)
{
    return duration_parse(text, &parsing->scenario->limit_us) == STATUS_OK
               ? STATUS_OK
               : complain(parsing, "limit takes a duration such as 30s");
}

static enum status pause_line(struct parsing *parsing, const char *text)
{
    return duration_parse(text, &parsing->pause_us) == STATUS_OK
               ? STATUS_OK
               : complain(parsing, "pause takes a duration such as 2s");
}

static enum status truth_line(struct parsing *parsing, const char *text)
{
    struct scenario *scenario = parsing->scenario;
    if (scenario->measure_count == 0)
        return complain(parsing, "truth stands behind the measure that it is about");
    if (!confusion_truth_is_known(text))
        return complain(parsing, "truth is one of: " CONFUSION_TRUTHS);
    struct scenario_measure *measure = &scenario->measures[scenario->measure_count - 1];
    return text_copy(measure->truth, sizeof measure->truth, text)
               ? STATUS_OK
               : complain(parsing, "the truth is too long");
}

static enum status seed_line(struct parsing *parsing, const char *text)
{
    char *end = NULL;
    parsing->scenario->seed = strtoull(text, &end, 10);
    return end != text && *end == '\0' ? STATUS_OK : complain(parsing, "seed takes a number");
}

static enum status needs_line(struct parsing *parsing, const char *text)
{
    if (strcmp(text, "quic") != 0)
        return complain(parsing, "the only thing that may be needed is: quic");
    parsing->scenario->needs_quic = true;
    return STATUS_OK;
}

static enum status collector_line(struct parsing *parsing, const char *text)
{
    if (strcmp(text, "off") != 0)
        return complain(parsing, "the only word for the collector is: off");
    parsing->scenario->has_collector = false;
    return STATUS_OK;
}

static enum status statement(struct parsing *parsing, const char *text)
{
    static const struct {
        const char *word;
        bool needs_client; /* one named "probe" is made where none was */
        enum status (*read)(struct parsing *parsing, const char *text);
    } statements[] = {
        {"title", false, title_line},    {"client", false, client_line}, {"seed", false, seed_line},
        {"needs", false, needs_line},    {"limit", false, limit_line},   {"collector", false, collector_line},
        {"rule", true, rule_line},       {"at", true, at_line},          {"pause", false, pause_line},
        {"measure", true, measure_line}, {"truth", false, truth_line},   {"expect", false, expect_line},
    };
    char word[32];
    if (!word_take(&text, word, sizeof word))
        return complain(parsing, "a line begins with a word");
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (strcmp(word, statements[i].word) != 0)
            continue;
        if (statements[i].needs_client && parsing->scenario->client_count == 0)
            client_add(parsing->scenario, "probe");
        return statements[i].read(parsing, text);
    }
    return complain(parsing, "a line begins with title, client, seed, needs, collector, rule, at, pause, "
                             "measure, truth, expect or limit");
}

/* The line as text without the spaces around it; false where it is too long or holds a zero. */
static bool line_text(struct reader line, char out[SCENARIO_LINE_BYTES])
{
    while (line.left_bytes > 0 && isspace(line.bytes[line.left_bytes - 1]))
        line.left_bytes--;
    while (line.left_bytes > 0 && isspace(line.bytes[0]))
        reader_skip(&line, 1);
    size_t count = line.left_bytes;
    if (count >= SCENARIO_LINE_BYTES || (count > 0 && memchr(line.bytes, '\0', count) != NULL))
        return false;
    reader_copy(&line, out, count);
    out[count] = '\0';
    return true;
}

enum status scenario_parse(const char *text, size_t count, struct scenario *out, struct why *why)
{
    struct why reason = {0};
    struct reader reader = reader_of(text, count), line;
    struct parsing parsing = {.scenario = out, .next_id = 1000, .why = &reason};
    char words[SCENARIO_LINE_BYTES];
    memset(out, 0, sizeof *out);
    out->limit_us = LIMIT_DEFAULT_US;
    out->has_collector = true;
    out->seed = 1;
    for (int number = 1; reader_line(&reader, &line); number++) {
        enum status status =
            line_text(line, words) ? STATUS_OK : complain(&parsing, "the line is too long or no text");
        if (status == STATUS_OK && words[0] != '\0' && words[0] != '#')
            status = statement(&parsing, words);
        if (status != STATUS_OK) {
            why_set(why, "line %d: %s", number, reason.text);
            return STATUS_MALFORMED;
        }
    }
    if (out->measure_count > 0)
        return STATUS_OK;
    why_set(why, "there is no measure line");
    return STATUS_MALFORMED;
}

/* By name of an object's, by number of a list's. */
static const json_t *member_of(const json_t *holder, const char *name)
{
    char *end;
    if (!json_is_array(holder))
        return json_object_get(holder, name);
    unsigned long index = strtoul(name, &end, 10);
    return *name && !*end ? json_array_get(holder, index) : NULL;
}

/* The member that a path with dots names; NULL where there is none. */
static const json_t *member_find(const json_t *root, const char *path)
{
    char part[64];
    while (root && *path) {
        size_t count = strcspn(path, ".");
        if (count >= sizeof part)
            return NULL;
        memcpy(part, path, count);
        part[count] = '\0';
        root = member_of(root, part);
        path += count + (path[count] == '.');
    }
    return root;
}

static bool is_verdict_key(const char *key)
{
    return strcmp(key, "blocking") == 0 || strcmp(key, "layer") == 0 || strcmp(key, "method") == 0 ||
           strcmp(key, "confidence") == 0;
}

static void value_text(const json_t *value, char *out, size_t room)
{
    if (json_is_string(value))
        snprintf(out, room, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(out, room, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(out, room, "%.9g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(out, room, "%s", json_is_true(value) ? "true" : "false");
    else if (!value)
        snprintf(out, room, "absent");
    else
        snprintf(out, room, "%s", json_is_null(value) ? "null" : "(an object or a list)");
}

static bool is_one_of(const char *value, const char *alternatives)
{
    size_t count = strlen(value);
    for (const char *at = alternatives;; at++) {
        size_t length = strcspn(at, "|");
        if (length == count && strncmp(at, value, count) == 0)
            return true;
        at += length;
        if (*at == '\0')
            return false;
    }
}

bool scenario_expect_holds(const struct scenario_expect *expect, const json_t *record, struct why *why)
{
    const json_t *root = record;
    if (is_verdict_key(expect->key))
        root = member_find(record, "test_keys.x_dialtone.verdict");
    char value[192];
    value_text(member_find(root, expect->key), value, sizeof value);
    if (is_one_of(value, expect->values))
        return true;
    why_set(why, "%s: expected %s, was %s", expect->key, expect->values, value);
    return false;
}
