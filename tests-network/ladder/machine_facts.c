/* Reads /sys/class/power_supply, /sys/class/net and /proc/net/route.
 * Owner: nothing is kept.
 * Why: the journal says for every minute whether the machine itself could have reached anything. */
#include "tests-network/ladder/machine_facts.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "measurement/base/file.h"

#define SMALL_BYTES_MAX  4096
#define ROUTES_BYTES_MAX (256u << 10)
#define WORD_BYTES       64
#define TYPE_ETHERNET    1
#define TYPE_PPP         512
#define TYPE_RAW_IP      519
#define TYPE_LOOPBACK    772
#define TYPE_NONE        65534
#define ROUTE_IS_UP      1u

static const char *const link_names[MACHINE_LINKS] = {
    [LINK_UNKNOWN] = "unknown", [LINK_WIRED] = "wired",   [LINK_WIFI] = "wifi",
    [LINK_MOBILE] = "mobile",   [LINK_TUNNEL] = "tunnel", [LINK_VIRTUAL] = "virtual",
};

static char *path_of(const char *root, const char *folder, const char *name, const char *file)
{
    char *path = NULL;
    return asprintf(&path, "%s%s/%s%s%s", root, folder, name, file[0] ? "/" : "", file) < 0 ? NULL : path;
}

/* The whole file as text; NULL where it cannot be read. The caller frees. */
static char *file_text(const char *root, const char *folder, const char *name, const char *file, size_t limit_bytes)
{
    struct buffer text = {0};
    char *path = path_of(root, folder, name, file);
    bool is_read = path && file_read(path, limit_bytes, &text, NULL) == STATUS_OK;
    free(path);
    if (is_read)
        return buffer_take_text(&text);
    buffer_free(&text);
    return NULL;
}

/* The first word of a sysfs attribute; "" where there is none. */
static void word_read(const char *root, const char *folder, const char *name, const char *file, char out[WORD_BYTES])
{
    char *text = file_text(root, folder, name, file, SMALL_BYTES_MAX);
    snprintf(out, WORD_BYTES, "%.*s", text ? (int)strcspn(text, " \r\n") : 0, text ? text : "");
    free(text);
}

static bool exists(const char *root, const char *folder, const char *name, const char *file)
{
    char *path = path_of(root, folder, name, file);
    bool is_there = path && access(path, F_OK) == 0;
    free(path);
    return is_there;
}

/* Drivers that make a telephone's or a modem's link look like a cable. */
static bool is_tether_driver(const char *root, const char *name)
{
    static const char *const drivers[] = {"rndis_host", "cdc_ether", "cdc_ncm", "cdc_mbim",
                                          "qmi_wwan",   "ipheth",    "huawei_cdc_ncm"};
    char target[PATH_MAX];
    char *path = path_of(root, "/sys/class/net", name, "device/driver");
    ssize_t count = path ? readlink(path, target, sizeof target - 1) : -1;
    bool is_tether = false;
    if (count > 0) {
        target[count] = '\0';
        const char *slash = strrchr(target, '/');
        for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++)
            is_tether = is_tether || strcmp(slash ? slash + 1 : target, drivers[i]) == 0;
    }
    free(path);
    return is_tether;
}

static bool is_mobile_name(const char *name)
{
    return strncmp(name, "wwan", 4) == 0 || strncmp(name, "rmnet", 5) == 0 || strncmp(name, "ccmni", 5) == 0;
}

static enum machine_link link_kind(const char *root, const char *name)
{
    static const char folder[] = "/sys/class/net";
    char type[WORD_BYTES];
    word_read(root, folder, name, "type", type);
    long number = strtol(type, NULL, 10);
    char *event = file_text(root, folder, name, "uevent", SMALL_BYTES_MAX);
    bool is_wwan = event && strstr(event, "DEVTYPE=wwan"), is_wireguard = event && strstr(event, "DEVTYPE=wireguard");
    free(event);
    if (exists(root, folder, name, "wireless") || exists(root, folder, name, "phy80211"))
        return LINK_WIFI;
    if (is_wwan || number == TYPE_RAW_IP || number == TYPE_PPP || is_mobile_name(name) || is_tether_driver(root, name))
        return LINK_MOBILE;
    if (is_wireguard || number == TYPE_NONE || exists(root, folder, name, "tun_flags"))
        return LINK_TUNNEL;
    if (number != TYPE_ETHERNET)
        return LINK_UNKNOWN;
    return exists(root, folder, name, "device") ? LINK_WIRED : LINK_VIRTUAL;
}

typedef void (*entry_callback)(const char *root, const char *name, struct machine_facts *facts);

static void each_entry(const char *root, const char *folder, entry_callback callback, struct machine_facts *facts)
{
    char *path = path_of(root, folder, "", "");
    DIR *directory = path ? opendir(path) : NULL;
    const struct dirent *entry;
    free(path);
    while (directory && (entry = readdir(directory))) {
        if (entry->d_name[0] != '.')
            callback(root, entry->d_name, facts);
    }
    if (directory)
        closedir(directory);
}

static void link_take(const char *root, const char *name, struct machine_facts *facts)
{
    char type[WORD_BYTES], carrier[WORD_BYTES];
    word_read(root, "/sys/class/net", name, "type", type);
    if (type[0] == '\0' || strtol(type, NULL, 10) == TYPE_LOOPBACK)
        return;
    /* Reading it of an interface that is switched off is an error: no carrier either. */
    word_read(root, "/sys/class/net", name, "carrier", carrier);
    enum machine_link kind = link_kind(root, name);
    if (strcmp(carrier, "1") == 0)
        facts->up_count[kind]++;
    else
        facts->down_count[kind]++;
}

static void supply_take(const char *root, const char *name, struct machine_facts *facts)
{
    static const char folder[] = "/sys/class/power_supply";
    char type[WORD_BYTES], word[WORD_BYTES];
    word_read(root, folder, name, "type", type);
    if (strcmp(type, "Battery") == 0) {
        word_read(root, folder, name, "capacity", word);
        if (word[0] >= '0' && word[0] <= '9')
            facts->battery_percent = (int)strtol(word, NULL, 10);
        word_read(root, folder, name, "status", word);
        if (strcmp(word, "Discharging") == 0 && facts->power == POWER_UNKNOWN)
            facts->power = POWER_BATTERY;
        return;
    }
    word_read(root, folder, name, "online", word);
    if (strcmp(word, "1") == 0)
        facts->power = POWER_MAINS;
    else if (strcmp(word, "0") == 0 && facts->power == POWER_UNKNOWN && strcmp(type, "Mains") == 0)
        facts->power = POWER_BATTERY;
}

/* The interface of the default route with the least metric; "" where there is none. */
static void default_interface(const char *routes, char out[WORD_BYTES])
{
    struct reader reader = reader_of(routes, strlen(routes)), line;
    unsigned least_metric = UINT_MAX;
    out[0] = '\0';
    while (reader_line(&reader, &line)) {
        char text[256], name[WORD_BYTES];
        uint32_t destination = 0, mask = 0;
        unsigned flags = 0, metric = 0;
        snprintf(text, sizeof text, "%.*s", (int)(line.left_bytes < 255 ? line.left_bytes : 255),
                 (const char *)line.bytes);
        if (sscanf(text, "%63s %" SCNx32 " %*s %x %*s %*s %u %" SCNx32, name, &destination, &flags, &metric, &mask) == 5 &&
            destination == 0 && mask == 0 && (flags & ROUTE_IS_UP) && metric < least_metric) {
            least_metric = metric;
            memcpy(out, name, sizeof name);
        }
    }
}

void machine_facts_read(const char *root, struct machine_facts *out)
{
    struct machine_facts facts = {.battery_percent = -1};
    char name[WORD_BYTES] = "";
    each_entry(root, "/sys/class/power_supply", supply_take, &facts);
    each_entry(root, "/sys/class/net", link_take, &facts);
    char *routes = file_text(root, "/proc/net", "route", "", ROUTES_BYTES_MAX);
    if (routes)
        default_interface(routes, name);
    if (name[0])
        facts.access = link_kind(root, name);
    free(routes);
    *out = facts;
}

json_t *machine_facts_encode(const struct machine_facts *facts)
{
    static const char *const powers[] = {[POWER_UNKNOWN] = NULL, [POWER_MAINS] = "mains", [POWER_BATTERY] = "battery"};
    json_t *links = json_object();
    for (int i = 0; i < MACHINE_LINKS; i++) {
        if (facts->up_count[i] + facts->down_count[i] > 0)
            (void)json_object_set_new(links, link_names[i],
                                      json_pack("{s:i, s:i}", "up", facts->up_count[i], "down", facts->down_count[i]));
    }
    json_t *object = json_pack("{s:s?, s:s?, s:o}", "power", powers[facts->power], "access",
                               facts->access == LINK_UNKNOWN ? NULL : link_names[facts->access], "links", links);
    if (object && facts->battery_percent >= 0)
        (void)json_object_set_new(object, "battery_percent", json_integer(facts->battery_percent));
    return object;
}

enum access_type machine_facts_access(const struct machine_facts *facts)
{
    switch (facts->access) {
    case LINK_WIRED:
    case LINK_WIFI:
        return ACCESS_FIXED;
    case LINK_MOBILE:
        return ACCESS_MOBILE;
    case LINK_UNKNOWN:
    case LINK_TUNNEL:
    case LINK_VIRTUAL:
        break;
    }
    return ACCESS_UNKNOWN;
}
