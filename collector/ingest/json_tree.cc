/* simdjson's document, judged by our bounds, and the part of it that matters as jansson's tree.
 * Owner: the reader owns its parser and scratch; trees are the caller's.
 * Plan: 1 simdjson parses the text into its own tape, 2 every object is searched for duplicate keys and every bound is
 * checked, 3 the fields of a record are handed out, and a tree of test_keys where they must be looked at.
 * Why: jansson makes a tree of all of it, ten thousand records a second; what a collector needs of one are some twenty
 * short texts. This is the project's one C++ file; nothing of it throws. */
#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

extern "C" {
#include "collector/ingest/json_tree.h"
#include "measurement/base/json.h"
#include "measurement/record.h"
}

namespace dom = simdjson::dom;
using key_text = std::string_view;

/* Objects with more members are searched by sorting. */
constexpr size_t few_members = 24;
/* A parser that has grown beyond this is given back: its tape takes ten times the text. */
constexpr size_t capacity_kept_bytes = 1u << 20;

static enum status too_deep(struct why *why)
{
    why_set(why, "JSON is nested deeper than %d: flatten it.", JSON_DEPTH_LIMIT);
    return STATUS_TOO_LARGE;
}

static enum status malformed(struct why *why, const char *what)
{
    why_set(why, "Not JSON that can be read in one way only, %s: correct the text.", what);
    return STATUS_MALFORMED;
}

/* Surrogates are no characters; in UTF-8 they would be ED A0..BF xx. (RFC 3629 section 3) */
static bool has_surrogate(key_text text)
{
    const char *at = text.data();
    const char *end = at + text.size();
    while ((at = static_cast<const char *>(std::memchr(at, '\xed', static_cast<size_t>(end - at)))) != nullptr) {
        if (end - at > 1 && static_cast<unsigned char>(at[1]) >= 0xa0) {
            return true;
        }
        at++;
    }
    return false;
}

/* Without a branch in the loop, so that compilers take many bytes at once: most texts are searched to the end. */
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("O3")))
#endif
static bool has_unicode_escape(const char *text, size_t count)
{
    unsigned char found = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        found = static_cast<unsigned char>(found | ((text[i] == '\\') & (text[i + 1] == 'u')));
    }
    return found != 0;
}

static bool same_key(const key_text &a, const key_text &b)
{
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

/* A bit that equal keys share. */
static uint64_t key_bit(const key_text &key)
{
    uint64_t mixed = key.size();
    for (size_t i = 0; i < key.size() && i < 4; i++) {
        mixed = mixed * 31 + static_cast<unsigned char>(key[i]);
    }
    if (!key.empty()) {
        mixed = mixed * 31 + static_cast<unsigned char>(key.back());
    }
    mixed *= UINT64_C(0x9e3779b97f4a7c15);
    return UINT64_C(1) << (mixed >> 58);
}

/* The keys of an object that were seen so far, while the walk is inside of it. */
struct level {
    bool is_object;
    bool is_key_next;
    bool is_many; /* its keys were compared by sorting */
    uint64_t bits;
    size_t count;
    key_text keys[few_members];
};

struct json_tree {
    dom::parser *parser;
    key_text *keys; /* scratch for sorting */
    size_t key_room;
    size_t value_count;
    bool has_escapes; /* "\u" stands somewhere: a surrogate without its other half may have become a text */
    struct level levels[JSON_DEPTH_LIMIT + 1];
};

static enum status count_add(struct json_tree *tree, size_t member_count, struct why *why)
{
    tree->value_count += member_count > 0 ? member_count : 1;
    if (tree->value_count > JSON_VALUE_COUNT_LIMIT) {
        why_set(why, "JSON holds more than %u values: split it.", JSON_VALUE_COUNT_LIMIT);
        return STATUS_TOO_LARGE;
    }
    return STATUS_OK;
}

static enum status text_judge(const struct json_tree *tree, key_text text, struct why *why)
{
    return tree->has_escapes && has_surrogate(text) ? malformed(why, "half a surrogate pair in a text") : STATUS_OK;
}

/* simdjson's document as it lies in memory: a word a value, whose highest byte says its type. Texts stand in a buffer of
 * their own behind their length. (simdjson, doc/tape.md, "The tape") */
struct tape {
    const uint64_t *words;
    const uint8_t *texts;
};

constexpr uint64_t payload_mask = (UINT64_C(1) << 56) - 1;

static char type_at(const struct tape &tape, size_t at)
{
    return static_cast<char>(tape.words[at] >> 56);
}

static key_text text_at(const struct tape &tape, size_t at)
{
    const uint8_t *text = tape.texts + (tape.words[at] & payload_mask);
    uint32_t count;
    std::memcpy(&count, text, sizeof count);
    return key_text(reinterpret_cast<const char *>(text + sizeof count), count);
}

/* How many members a container has; as large as can be told where there are more. */
static size_t count_at(const struct tape &tape, size_t at)
{
    return static_cast<size_t>((tape.words[at] >> 32) & 0xffffff);
}

/* Where the value behind the one at `at` stands. */
static size_t value_after(const struct tape &tape, size_t at)
{
    switch (type_at(tape, at)) {
    case '{':
    case '[':
        return static_cast<uint32_t>(tape.words[at]);
    case 'l':
    case 'u':
    case 'd':
        return at + 2;
    default:
        return at + 1;
    }
}

static enum status many_judge(struct json_tree *tree, const struct tape &tape, size_t at, struct why *why)
{
    size_t count = count_at(tape, at);
    size_t used = 0;
    if (count > tree->key_room) {
        auto *keys = static_cast<key_text *>(std::realloc(static_cast<void *>(tree->keys), count * sizeof(key_text)));
        if (keys == nullptr) {
            return STATUS_NO_MEMORY;
        }
        tree->keys = keys;
        tree->key_room = count;
    }
    for (at++; type_at(tape, at) != '}' && used < count; at = value_after(tape, at + 1)) {
        tree->keys[used++] = text_at(tape, at);
    }
    std::sort(tree->keys, tree->keys + used);
    for (size_t i = 1; i < used; i++) {
        if (same_key(tree->keys[i - 1], tree->keys[i])) {
            return malformed(why, "a key stands twice in an object");
        }
    }
    return STATUS_OK;
}

static bool is_twin(struct level *level, const key_text &key)
{
    uint64_t bit = key_bit(key);
    for (size_t i = 0; (level->bits & bit) != 0 && i < level->count; i++) {
        if (same_key(level->keys[i], key)) {
            return true;
        }
    }
    level->bits |= bit;
    level->keys[level->count++] = key;
    return false;
}

static enum status key_judge(const struct json_tree *tree, struct level *level, const key_text &key, struct why *why)
{
    if (!level->is_many && is_twin(level, key)) {
        return malformed(why, "a key stands twice in an object");
    }
    if (tree->has_escapes && std::memchr(key.data(), 0, key.size()) != nullptr) {
        return malformed(why, "a key holds a zero byte");
    }
    return text_judge(tree, key, why);
}

/* Into the container at `at`. */
static enum status level_enter(struct json_tree *tree, const struct tape &tape, size_t at, size_t depth, struct why *why)
{
    if (depth > JSON_DEPTH_LIMIT) {
        return too_deep(why);
    }
    struct level *level = &tree->levels[depth];
    size_t count = count_at(tape, at);
    level->is_object = level->is_key_next = type_at(tape, at) == '{';
    level->is_many = level->is_object && count > few_members;
    level->bits = level->count = 0;
    enum status status = count_add(tree, count, why);
    return status == STATUS_OK && level->is_many ? many_judge(tree, tape, at, why) : status;
}

/* The whole document in one pass, word by word. */
static enum status tape_judge(struct json_tree *tree, const struct tape &tape, struct why *why)
{
    enum status status = STATUS_OK;
    size_t end = static_cast<size_t>(tape.words[0] & payload_mask);
    size_t depth = 0;
    tree->levels[0].is_object = tree->levels[0].is_key_next = false;
    for (size_t at = 1; at < end && status == STATUS_OK; at++) {
        struct level *level = &tree->levels[depth];
        char type = type_at(tape, at);
        if (type == '}' || type == ']') {
            depth--;
            continue;
        }
        if (level->is_key_next) {
            level->is_key_next = false;
            status = key_judge(tree, level, text_at(tape, at), why);
            continue;
        }
        level->is_key_next = level->is_object;
        if (type == '{' || type == '[') {
            status = level_enter(tree, tape, at, ++depth, why);
        } else if (type == '"' && tree->has_escapes) {
            status = text_judge(tree, text_at(tape, at), why);
        } else if (type == 'u') {
            status = malformed(why, "a number is larger than 64 bits with a sign hold");
        } else if (type == 'l' || type == 'd') {
            at++; /* the number itself */
        }
    }
    return status;
}

/* What of a container is wanted, as a list that ends with a null name. `members` NULL: all of it. */
struct wanted {
    const char *name;
    const struct wanted *members;
};

static const struct wanted verdict_members[] = {
    {"blocking", nullptr}, {"layer", nullptr}, {"method", nullptr}, {"confidence", nullptr}, {nullptr, nullptr}};
static const struct wanted connectivity_members[] = {
    {"state", nullptr},       {"boot", nullptr},        {"monotonic_s", nullptr},
    {"controls_ok", nullptr}, {"controls_failed", nullptr}, {"operators_failed", nullptr},
    {nullptr, nullptr}};
static const struct wanted ours_members[] = {
    {"verdict", verdict_members}, {"connectivity", connectivity_members}, {nullptr, nullptr}};
static const struct wanted request_members[] = {{"url", nullptr}, {nullptr, nullptr}};
static const struct wanted response_members[] = {{"code", nullptr}, {nullptr, nullptr}};
static const struct wanted status_members[] = {{"failure", nullptr}, {nullptr, nullptr}};
static const struct wanted step_members[] = {{"failure", nullptr},
                                             {"status", status_members},
                                             {"request", request_members},
                                             {"response", response_members},
                                             {nullptr, nullptr}};
/* Beside these, every member of test_keys that is no container. */
static const struct wanted keys_members[] = {
    {"x_dialtone", ours_members},  {"requests", step_members},       {"queries", step_members},
    {"tcp_connect", step_members}, {"tls_handshakes", step_members}, {"control", nullptr},
    {"tampering", nullptr},        {nullptr, nullptr}};
static json_t *value_make(const dom::element &value, const struct wanted *members);

static bool member_make(json_t *object, key_text key, const dom::element &value, const struct wanted *members)
{
    return json_object_set_new_nocheck(object, key.data(), value_make(value, members)) == 0;
}

static bool is_container(const dom::element &value)
{
    return value.is_object() || value.is_array();
}

static json_t *object_make(const dom::object &object, const struct wanted *members)
{
    json_t *made = json_object();
    bool is_good = made != nullptr;
    for (auto member : object) {
        const struct wanted *want = members;
        while (want != nullptr && want->name != nullptr && member.key != want->name) {
            want++;
        }
        bool is_wanted = want == nullptr || want->name != nullptr ||
                         (members == keys_members && !is_container(member.value));
        if (is_good && is_wanted) {
            const struct wanted *inner = want != nullptr && want->name != nullptr ? want->members : nullptr;
            is_good = member_make(made, member.key, member.value, inner);
        }
    }
    if (!is_good) {
        json_decref(made);
        return nullptr;
    }
    return made;
}

static json_t *array_make(const dom::array &array, const struct wanted *members)
{
    json_t *made = json_array();
    bool is_good = made != nullptr;
    for (auto element : array) {
        is_good = is_good && json_array_append_new(made, value_make(element, members)) == 0;
    }
    if (!is_good) {
        json_decref(made);
        return nullptr;
    }
    return made;
}

/* `members` say what is wanted of an object, or of the objects in an array. NULL: no memory. */
static json_t *value_make(const dom::element &value, const struct wanted *members)
{
    switch (value.type()) {
    case dom::element_type::OBJECT:
        return object_make(value.get_object().value_unsafe(), members);
    case dom::element_type::ARRAY:
        return array_make(value.get_array().value_unsafe(), members);
    case dom::element_type::STRING: {
        key_text text = value.get_string().value_unsafe();
        return json_stringn_nocheck(text.data(), text.size());
    }
    case dom::element_type::INT64:
        return json_integer(value.get_int64().value_unsafe());
    case dom::element_type::UINT64: /* refused before */
        return nullptr;
    case dom::element_type::DOUBLE:
        return json_real(value.get_double().value_unsafe());
    case dom::element_type::BOOL:
        return json_boolean(value.get_bool().value_unsafe());
    case dom::element_type::NULL_VALUE:
        return json_null();
    }
    return nullptr;
}

/* The text as a C string; NULL for another type, and where it holds a zero byte. simdjson ends its texts with one. */
static const char *text_of(const dom::element &value)
{
    key_text text;
    bool is_text = value.get_string().get(text) == simdjson::SUCCESS;
    return is_text && std::memchr(text.data(), 0, text.size()) == nullptr ? text.data() : nullptr;
}

struct text_place {
    const char *name;
    const char **out;
};

/* Members of these names, as text. */
static void texts_read(const dom::object &object, const struct text_place *places, size_t count)
{
    for (auto member : object) {
        for (size_t i = 0; i < count; i++) {
            if (member.key == places[i].name) {
                *places[i].out = text_of(member.value);
                break;
            }
        }
    }
}

/* "" where the member is null or absent. */
static void verdict_read(const dom::element &value, struct verdict_words *out)
{
    dom::object object;
    *out = {"", "", "", ""};
    if (value.get_object().get(object) != simdjson::SUCCESS) {
        return;
    }
    for (auto member : object) {
        const char *text = member.value.is_null() ? "" : text_of(member.value);
        if (member.key == "blocking") {
            out->outcome = text;
        } else if (member.key == "layer") {
            out->layer = text;
        } else if (member.key == "method") {
            out->method = text;
        } else if (member.key == "confidence") {
            out->confidence = text;
        }
    }
}

static enum status keys_read(const dom::object &keys, struct json_record *out)
{
    dom::element verdict;
    dom::object ours;
    out->has_verdict = keys["x_dialtone"].get(ours) == simdjson::SUCCESS &&
                       ours["verdict"].get(verdict) == simdjson::SUCCESS && !verdict.is_null();
    if (out->has_verdict) {
        verdict_read(verdict, &out->verdict);
    }
    bool is_ladder = out->fields.test_name != nullptr && std::strcmp(out->fields.test_name, "ladder") == 0;
    if (out->has_verdict && !is_ladder) {
        return STATUS_OK;
    }
    out->test_keys = object_make(keys, keys_members);
    return out->test_keys != nullptr ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status record_read(const dom::element &root, struct json_record *out)
{
    struct record_fields *fields = &out->fields;
    dom::object record;
    dom::object annotations;
    dom::object keys;
    dom::element start;
    *out = {};
    fields->is_object = root.get_object().get(record) == simdjson::SUCCESS;
    if (!fields->is_object) {
        return STATUS_OK;
    }
    const struct text_place places[] = {{"test_name", &fields->test_name},
                                        {"measurement_start_time", &fields->measurement_start},
                                        {"test_start_time", &fields->test_start},
                                        {"input", &fields->input},
                                        {"probe_cc", &fields->country},
                                        {"probe_asn", &fields->network},
                                        {"report_id", &fields->report_id}};
    const struct text_place annotation_places[] = {{"network_type", &fields->network_type},
                                                   {"x_subdivision", &fields->subdivision}};
    texts_read(record, places, sizeof places / sizeof places[0]);
    fields->has_measurement_start =
        record["measurement_start_time"].get(start) == simdjson::SUCCESS && !start.is_null();
    fields->has_test_start = record["test_start_time"].get(start) == simdjson::SUCCESS && !start.is_null();
    if (record["annotations"].get(annotations) == simdjson::SUCCESS) {
        texts_read(annotations, annotation_places, sizeof annotation_places / sizeof annotation_places[0]);
    }
    fields->has_test_keys = record["test_keys"].get(keys) == simdjson::SUCCESS;
    return fields->has_test_keys ? keys_read(keys, out) : STATUS_OK;
}

static enum status parse_failure(simdjson::error_code code, struct why *why)
{
    if (code == simdjson::MEMALLOC) {
        why_set(why, "No memory to read JSON: free some.");
        return STATUS_NO_MEMORY;
    }
    /* simdjson's own words name no foreign bytes. */
    return code == simdjson::DEPTH_ERROR ? too_deep(why) : malformed(why, simdjson::error_message(code));
}

enum status json_tree_open(struct json_tree **out)
{
    auto *tree = static_cast<struct json_tree *>(std::calloc(1, sizeof(struct json_tree)));
    if (tree == nullptr) {
        return STATUS_NO_MEMORY;
    }
    *out = tree;
    return STATUS_OK;
}

void json_tree_free(struct json_tree *tree)
{
    if (tree != nullptr) {
        delete tree->parser;
        std::free(static_cast<void *>(tree->keys));
        std::free(tree);
    }
}

enum status json_tree_read(struct json_tree *tree, const char *text, size_t count, struct json_record *out,
                           struct why *why)
{
    if (tree->parser != nullptr && tree->parser->capacity() > capacity_kept_bytes) {
        delete tree->parser;
        tree->parser = nullptr;
    }
    if (tree->parser == nullptr) {
        tree->parser = new (std::nothrow) dom::parser(RECORD_BYTES_MAX);
    }
    if (tree->parser == nullptr) {
        return STATUS_NO_MEMORY;
    }
    dom::element root;
    auto code = tree->parser->parse(text, count, false).get(root);
    if (code != simdjson::SUCCESS) {
        return parse_failure(code, why);
    }
    tree->value_count = 0;
    tree->has_escapes = has_unicode_escape(text, count);
    const struct tape tape = {tree->parser->doc.tape.get(), tree->parser->doc.string_buf.get()};
    enum status status = tape_judge(tree, tape, why);
    return status == STATUS_OK ? record_read(root, out) : status;
}
