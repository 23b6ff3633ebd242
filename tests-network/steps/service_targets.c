/* The endpoints of one service, read from CSV.
 * Owner: service_targets owns its rows; service_targets_free.
 * Why: addresses of services change; a person can put that right in a file, and a lab can send a test to its
 * own. */
#include "tests-network/steps/service_targets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "tests-network/csv.h"
#include "tests-network/steps/address.h"

#define TARGETS_BYTES_MAX (1u << 20)
#define COLUMN_COUNT      6

static const char *const columns[COLUMN_COUNT] = {"role", "name", "reach", "host", "port", "path"};

static const char *const reaches[] = {
    [REACH_DNS] = "dns",
    [REACH_TCP] = "tcp",
    [REACH_TLS] = "tls",
    [REACH_TLS_ANY] = "tls_any",
    [REACH_HTTPS] = "https",
    [REACH_HTTP] = "http",
    [REACH_HTTP_POST] = "http_post",
};

static bool reach_parse(const char *word, enum service_reach *out)
{
    for (size_t i = 0; i < sizeof reaches / sizeof reaches[0]; i++) {
        if (strcmp(reaches[i], word) == 0) {
            *out = (enum service_reach)i;
            return true;
        }
    }
    return false;
}

static bool number_parse(const char *text, long long most, long long *out)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' && *out <= most;
}

static bool word_copy(const char *word, bool may_be_empty, char *out, size_t out_bytes)
{
    size_t count = strlen(word);
    for (size_t i = 0; i < count; i++) {
        if (word[i] <= ' ' || word[i] > '~')
            return false;
    }
    if (count >= out_bytes || (count == 0 && !may_be_empty))
        return false;
    memcpy(out, word, count + 1);
    return true;
}

/* What stands in a foreign file may hold what a terminal would obey. */
static void field_quote(const char *field, char out[61])
{
    size_t count = 0;
    for (; field[count] != '\0' && count < 60; count++)
        out[count] = field[count] < ' ' || field[count] > '~' ? '?' : field[count];
    out[count] = '\0';
}

static enum status row_refuse(const struct csv_row *row, size_t column, const char *advice, struct why *why)
{
    char field[61];
    field_quote(row->fields[column], field);
    why_set(why, "endpoints line %zu: %s '%s' is wrong; %s", row->line, columns[column], field, advice);
    return STATUS_MALFORMED;
}

static uint32_t asn_of_name(const char *name)
{
    long long number;
    return strncmp(name, "AS", 2) == 0 && number_parse(name + 2, UINT32_MAX, &number) ? (uint32_t)number : 0;
}

static enum status network_parse(const struct csv_row *row, struct service_targets *targets, struct why *why)
{
    struct service_network *network = &targets->networks[targets->network_count];
    char address[64] = "";
    const char *slash = strchr(row->fields[3], '/');
    long long bits = 0;
    size_t length = slash ? (size_t)(slash - row->fields[3]) : sizeof address;
    if (targets->network_count == SERVICE_NETWORKS_MAX) {
        why_set(why, "endpoints line %zu: more than %d networks; remove some", row->line,
                SERVICE_NETWORKS_MAX);
        return STATUS_TOO_LARGE;
    }
    if (length < sizeof address)
        memcpy(address, row->fields[3], length);
    if (!slash || address_parse(address, 0, &network->address) != STATUS_OK ||
        !number_parse(slash + 1, network->address.ss_family == AF_INET6 ? 128 : 32, &bits))
        return row_refuse(row, 3, "write a range, such as 192.0.2.0/24", why);
    network->bits = (unsigned)bits;
    network->asn = asn_of_name(row->fields[1]);
    targets->network_count++;
    return STATUS_OK;
}

static enum status target_parse(const struct csv_row *row, struct service_targets *targets, struct why *why)
{
    struct service_target *target = &targets->items[targets->count];
    long long port = 0;
    *target = (struct service_target){0};
    if (targets->count == SERVICE_TARGETS_MAX) {
        why_set(why, "endpoints line %zu: more than %d endpoints; remove some", row->line,
                SERVICE_TARGETS_MAX);
        return STATUS_TOO_LARGE;
    }
    if (!word_copy(row->fields[0], false, target->role, sizeof target->role))
        return row_refuse(row, 0, "write one word of at most 31 letters", why);
    if (!word_copy(row->fields[1], true, target->name, sizeof target->name))
        return row_refuse(row, 1, "write one word of at most 31 letters, or nothing", why);
    if (!reach_parse(row->fields[2], &target->reach))
        return row_refuse(row, 2, "write dns, tcp, tls, tls_any, https, http, http_post or network", why);
    if (!word_copy(row->fields[3], false, target->host, sizeof target->host) || strpbrk(target->host, "/@[]"))
        return row_refuse(row, 3, "write a name or an address", why);
    if (!number_parse(row->fields[4], 65535, &port) || (port == 0) != (target->reach == REACH_DNS))
        return row_refuse(row, 4, "write 1 to 65535; 0 for dns", why);
    if (!word_copy(row->fields[5], true, target->path, sizeof target->path) ||
        (target->path[0] != '\0' && target->path[0] != '/'))
        return row_refuse(row, 5, "write a path that begins with /, or nothing", why);
    target->port = (uint16_t)port;
    targets->count++;
    return STATUS_OK;
}

static enum status header_check(struct csv_reader *reader, struct csv_row *row, struct why *why)
{
    enum csv_outcome outcome = csv_next(reader, row);
    bool is_header = outcome == CSV_ROW && row->field_count == COLUMN_COUNT;
    if (outcome == CSV_NO_MEMORY)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; is_header && i < COLUMN_COUNT; i++)
        is_header = strcmp(row->fields[i], columns[i]) == 0;
    if (is_header)
        return STATUS_OK;
    why_set(why, "endpoints have no header line; start the file with: role,name,reach,host,port,path");
    return STATUS_MALFORMED;
}

static enum status rows_read(struct csv_reader *reader, struct csv_row *row, struct service_targets *targets,
                             struct why *why)
{
    for (;;) {
        enum csv_outcome outcome = csv_next(reader, row);
        if (outcome == CSV_END)
            return STATUS_OK;
        if (outcome == CSV_NO_MEMORY)
            return STATUS_NO_MEMORY;
        if (outcome == CSV_BROKEN || row->field_count != COLUMN_COUNT) {
            why_set(why, "endpoints line %zu is broken; write role,name,reach,host,port,path", row->line);
            return STATUS_MALFORMED;
        }
        enum status status = strcmp(row->fields[2], "network") == 0 ? network_parse(row, targets, why)
                                                                    : target_parse(row, targets, why);
        if (status != STATUS_OK)
            return status;
    }
}

enum status service_targets_read(const char *text, size_t count, struct service_targets *out, struct why *why)
{
    struct csv_reader reader = {.left = reader_of(text, count)};
    struct csv_row row = {0};
    /* One more than may be filled: a row is parsed in place before it counts. */
    struct service_targets targets = {.items = calloc(SERVICE_TARGETS_MAX + 1, sizeof *targets.items),
                                      .networks = calloc(SERVICE_NETWORKS_MAX + 1, sizeof *targets.networks)};
    enum status status =
        targets.items && targets.networks ? header_check(&reader, &row, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = rows_read(&reader, &row, &targets, why);
    if (status == STATUS_OK && targets.count == 0) {
        why_set(why, "endpoints file holds no endpoint; add lines role,name,reach,host,port,path");
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK) {
        *out = targets;
        targets = (struct service_targets){0};
    }
    csv_row_free(&row);
    service_targets_free(&targets);
    return status;
}

enum status service_targets_open(const char *folder, const char *name, const char *embedded,
                                 struct service_targets *out, struct why *why)
{
    if (!folder)
        return service_targets_read(embedded, strlen(embedded), out, why);
    struct buffer file = {0}, text = {0};
    buffer_printf(&file, "%s.csv", name);
    char *file_name = buffer_take_text(&file);
    char *path = file_name ? path_join(folder, file_name) : NULL;
    enum status status = path ? file_read(path, TARGETS_BYTES_MAX, &text, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = service_targets_read((const char *)text.bytes, text.count, out, why);
    buffer_free(&text);
    free(path);
    free(file_name);
    return status;
}

void service_targets_free(struct service_targets *targets)
{
    if (!targets)
        return;
    free(targets->items);
    free(targets->networks);
    *targets = (struct service_targets){0};
}

static const uint8_t *address_bytes(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET6)
        return ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr;
    return (const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr;
}

static bool does_hold(const struct service_network *network, const struct sockaddr_storage *address)
{
    const uint8_t *ours = address_bytes(address), *theirs = address_bytes(&network->address);
    size_t whole_count = network->bits / 8, rest = network->bits % 8;
    if (network->address.ss_family != address->ss_family || memcmp(ours, theirs, whole_count) != 0)
        return false;
    return rest == 0 || (ours[whole_count] ^ theirs[whole_count]) >> (8 - rest) == 0;
}

enum service_home service_targets_home(const struct service_targets *targets,
                                       const struct sockaddr_storage *address, uint32_t asn)
{
    bool has_numbers = false;
    for (size_t i = 0; i < targets->network_count; i++) {
        const struct service_network *network = &targets->networks[i];
        if (does_hold(network, address) || (asn != 0 && network->asn == asn))
            return HOME_INSIDE;
        has_numbers = has_numbers || network->asn != 0;
    }
    return asn != 0 && has_numbers ? HOME_OUTSIDE : HOME_UNKNOWN;
}
