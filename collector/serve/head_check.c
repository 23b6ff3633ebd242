/* A strict reader of request heads, which keeps only what it needs to find where each request ends.
 * Owner: the check owns the bytes of the head under way.
 * Plan: gather a head up to CR LF CR LF, bounded; refuse every byte and line that two readers could take in two
 * ways; then count the body by its one Content-Length.
 * Why: a proxy in front and the HTTP library behind must agree on where a request ends, else one client's bytes become
 * another's request. Bodies in chunks are refused: every probe knows how long its bundle is. */
#include "collector/serve/head_check.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "measurement/base/bytes.h"

static bool refuse(struct head_check *check, int code, const char *error, const char *detail)
{
    check->refusal = (struct head_refusal){code, error, detail};
    check->phase = HEAD_PHASE_REFUSED;
    free(check->head);
    check->head = NULL;
    check->head_count = check->head_room = 0;
    return false;
}

static bool malformed(struct head_check *check, const char *detail)
{
    return refuse(check, 400, "malformed", detail);
}

static bool is_token(const uint8_t *text, size_t count)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < count; i++) {
        uint8_t letter = text[i];
        bool is_plain = (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') ||
                        (letter >= 'A' && letter <= 'Z');
        if (!is_plain && (letter == 0 || !strchr(marks, letter))) {
            return false;
        }
    }
    return count > 0;
}

static bool name_is(const struct reader *name, const char *expected)
{
    return name->left_bytes == strlen(expected) &&
           strncasecmp((const char *)name->bytes, expected, name->left_bytes) == 0;
}

/* What the lines of one head said. */
struct head_facts {
    bool may_have_body;
    bool is_http_1_1;
    bool has_host;
    bool has_length;
    bool has_coding;
    uint64_t length_bytes;
};

/* METHOD SP target SP HTTP/1.x */
static bool request_line_read(struct head_check *check, struct reader line, struct head_facts *facts)
{
    const uint8_t *space = memchr(line.bytes, ' ', line.left_bytes);
    size_t method_count = space ? (size_t)(space - line.bytes) : 0;
    if (!is_token(line.bytes, method_count) || line.left_bytes - method_count < sizeof " / HTTP/1.1" - 1) {
        return malformed(check, "the first line is no HTTP request");
    }
    struct reader method = reader_take(&line, method_count);
    reader_skip(&line, 1);
    struct reader target = reader_take(&line, line.left_bytes - (sizeof " HTTP/1.1" - 1));
    for (size_t i = 0; i < target.left_bytes; i++) {
        if (target.bytes[i] <= ' ' || target.bytes[i] >= 0x7f) {
            return malformed(check, "the request's target holds a byte that must be escaped");
        }
    }
    if (memcmp(line.bytes, " HTTP/", 6) != 0) {
        return malformed(check, "the first line is no HTTP request");
    }
    if (memcmp(line.bytes + 6, "1.1", 3) != 0 && memcmp(line.bytes + 6, "1.0", 3) != 0) {
        return refuse(check, 505, "version", "this service speaks HTTP/1.1");
    }
    facts->is_http_1_1 = line.bytes[8] == '1';
    facts->may_have_body = name_is(&method, "POST") || name_is(&method, "PUT") || name_is(&method, "PATCH");
    return true;
}

/* 1*DIGIT, short enough not to overflow. */
static bool length_read(struct head_check *check, const struct reader *value, struct head_facts *facts)
{
    if (facts->has_length) {
        return malformed(check, "the request has two lengths");
    }
    uint64_t length = 0;
    for (size_t i = 0; i < value->left_bytes; i++) {
        if (value->bytes[i] < '0' || value->bytes[i] > '9') {
            return malformed(check, "Content-Length is no number");
        }
        /* Past the bound the exact number says nothing more. */
        length = length > check->body_bytes_max ? length : length * 10 + (uint64_t)(value->bytes[i] - '0');
    }
    if (value->left_bytes == 0) {
        return malformed(check, "Content-Length is no number");
    }
    facts->has_length = true;
    facts->length_bytes = length;
    return true;
}

static bool header_read(struct head_check *check, struct reader line, struct head_facts *facts)
{
    const uint8_t *colon = memchr(line.bytes, ':', line.left_bytes);
    struct reader name = reader_take(&line, colon ? (size_t)(colon - line.bytes) : 0);
    if (!colon || !is_token(name.bytes, name.left_bytes)) {
        return malformed(check, "a header's name holds a byte that it must not, or the line is folded");
    }
    reader_skip(&line, 1);
    while (line.left_bytes > 0 && (line.bytes[0] == ' ' || line.bytes[0] == '\t')) {
        reader_skip(&line, 1);
    }
    while (line.left_bytes > 0 && (line.bytes[line.left_bytes - 1] == ' ' || line.bytes[line.left_bytes - 1] == '\t')) {
        line.left_bytes--;
    }
    for (size_t i = 0; i < line.left_bytes; i++) {
        if ((line.bytes[i] < ' ' && line.bytes[i] != '\t') || line.bytes[i] == 0x7f) {
            return malformed(check, "a header holds a control character");
        }
    }
    if (name_is(&name, "Content-Length")) {
        return length_read(check, &line, facts);
    }
    if (name_is(&name, "Host")) {
        bool is_first = !facts->has_host;
        facts->has_host = true;
        return is_first || malformed(check, "the request has two hosts");
    }
    facts->has_coding = facts->has_coding || name_is(&name, "Transfer-Encoding");
    return true;
}

/* Whether the lines of the head agree with each other. */
static bool facts_judge(struct head_check *check, const struct head_facts *facts)
{
    if (facts->is_http_1_1 && !facts->has_host) {
        return malformed(check, "the header Host is missing");
    }
    if (facts->has_coding && facts->has_length) {
        return malformed(check, "the request has a length and a transfer coding");
    }
    if (facts->has_coding) {
        return refuse(check, 411, "length_required", "send the body with a Content-Length, not in chunks");
    }
    if (facts->length_bytes > check->body_bytes_max) {
        return refuse(check, 413, "too_large", "the body is larger than anything that is taken here; send less");
    }
    if (facts->length_bytes > 0 && !facts->may_have_body) {
        return malformed(check, "a request of this method has no body");
    }
    return true;
}

static bool head_judge(struct head_check *check)
{
    struct head_facts facts = {0};
    struct reader head = reader_of(check->head, check->head_count);
    struct reader line;
    if (!reader_line(&head, &line) || !request_line_read(check, line, &facts)) {
        return false;
    }
    while (reader_line(&head, &line) && line.left_bytes > 0) {
        if (!header_read(check, line, &facts)) {
            return false;
        }
    }
    if (!facts_judge(check, &facts)) {
        return false;
    }
    free(check->head);
    check->head = NULL;
    check->head_count = check->head_room = 0;
    check->body_left_bytes = facts.length_bytes;
    check->phase = facts.length_bytes > 0 ? HEAD_PHASE_BODY : HEAD_PHASE_IDLE;
    check->request_count += facts.length_bytes == 0;
    return true;
}

static bool head_byte(struct head_check *check, char byte)
{
    size_t count = check->head_count;
    bool follows_cr = count > 0 && check->head[count - 1] == '\r';
    if (byte == 0) {
        return malformed(check, "the head holds a zero byte");
    }
    if ((byte == '\n') != follows_cr) {
        return malformed(check, "a line of the head does not end in CR LF");
    }
    if (count == HEAD_BYTES_MAX) {
        return refuse(check, 431, "too_large", "the head is larger than 16 KiB; send less");
    }
    if (count == check->head_room) {
        size_t room = check->head_room ? check->head_room * 2 : 512;
        char *head = realloc(check->head, room);
        if (!head) {
            return refuse(check, 503, "no_memory", "out of memory; try again later");
        }
        check->head = head;
        check->head_room = room;
    }
    check->head[check->head_count++] = byte;
    check->phase = HEAD_PHASE_HEAD;
    if (byte == '\n' && check->head_count == 2) {
        return malformed(check, "the request begins with an empty line");
    }
    bool is_whole = byte == '\n' && check->head_count >= 4 &&
                    memcmp(check->head + check->head_count - 4, "\r\n\r\n", 4) == 0;
    return !is_whole || head_judge(check);
}

bool head_check_feed(struct head_check *check, const void *bytes, size_t count)
{
    struct reader reader = reader_of(bytes, count);
    while (reader.left_bytes > 0) {
        switch (check->phase) {
        case HEAD_PHASE_REFUSED:
            return false;
        case HEAD_PHASE_IDLE:
        case HEAD_PHASE_HEAD:
            if (!head_byte(check, (char)reader_u8(&reader))) {
                return false;
            }
            break;
        case HEAD_PHASE_BODY: {
            size_t taken = reader.left_bytes < check->body_left_bytes ? reader.left_bytes
                                                                     : (size_t)check->body_left_bytes;
            reader_skip(&reader, taken);
            check->body_left_bytes -= taken;
            if (check->body_left_bytes == 0) {
                check->phase = HEAD_PHASE_IDLE;
                check->request_count++;
            }
            break;
        }
        }
    }
    return check->phase != HEAD_PHASE_REFUSED;
}

void head_check_end(struct head_check *check)
{
    free(check->head);
    *check = (struct head_check){0};
}
