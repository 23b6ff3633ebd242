/* From token to token through one JSON text, with the grammar's state on a stack of its own.
 * Owner: the walker owns its stack of keys and the texts it hands out.
 * Plan: 1 every escape of the text is judged, 2 tokens are taken in their order (RFC 8259 section 2), with the bounds of
 * json_read, 3 the keys of an object are compared when they come, or at its end where they are many, 4 a member that is
 * wanted where it stands leaves its text.
 * Why: of eight thousand bytes a collector needs a hundred; to copy the others into a document costs more than to judge
 * them where they are. */
#include "collector/ingest/json_walk.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ingest/json_token.h"
#include "measurement/base/json.h"

#define FEW_MEMBERS     64         /* objects with more are searched by sorting */
#define ROOM_KEPT_BYTES (1u << 20) /* what has grown beyond is given back */

struct span {
    const char *bytes;
    size_t count;
};

struct key {
    struct span text;
    uint64_t hash;
};

/* What of a container is wanted. */
enum place { PLACE_OTHER, PLACE_START, PLACE_ROOT, PLACE_ANNOTATIONS, PLACE_KEYS, PLACE_OURS, PLACE_VERDICT };

#define NOWHERE SIZE_MAX

/* Where a member goes in a json_record: its text, and whether it is there and not null. */
struct member {
    const char *name;
    enum place inside; /* of an object that is its value */
    size_t text_at;
    size_t flag_at;
    bool is_object; /* only an object counts as there */
};

#define FIELD(field) offsetof(struct json_record, fields.field)
#define WORD(field)  offsetof(struct json_record, verdict.field)

static const struct member root_members[] = {
    {"test_name", PLACE_OTHER, FIELD(test_name), NOWHERE, false},
    {"measurement_start_time", PLACE_OTHER, FIELD(measurement_start), FIELD(has_measurement_start), false},
    {"test_start_time", PLACE_OTHER, FIELD(test_start), FIELD(has_test_start), false},
    {"input", PLACE_OTHER, FIELD(input), NOWHERE, false},
    {"probe_cc", PLACE_OTHER, FIELD(country), NOWHERE, false},
    {"probe_asn", PLACE_OTHER, FIELD(network), NOWHERE, false},
    {"report_id", PLACE_OTHER, FIELD(report_id), NOWHERE, false},
    {"annotations", PLACE_ANNOTATIONS, NOWHERE, NOWHERE, false},
    {"test_keys", PLACE_KEYS, NOWHERE, FIELD(has_test_keys), true},
    {NULL, PLACE_OTHER, NOWHERE, NOWHERE, false}};
static const struct member annotation_members[] = {
    {"network_type", PLACE_OTHER, FIELD(network_type), NOWHERE, false},
    {"x_subdivision", PLACE_OTHER, FIELD(subdivision), NOWHERE, false},
    {NULL, PLACE_OTHER, NOWHERE, NOWHERE, false}};
static const struct member keys_members[] = {{"x_dialtone", PLACE_OURS, NOWHERE, NOWHERE, false},
                                             {NULL, PLACE_OTHER, NOWHERE, NOWHERE, false}};
static const struct member ours_members[] = {
    {"verdict", PLACE_VERDICT, NOWHERE, offsetof(struct json_record, has_verdict), false},
    {NULL, PLACE_OTHER, NOWHERE, NOWHERE, false}};
static const struct member verdict_members[] = {{"blocking", PLACE_OTHER, WORD(outcome), NOWHERE, false},
                                                {"layer", PLACE_OTHER, WORD(layer), NOWHERE, false},
                                                {"method", PLACE_OTHER, WORD(method), NOWHERE, false},
                                                {"confidence", PLACE_OTHER, WORD(confidence), NOWHERE, false},
                                                {NULL, PLACE_OTHER, NOWHERE, NOWHERE, false}};
static const struct member start_member = {"", PLACE_ROOT, NOWHERE, FIELD(is_object), true};
static const struct member *const place_members[] = {[PLACE_ROOT] = root_members,
                                                     [PLACE_ANNOTATIONS] = annotation_members,
                                                     [PLACE_KEYS] = keys_members,
                                                     [PLACE_OURS] = ours_members,
                                                     [PLACE_VERDICT] = verdict_members};

/* A container that the walk is inside of. */
struct level {
    bool is_object;
    bool is_empty; /* so far */
    enum place place;
    uint64_t bits;   /* one that equal keys share, of each key */
    size_t key_base; /* in the stack of keys */
};

struct json_walk {
    struct json_tokens tokens;
    struct json_record *out;
    struct why *why;
    size_t at; /* the next token */
    size_t value_count;
    size_t depth;
    bool has_escapes;
    struct level levels[JSON_DEPTH_LIMIT + 1];
    struct key *keys; /* of all levels, the outermost first */
    size_t key_count, key_room;
    char *texts; /* room for every text that may be handed out, and for keys that have escapes */
    size_t text_count, text_room;
};

static enum status malformed(struct json_walk *walk, const char *what)
{
    why_set(walk->why, "Not JSON that can be read in one way only, %s: correct the text.", what);
    return STATUS_MALFORMED;
}

static enum status out_of_order(struct json_walk *walk)
{
    return malformed(walk, "something stands where it may not");
}

/* The first byte of the next token; 0: there is none. */
static char token_peek(const struct json_walk *walk)
{
    const struct json_tokens *tokens = &walk->tokens;
    return walk->at < tokens->start_count ? tokens->text[tokens->starts[walk->at]] : 0;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

/* The string that the next token opens, between its quotes. Only white space stands between it and the token behind. */
static bool string_take(struct json_walk *walk, struct span *out)
{
    const struct json_tokens *tokens = &walk->tokens;
    size_t start = tokens->starts[walk->at++] + 1;
    size_t end = walk->at < tokens->start_count ? tokens->starts[walk->at] : tokens->count;
    while (end > start && is_space(tokens->text[end - 1])) {
        end--;
    }
    if (end <= start || tokens->text[end - 1] != '"') {
        return false;
    }
    *out = (struct span){tokens->text + start, end - 1 - start};
    return true;
}

/* Resolved, and with a zero byte behind it. There is room for all of the text. */
static struct span text_keep(struct json_walk *walk, struct span text)
{
    char *start = walk->texts + walk->text_count;
    size_t count = json_unescape(text.bytes, text.count, start);
    start[count] = 0;
    walk->text_count += count + 1;
    return (struct span){start, count};
}

/* Its first and its last eight bytes: what keys of records differ in. */
struct ends {
    uint64_t first;
    uint64_t last; /* 0 where the first has all */
};

static struct ends ends_of(struct span text)
{
    size_t behind = text.count > sizeof(uint64_t) ? text.count - sizeof(uint64_t) : 0;
    return (struct ends){json_word(text.bytes, text.count), behind ? json_word(text.bytes + behind, sizeof(uint64_t)) : 0};
}

static uint64_t hash_of(const struct ends *ends, size_t count)
{
    uint64_t hash = (ends->first ^ count) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 32 ^ ends->last) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ hash >> 29;
}

static bool has_backslash(struct span text, const struct ends *ends)
{
    if (text.count <= 2 * sizeof(uint64_t)) {
        return json_word_has_backslash(ends->first) || json_word_has_backslash(ends->last);
    }
    return memchr(text.bytes, '\\', text.count) != NULL;
}

static bool is_same(const struct key *a, const struct key *b)
{
    return a->hash == b->hash && a->text.count == b->text.count &&
           memcmp(a->text.bytes, b->text.bytes, a->text.count) == 0;
}

static bool key_room_make(struct json_walk *walk)
{
    if (walk->key_count < walk->key_room) {
        return true;
    }
    size_t room = walk->key_room ? walk->key_room * 2 : 1024;
    struct key *keys = realloc(walk->keys, room * sizeof *keys);
    if (!keys) {
        return false;
    }
    walk->keys = keys;
    walk->key_room = room;
    return true;
}

/* Among those of its object, unless they are to be sorted. */
static enum status key_add(struct json_walk *walk, struct level *level, struct span text, const struct ends *ends)
{
    struct key key = {text, hash_of(ends, text.count)};
    uint64_t bit = UINT64_C(1) << (key.hash & 63);
    size_t count = walk->key_count - level->key_base;
    if (!key_room_make(walk)) {
        return STATUS_NO_MEMORY;
    }
    const struct key *before = walk->keys + level->key_base;
    for (size_t i = 0; (level->bits & bit) != 0 && count < FEW_MEMBERS && i < count; i++) {
        if (is_same(&before[i], &key)) {
            return malformed(walk, "a key stands twice in an object");
        }
    }
    level->bits |= bit;
    walk->keys[walk->key_count++] = key;
    return STATUS_OK;
}

static int key_order(const void *a, const void *b)
{
    const struct key *x = a;
    const struct key *y = b;
    if (x->hash != y->hash) {
        return x->hash < y->hash ? -1 : 1;
    }
    if (x->text.count != y->text.count) {
        return x->text.count < y->text.count ? -1 : 1;
    }
    return memcmp(x->text.bytes, y->text.bytes, x->text.count);
}

/* The object ends: what was too much to compare is compared, and its keys are forgotten. */
static enum status keys_settle(struct json_walk *walk, const struct level *level)
{
    size_t count = walk->key_count - level->key_base;
    walk->key_count = level->key_base;
    if (count <= FEW_MEMBERS) {
        return STATUS_OK; /* there may be no stack yet */
    }
    struct key *keys = walk->keys + level->key_base;
    qsort(keys, count, sizeof *keys, key_order);
    for (size_t i = 1; i < count; i++) {
        if (is_same(&keys[i - 1], &keys[i])) {
            return malformed(walk, "a key stands twice in an object");
        }
    }
    return STATUS_OK;
}

/* NULL: nobody wants it. */
static const struct member *member_find(enum place place, struct span key)
{
    const struct member *member = place_members[place];
    for (; member && member->name; member++) {
        bool may_be = member->name[0] == key.bytes[0];
        if (may_be && strncmp(member->name, key.bytes, key.count) == 0 && member->name[key.count] == 0) {
            return member;
        }
    }
    return NULL;
}

/* A key and its colon. */
static enum status key_take(struct json_walk *walk, struct level *level, const struct member **out)
{
    struct span text;
    if (token_peek(walk) != '"' || !string_take(walk, &text)) {
        return out_of_order(walk);
    }
    struct ends ends = ends_of(text);
    if (walk->has_escapes && has_backslash(text, &ends)) {
        text = text_keep(walk, text);
        ends = ends_of(text);
        if (memchr(text.bytes, 0, text.count)) {
            return malformed(walk, "a key holds a zero byte");
        }
    }
    if (token_peek(walk) != ':') {
        return out_of_order(walk);
    }
    walk->at++;
    *out = level->place == PLACE_OTHER ? NULL : member_find(level->place, text);
    return key_add(walk, level, text, &ends);
}

static enum status count_add(struct json_walk *walk)
{
    if (++walk->value_count > JSON_VALUE_COUNT_LIMIT) {
        why_set(walk->why, "JSON holds more than %u values: split it.", JSON_VALUE_COUNT_LIMIT);
        return STATUS_TOO_LARGE;
    }
    return STATUS_OK;
}

static enum status container_enter(struct json_walk *walk, bool is_object, const struct member *member)
{
    if (walk->depth == JSON_DEPTH_LIMIT) {
        why_set(walk->why, "JSON is nested deeper than %d: flatten it.", JSON_DEPTH_LIMIT);
        return STATUS_TOO_LARGE;
    }
    walk->levels[++walk->depth] = (struct level){.is_object = is_object,
                                                 .is_empty = true,
                                                 .place = is_object && member ? member->inside : PLACE_OTHER,
                                                 .key_base = walk->key_count};
    walk->at++;
    return count_add(walk);
}

/* Text that holds a zero byte is not handed out: no C string would show it. */
static void member_fill(struct json_walk *walk, const struct member *member, char first, struct span text)
{
    char *record = (char *)walk->out;
    const char *kept = NULL;
    if (first == 'n') {
        return;
    }
    if (member->flag_at != NOWHERE) {
        bool is_there = !member->is_object || first == '{';
        memcpy(record + member->flag_at, &is_there, sizeof is_there);
    }
    if (member->text_at == NOWHERE) {
        return;
    }
    if (first == '"') {
        struct span resolved = text_keep(walk, text);
        kept = memchr(resolved.bytes, 0, resolved.count) ? NULL : resolved.bytes;
    }
    memcpy(record + member->text_at, &kept, sizeof kept);
}

/* A scalar whole, or the opening of a container. */
static enum status value_take(struct json_walk *walk, const struct member *member)
{
    const struct json_tokens *tokens = &walk->tokens;
    struct span text = {NULL, 0};
    char first = token_peek(walk);
    if (first == '"') {
        if (!string_take(walk, &text)) {
            return out_of_order(walk);
        }
    } else if (first != '{' && first != '[') {
        const char *at = tokens->text + (first ? tokens->starts[walk->at] : tokens->count);
        const char *end = tokens->text + tokens->count;
        walk->at++;
        if (!(first == '-' || (first >= '0' && first <= '9') ? json_number_judge(at, end) : json_literal_judge(at, end))) {
            return malformed(walk, "a value is none, or a number is larger than 64 bits hold");
        }
    }
    if (member) {
        member_fill(walk, member, first, text);
    }
    return first == '{' || first == '[' ? container_enter(walk, first == '{', member) : STATUS_OK;
}

/* The next member or element of the innermost container, or its end. */
static enum status step(struct json_walk *walk)
{
    struct level *level = &walk->levels[walk->depth];
    const struct member *member = NULL;
    enum status status = STATUS_OK;
    char first = token_peek(walk);
    if (first == (level->is_object ? '}' : ']')) {
        walk->at++;
        walk->depth--;
        return level->is_object ? keys_settle(walk, level) : STATUS_OK;
    }
    if (!level->is_empty) {
        if (first != ',') {
            return out_of_order(walk);
        }
        walk->at++;
        status = count_add(walk);
    }
    level->is_empty = false;
    if (status == STATUS_OK && level->is_object) {
        status = key_take(walk, level, &member);
    }
    return status == STATUS_OK ? value_take(walk, member) : status;
}

enum status json_walk_open(struct json_walk **out)
{
    struct json_walk *walk = calloc(1, sizeof *walk);
    if (!walk) {
        return STATUS_NO_MEMORY;
    }
    *out = walk;
    return STATUS_OK;
}

void json_walk_free(struct json_walk *walk)
{
    if (walk) {
        free(walk->keys);
        free(walk->texts);
        free(walk);
    }
}

/* Each text of a document is handed out once at most, and resolved no longer than it was. */
static bool rooms_make(struct json_walk *walk, size_t count)
{
    size_t room = count + JSON_TREE_PADDING_BYTES;
    if (walk->key_room * sizeof *walk->keys > ROOM_KEPT_BYTES) {
        free(walk->keys);
        walk->keys = NULL;
        walk->key_room = 0;
    }
    if (room <= walk->text_room && walk->text_room <= ROOM_KEPT_BYTES) {
        return true;
    }
    free(walk->texts);
    walk->texts = malloc(room);
    walk->text_room = walk->texts ? room : 0;
    return walk->texts != NULL;
}

enum status json_walk_read(struct json_walk *walk, const struct json_tokens *tokens, struct json_record *out,
                           struct why *why)
{
    *out = (struct json_record){.verdict = {"", "", "", ""}};
    walk->tokens = *tokens;
    walk->out = out;
    walk->why = why;
    walk->at = walk->value_count = walk->depth = walk->key_count = walk->text_count = 0;
    if (!rooms_make(walk, tokens->count)) {
        return STATUS_NO_MEMORY;
    }
    if (!json_escapes_judge(tokens->text, tokens->count, &walk->has_escapes)) {
        return malformed(walk, "an escape is none, or half a surrogate pair");
    }
    enum status status = value_take(walk, &start_member);
    while (status == STATUS_OK && walk->depth > 0) {
        status = step(walk);
    }
    return status == STATUS_OK && walk->at != tokens->start_count ? out_of_order(walk) : status;
}
