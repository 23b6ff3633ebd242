/* Reads the file of webhooks.
 * Owner: a configuration owns its texts.
 * Why: a wrong line must stop the start with its number, not silence an alarm that somebody relies on. */
#include "collector/alert/config.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"

#define FILE_BYTES_MOST 65536
#define LINE_BYTES_MOST 2048

struct parse {
    const char *path;
    int line;
    int section_line; /* where the section at work begins */
    int url_line;
    struct alert_config *config;
    struct alert_hook_config *hook; /* the section at work; NULL before the first */
    struct why *why;
};

static enum status parse_fail_at(struct parse *parse, int line, const char *what)
{
    parse->line = line;
    why_set(parse->why, "%s line %d: %s", parse->path, parse->line, what);
    return STATUS_USAGE;
}

static enum status parse_fail(struct parse *parse, const char *what)
{
    return parse_fail_at(parse, parse->line, what);
}

/* The host is this machine: a literal address of it, or localhost. */
static bool host_is_here(const char *host, size_t length)
{
    char text[64];
    struct in_addr address;
    if (length >= sizeof text) {
        return false;
    }
    memcpy(text, host, length);
    text[length] = '\0';
    if (strcmp(text, "localhost") == 0 || strcmp(text, "[::1]") == 0) {
        return true;
    }
    return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

/* How much of "[::1]:80/x" or "host:80/x" is the host. */
static size_t host_length(const char *host)
{
    return host[0] == '[' ? strcspn(host, "]/?#") + (strchr(host, ']') != NULL) : strcspn(host, ":/?#");
}

static enum status url_check(struct parse *parse, const struct alert_hook_config *hook)
{
    bool is_plain = strncmp(hook->url, "http://", 7) == 0;
    if (!is_plain && strncmp(hook->url, "https://", 8) != 0) {
        return parse_fail_at(parse, parse->url_line, "url begins with https:// (or http:// on this machine)");
    }
    const char *host = hook->url + (is_plain ? 7 : 8);
    size_t authority = strcspn(host, "/?#");
    if (host_length(host) == 0 || memchr(host, '@', authority)) {
        return parse_fail_at(parse, parse->url_line,
                             "url names a host, and no user or password; the secret signs what is sent");
    }
    if (is_plain && !hook->allow_plain_http && !host_is_here(host, host_length(host))) {
        return parse_fail_at(parse, parse->url_line,
                             "plain http would cross the network: use https, or say allow-plain-http = yes");
    }
    return STATUS_OK;
}

/* What can only be checked when the whole section is known. */
static enum status section_close(struct parse *parse)
{
    const struct alert_hook_config *hook = parse->hook;
    if (!hook) {
        return STATUS_OK;
    }
    if (!hook->url || !hook->secret) {
        return parse_fail_at(parse, parse->section_line, "the section needs url, and secret or secret-file");
    }
    return url_check(parse, hook);
}

static bool name_is_plain(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    return name[0] && strlen(name) < ALERT_NAME_BYTES && name[strspn(name, allowed)] == '\0';
}

static enum status section_open(struct parse *parse, char *line)
{
    struct alert_config *config = parse->config;
    enum status status = section_close(parse);
    size_t length = strlen(line);
    if (status != STATUS_OK) {
        return status;
    }
    parse->hook = NULL;
    if (line[length - 1] != ']') {
        return parse_fail(parse, "a section is written [name]");
    }
    line[length - 1] = '\0';
    if (!name_is_plain(line + 1)) {
        return parse_fail(parse, "a name is made of at most 32 letters, digits, - and _");
    }
    for (size_t i = 0; i < config->count; i++) {
        if (strcmp(config->hooks[i].name, line + 1) == 0) {
            return parse_fail(parse, "there is a section of this name already");
        }
    }
    if (config->count == ALERT_HOOKS_MOST) {
        return parse_fail(parse, "32 hooks are the most");
    }
    parse->section_line = parse->line;
    parse->hook = &config->hooks[config->count++];
    memcpy(parse->hook->name, line + 1, strlen(line + 1) + 1);
    return STATUS_OK;
}

static void secret_free(char *secret)
{
    if (secret) {
        OPENSSL_cleanse(secret, strlen(secret));
        free(secret);
    }
}

static enum status secret_set(struct parse *parse, const char *value)
{
    if (parse->hook->secret) {
        return parse_fail(parse, "the secret is given twice");
    }
    if (strlen(value) < ALERT_SECRET_LEAST || strlen(value) > ALERT_SECRET_MOST) {
        return parse_fail(parse, "a secret has 16 to 1024 bytes; openssl rand -hex 32 makes one");
    }
    parse->hook->secret = strdup(value);
    return parse->hook->secret ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status secret_file_set(struct parse *parse, const char *path)
{
    struct buffer bytes = {0};
    struct why why = {""};
    enum status status = file_read(path, ALERT_SECRET_MOST + 2, &bytes, &why);
    buffer_append(&bytes, "", 1);
    if (status != STATUS_OK || bytes.failed) {
        buffer_free(&bytes);
        return parse_fail(parse, why.text[0] ? why.text : "the secret's file cannot be read");
    }
    char *text = (char *)bytes.bytes;
    text[strcspn(text, "\r\n")] = '\0';
    status = secret_set(parse, text);
    OPENSSL_cleanse(bytes.bytes, bytes.count);
    buffer_free(&bytes);
    return status;
}

static enum status text_set(struct parse *parse, char **out, const char *value)
{
    if (*out || !value[0]) {
        return parse_fail(parse, "a value is missing, or given twice");
    }
    *out = strdup(value);
    return *out ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status value_set(struct parse *parse, const char *key, const char *value)
{
    struct alert_hook_config *hook = parse->hook;
    struct why why = {""};
    if (strcmp(key, "url") == 0) {
        parse->url_line = parse->line;
        return text_set(parse, &hook->url, value);
    }
    if (strcmp(key, "secret") == 0) {
        return secret_set(parse, value);
    }
    if (strcmp(key, "secret-file") == 0) {
        return secret_file_set(parse, value);
    }
    if (strcmp(key, "ca-file") == 0) {
        return text_set(parse, &hook->ca_file, value);
    }
    if (strcmp(key, "allow-plain-http") == 0) {
        hook->allow_plain_http = strcmp(value, "yes") == 0;
        return hook->allow_plain_http || strcmp(value, "no") == 0 ? STATUS_OK
                                                                  : parse_fail(parse, "say yes or no");
    }
    bool is_filter = strcmp(key, "region") == 0 || strcmp(key, "asn") == 0 || strcmp(key, "kind") == 0 ||
                     strcmp(key, "state") == 0;
    if (!is_filter) {
        return parse_fail(
            parse, "the keys are url, secret, secret-file, ca-file, allow-plain-http, region, asn, kind "
                   "and state");
    }
    return feed_filter_set(&hook->filter, key, value, &why) == STATUS_OK ? STATUS_OK
                                                                         : parse_fail(parse, why.text);
}

/* Without the white space around it, in place. */
static char *text_trim(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1])) {
        text[--length] = '\0';
    }
    return text;
}

static enum status line_parse(struct parse *parse, char *line)
{
    char *text = text_trim(line);
    char *equals = strchr(text, '=');
    if (!text[0] || text[0] == '#' || text[0] == ';') {
        return STATUS_OK;
    }
    if (text[0] == '[') {
        return section_open(parse, text);
    }
    if (!parse->hook) {
        return parse_fail(parse, "begin with a section, such as [newsroom]");
    }
    if (!equals) {
        return parse_fail(parse, "a line is written key = value");
    }
    *equals = '\0';
    return value_set(parse, text_trim(text), text_trim(equals + 1));
}

enum status alert_config_parse(const char *path, const char *text, size_t count, struct alert_config *out,
                               struct why *why)
{
    struct parse parse = {.path = path, .config = out, .why = why};
    struct reader reader = reader_of(text, count);
    struct reader line;
    char copy[LINE_BYTES_MOST + 1];
    enum status status = STATUS_OK;
    while (status == STATUS_OK && reader_line(&reader, &line)) {
        parse.line++;
        size_t length = line.left_bytes;
        if (length > LINE_BYTES_MOST || memchr(line.bytes, '\0', length)) {
            return parse_fail(&parse, "the line is too long, or holds a zero byte");
        }
        reader_copy(&line, copy, length);
        copy[length] = '\0';
        status = line_parse(&parse, copy);
    }
    OPENSSL_cleanse(copy, sizeof copy);
    if (status == STATUS_OK) {
        status = section_close(&parse);
    }
    if (status == STATUS_OK && out->count == 0) {
        status = parse_fail(&parse, "there is no hook in it: write a section with url and secret");
    }
    return status;
}

enum status alert_config_read(const char *path, struct alert_config *out, struct why *why)
{
    struct buffer bytes = {0};
    enum status status = file_read(path, FILE_BYTES_MOST, &bytes, why);
    if (status == STATUS_OK) {
        status =
            alert_config_parse(path, bytes.bytes ? (const char *)bytes.bytes : "", bytes.count, out, why);
        OPENSSL_cleanse(bytes.bytes, bytes.count);
    }
    buffer_free(&bytes);
    return status;
}

void alert_config_free(struct alert_config *config)
{
    for (size_t i = 0; i < config->count; i++) {
        free(config->hooks[i].url);
        free(config->hooks[i].ca_file);
        secret_free(config->hooks[i].secret);
    }
    *config = (struct alert_config){0};
}
