/* simdjson twice: its first stage finds the tokens of a text, which the walk then judges; its document gives a tree of
 * test_keys, where they must be looked at.
 * Owner: the reader owns its scanner, parser and walk; trees are the caller's.
 * Plan: 1 the first stage: UTF-8, control characters, where tokens start, 2 the walk: everything else that is judged, and a
 * record's fields (json_walk.h), 3 only for what carries no verdict of ours, and for ladders: the document, and a tree of
 * the parts of it that matter.
 * Why: jansson makes a tree of all of it, ten thousand records a second; what a collector needs of one are some twenty
 * short texts. This is the project's one C++ file; nothing of it throws. */
#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

extern "C" {
#include "collector/ingest/json_tree.h"
#include "collector/ingest/json_walk.h"
#include "measurement/base/json.h"
}

namespace dom = simdjson::dom;
using key_text = std::string_view;
using scanner_pointer = std::unique_ptr<simdjson::internal::dom_parser_implementation>;

/* Most lines are shorter than a scanner's least room; what has grown beyond the most is given back. */
constexpr size_t capacity_least_bytes = 64u << 10;
constexpr size_t capacity_kept_bytes = 1u << 20;

struct json_tree {
    struct json_walk *walk;
    scanner_pointer scanner;
    dom::parser *parser; /* nullptr until a tree is wanted */
};

static enum status no_memory(struct why *why)
{
    why_set(why, "No memory to read JSON: free some.");
    return STATUS_NO_MEMORY;
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

/* A tree of test_keys out of the whole document. */
static enum status keys_read(struct json_tree *tree, const char *text, size_t count, json_t **out, struct why *why)
{
    dom::element root;
    dom::object keys;
    if (tree->parser != nullptr && tree->parser->capacity() > capacity_kept_bytes) {
        delete tree->parser;
        tree->parser = nullptr;
    }
    if (tree->parser == nullptr) {
        tree->parser = new (std::nothrow) dom::parser(RECORD_BYTES_MAX);
    }
    if (tree->parser == nullptr) {
        return no_memory(why);
    }
    auto code = tree->parser->parse(text, count, false).get(root);
    if (code == simdjson::SUCCESS) {
        code = root["test_keys"].get(keys);
    }
    if (code != simdjson::SUCCESS) {
        why_set(why, "Not JSON, %s: correct the text.", simdjson::error_message(code));
        return code == simdjson::MEMALLOC ? no_memory(why) : STATUS_MALFORMED;
    }
    *out = object_make(keys, keys_members);
    return *out != nullptr ? STATUS_OK : no_memory(why);
}

/* A scanner with room for the text; false where there is no memory. */
static bool scanner_prepare(struct json_tree *tree, size_t count)
{
    size_t room = tree->scanner ? tree->scanner->capacity() : 0;
    if (tree->scanner && room >= count && (room <= capacity_kept_bytes || count > capacity_kept_bytes)) {
        return true;
    }
    size_t wanted = count > capacity_least_bytes ? count : capacity_least_bytes;
    tree->scanner.reset();
    auto code = simdjson::get_active_implementation()->create_dom_parser_implementation(wanted, JSON_DEPTH_LIMIT,
                                                                                         tree->scanner);
    return code == simdjson::SUCCESS;
}

static enum status scan(struct json_tree *tree, const char *text, size_t count, struct why *why)
{
    if (!scanner_prepare(tree, count)) {
        return no_memory(why);
    }
    auto code = tree->scanner->stage1(reinterpret_cast<const uint8_t *>(text), count, simdjson::stage1_mode::regular);
    if (code != simdjson::SUCCESS) {
        /* simdjson's own words name no foreign bytes. */
        why_set(why, "Not JSON, %s: correct the text.", simdjson::error_message(code));
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

enum status json_tree_open(struct json_tree **out)
{
    auto *tree = new (std::nothrow) json_tree{nullptr, nullptr, nullptr};
    if (tree == nullptr) {
        return STATUS_NO_MEMORY;
    }
    if (json_walk_open(&tree->walk) != STATUS_OK) {
        delete tree;
        return STATUS_NO_MEMORY;
    }
    *out = tree;
    return STATUS_OK;
}

void json_tree_free(struct json_tree *tree)
{
    if (tree != nullptr) {
        json_walk_free(tree->walk);
        delete tree->parser;
        delete tree;
    }
}

enum status json_tree_read(struct json_tree *tree, const char *text, size_t count, struct json_record *out,
                           struct why *why)
{
    enum status status = scan(tree, text, count, why);
    if (status != STATUS_OK) {
        return status;
    }
    const struct json_tokens tokens = {text, count, tree->scanner->structural_indexes.get(),
                                       tree->scanner->n_structural_indexes};
    status = json_walk_read(tree->walk, &tokens, out, why);
    const struct record_fields *fields = &out->fields;
    bool is_ladder = status == STATUS_OK && fields->test_name != nullptr && std::strcmp(fields->test_name, "ladder") == 0;
    if (status == STATUS_OK && fields->has_test_keys && (!out->has_verdict || is_ladder)) {
        status = keys_read(tree, text, count, &out->test_keys, why);
    }
    return status;
}
