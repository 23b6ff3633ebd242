/* Machines made of files: power, links and the way out.
 * Owner: each case has a folder of its own.
 * Why: a mobile network taken for a fixed one hides a mobile-only shutdown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "tests-network/ladder/machine_facts.h"
#include "tests/unit/folder.h"

#define ROUTE_HEAD "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
#define ROUTE_TO(name, metric) name "\t00000000\t0102A8C0\t0003\t0\t0\t" metric "\t00000000\t0\t0\t0\n"

struct entry {
    const char *path;
    const char *text; /* NULL: a folder; "->X": a link to X */
};

#define ENTRIES_MAX 16

struct machine {
    const char *name;
    struct entry entries[ENTRIES_MAX];
    const char *expected;
    enum access_type access;
};

static const struct machine machines[] = {
    {.name = "nothing at all", .expected = "{\"power\":null,\"access\":null,\"links\":{}}"},
    {.name = "a laptop on its battery, by Wi-Fi",
     .entries = {{"/sys/class/power_supply/AC/type", "Mains\n"},
                 {"/sys/class/power_supply/AC/online", "0\n"},
                 {"/sys/class/power_supply/BAT0/type", "Battery\n"},
                 {"/sys/class/power_supply/BAT0/status", "Discharging\n"},
                 {"/sys/class/power_supply/BAT0/capacity", "57\n"},
                 {"/sys/class/net/wlan0/type", "1\n"},
                 {"/sys/class/net/wlan0/carrier", "1\n"},
                 {"/sys/class/net/wlan0/wireless", NULL},
                 {"/sys/class/net/wlan0/device", NULL},
                 {"/sys/class/net/eth0/type", "1\n"},
                 {"/sys/class/net/eth0/device", NULL},
                 {"/sys/class/net/lo/type", "772\n"},
                 {"/sys/class/net/lo/carrier", "1\n"},
                 {"/proc/net/route", ROUTE_HEAD ROUTE_TO("wlan0", "600")}},
     .expected = "{\"power\":\"battery\",\"access\":\"wifi\",\"links\":{\"wired\":{\"up\":0,\"down\":1},"
                 "\"wifi\":{\"up\":1,\"down\":0}},\"battery_percent\":57}",
     .access = ACCESS_FIXED},
    {.name = "full, and plugged in",
     .entries = {{"/sys/class/power_supply/BAT0/type", "Battery\n"},
                 {"/sys/class/power_supply/BAT0/status", "Discharging\n"},
                 {"/sys/class/power_supply/BAT0/capacity", "100\n"},
                 {"/sys/class/power_supply/usb/type", "USB\n"},
                 {"/sys/class/power_supply/usb/online", "1\n"}},
     .expected = "{\"power\":\"mains\",\"access\":null,\"links\":{},\"battery_percent\":100}"},
    {.name = "a modem beside a cable: the way out counts",
     .entries = {{"/sys/class/net/eth0/type", "1\n"},
                 {"/sys/class/net/eth0/carrier", "1\n"},
                 {"/sys/class/net/eth0/device", NULL},
                 {"/sys/class/net/wwan0/type", "65534\n"},
                 {"/sys/class/net/wwan0/carrier", "1\n"},
                 {"/sys/class/net/wwan0/uevent", "DEVTYPE=wwan\nINTERFACE=wwan0\n"},
                 {"/proc/net/route", ROUTE_HEAD ROUTE_TO("eth0", "700") ROUTE_TO("wwan0", "50")}},
     .expected = "{\"power\":null,\"access\":\"mobile\",\"links\":{\"wired\":{\"up\":1,\"down\":0},"
                 "\"mobile\":{\"up\":1,\"down\":0}}}",
     .access = ACCESS_MOBILE},
    {.name = "a telephone on a cable",
     .entries = {{"/sys/class/net/usb0/type", "1\n"},
                 {"/sys/class/net/usb0/carrier", "1\n"},
                 {"/sys/class/net/usb0/device/driver", "->../../../bus/usb/drivers/rndis_host"},
                 {"/proc/net/route", ROUTE_HEAD ROUTE_TO("usb0", "0")}},
     .expected = "{\"power\":null,\"access\":\"mobile\",\"links\":{\"mobile\":{\"up\":1,\"down\":0}}}",
     .access = ACCESS_MOBILE},
    {.name = "through a tunnel, in a container",
     .entries = {{"/sys/class/net/eth0/type", "1\n"},
                 {"/sys/class/net/eth0/carrier", "1\n"},
                 {"/sys/class/net/wg0/type", "65534\n"},
                 {"/sys/class/net/wg0/uevent", "DEVTYPE=wireguard\n"},
                 {"/proc/net/route", ROUTE_HEAD "eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
                                     ROUTE_TO("wg0", "0") "broken line\n"}},
     .expected = "{\"power\":null,\"access\":\"tunnel\",\"links\":{\"tunnel\":{\"up\":0,\"down\":1},"
                 "\"virtual\":{\"up\":1,\"down\":0}}}"},
};

static void entry_make(const char *root, const struct entry *entry)
{
    char path[256], folder[256];
    snprintf(path, sizeof path, "%s%s", root, entry->path);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    assert_int_equal(folder_make(entry->text ? folder : path, 0700, NULL), STATUS_OK);
    if (entry->text && strncmp(entry->text, "->", 2) == 0)
        assert_int_equal(symlink(entry->text + 2, path), 0);
    else if (entry->text)
        assert_int_equal(file_publish(path, entry->text, strlen(entry->text), 0600, NULL), STATUS_OK);
}

static void machines_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        char root[] = "/tmp/dialtone-machine-XXXXXX";
        struct machine_facts facts;
        struct buffer text = {0};
        assert_non_null(mkdtemp(root));
        for (const struct entry *entry = machines[i].entries; entry->path; entry++)
            entry_make(root, entry);
        machine_facts_read(root, &facts);
        json_t *object = machine_facts_encode(&facts);
        assert_int_equal(json_write(object, &text), STATUS_OK);
        char *told = buffer_take_text(&text);
        if (strcmp(told, machines[i].expected) != 0)
            fail_msg("%s: %s, not %s", machines[i].name, told, machines[i].expected);
        assert_int_equal(machine_facts_access(&facts), machines[i].access);
        free(told);
        json_decref(object);
        folder_remove(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(machines_are_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
