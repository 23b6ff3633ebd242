/* The lab put together.
 * Owner: a lab owns its namespaces, devices, box and servers; files below its folder stay for the caller to
 * clear. Why: scenarios and the demo differ in what happens, not in the world it happens in. */
#include "tests/lab/lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "tests/lab/internet.h"
#include "tests/lab/namespace.h"
#include "tests/lab/netlink.h"
#include "tests/lab/servers.h"

#define CLIENT_PREFIX_BITS  24
#define CLIENT_PREFIX6_BITS 64
#define DEVICE              "lab0"
#define CLOCK_LIBRARY       "liblab-clock.so"
#define CLOCK_LIBRARY_BYTES (1u << 20)

struct client_network {
    int network_fd;
    struct device device;
    char *resolv_conf;
    char *clock_folder; /* NULL: its clock is right */
};

struct lab {
    struct lab_plan plan;
    struct client_network clients[PATH_CLIENTS_MAX];
    struct device world;
    bool has_ipv6;
    struct box *box;
    struct servers *servers;
};

static enum status address_give(const char *device, const char *text, int prefix_bits, struct why *why)
{
    struct ip_address address;
    if (ip_parse(text, &address) != STATUS_OK) {
        why_set(why, "'%s' is no IP address; mend the lab's plan", text);
        return STATUS_USAGE;
    }
    return netlink_address_add(device, &address, prefix_bits < 0 ? (int)ip_bytes(&address) * 8 : prefix_bits,
                               why);
}

struct giving {
    enum status status;
    struct why *why;
};

static void address_give_word(const char *word, void *arg)
{
    struct giving *giving = arg;
    if (giving->status == STATUS_OK)
        giving->status = address_give("lo", word, -1, giving->why);
}

static enum status clean_addresses_give(struct why *why)
{
    enum status status = STATUS_OK;
    for (int i = 0; i < 2 * CLEAN_CLUSTERS && status == STATUS_OK; i++) {
        char address[CLEAN_ADDRESS_ROOM];
        clean_address(i / 2, i % 2, address);
        status = address_give("lo", address, -1, why);
    }
    return status;
}

/* Whether the kernel has IPv6 and took the sites' addresses. */
static bool world_setup_ipv6(bool has_clean_targets)
{
    struct why why = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < internet_site_count && status == STATUS_OK; i++)
        if (internet_sites[i].address6)
            status = address_give("lo", internet_sites[i].address6, -1, &why);
    for (int i = 0; i < CLEAN_CLUSTERS && has_clean_targets && status == STATUS_OK; i++) {
        char address[CLEAN_ADDRESS_ROOM];
        clean_address6(i, address);
        status = address_give("lo", address, -1, &why);
    }
    if (status == STATUS_OK)
        status = netlink_default_route(DEVICE, 6, NULL, &why);
    return status == STATUS_OK;
}

/* One way of sending for the servers wherever the lab runs: how fast a lossy flow is must not hang on the
 * machine's own choice. */
static void world_congestion_set(void)
{
    static const char *const names[] = {"cubic", "reno"};
    int fd = open("/proc/sys/net/ipv4/tcp_congestion_control", O_WRONLY | O_CLOEXEC);
    bool is_set = false;
    for (size_t i = 0; fd >= 0 && i < sizeof names / sizeof names[0] && !is_set; i++)
        is_set = write(fd, names[i], strlen(names[i])) > 0;
    if (fd >= 0)
        close(fd);
}

/* Every server's address on the loopback device; all else goes out through the device to the clients. */
static enum status world_setup(struct lab *lab, struct why *why)
{
    world_congestion_set();
    enum status status = netlink_up("lo", why);
    struct giving giving = {.status = status, .why = why};
    for (size_t i = 0; i < internet_site_count; i++)
        address_give_word(internet_sites[i].address, &giving);
    for (size_t i = 0; i < internet_resolver_count; i++)
        words_each(internet_resolvers[i].addresses, address_give_word, &giving);
    address_give_word(INTERNET_COLLECTOR_ADDRESS, &giving);
    status = giving.status;
    if (status == STATUS_OK && lab->plan.clean.count > 0)
        status = clean_addresses_give(why);
    if (status == STATUS_OK)
        status = device_open(DEVICE, lab->plan.avoids_tun, &lab->world, why);
    if (status == STATUS_OK)
        status = netlink_up(DEVICE, why);
    if (status == STATUS_OK)
        status = netlink_default_route(DEVICE, 4, NULL, why);
    lab->has_ipv6 = status == STATUS_OK && world_setup_ipv6(lab->plan.clean.count > 0);
    return status;
}

struct client_setup_args {
    const struct lab_client *client;
    bool avoids_tun;
    bool has_ipv6;
    struct device *out_device;
};

static enum status default_route_give(const char *gateway_text, struct why *why)
{
    struct ip_address gateway;
    if (ip_parse(gateway_text, &gateway) != STATUS_OK) {
        why_set(why, "'%s' is no IP address; mend the lab's plan", gateway_text);
        return STATUS_USAGE;
    }
    return netlink_default_route(DEVICE, gateway.version, &gateway, why);
}

static enum status client_setup_inside(void *arg, struct why *why)
{
    struct client_setup_args *args = arg;
    bool has_ipv6 = args->has_ipv6 && args->client->address6[0] != '\0';
    enum status status = netlink_up("lo", why);
    if (status == STATUS_OK)
        status = device_open(DEVICE, args->avoids_tun, args->out_device, why);
    if (status == STATUS_OK)
        status = address_give(DEVICE, args->client->address, CLIENT_PREFIX_BITS, why);
    if (status == STATUS_OK)
        status = netlink_up(DEVICE, why);
    if (status == STATUS_OK && args->client->mtu > 0)
        status = netlink_mtu_set(DEVICE, args->client->mtu, why);
    if (status == STATUS_OK)
        status = default_route_give(args->client->gateway, why);
    if (status == STATUS_OK && has_ipv6)
        status = address_give(DEVICE, args->client->address6, CLIENT_PREFIX6_BITS, why);
    if (status == STATUS_OK && has_ipv6)
        status = default_route_give(args->client->gateway6, why);
    return status;
}

/* A folder with the library that shifts the clock, and by how much. */
static enum status clock_setup(struct lab *lab, int number, struct why *why)
{
    char name[32];
    struct buffer bytes = {0};
    if (!lab->plan.clients[number].has_own_clock)
        return STATUS_OK;
    snprintf(name, sizeof name, "clock-%d", number);
    char *folder = lab->clients[number].clock_folder = lab_file(lab, name);
    char *library = lab_program(lab, CLOCK_LIBRARY);
    char *copy = folder ? path_join(folder, CLOCK_LIBRARY) : NULL;
    enum status status = library && copy ? folder_make(folder, 0755, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = file_read(library, CLOCK_LIBRARY_BYTES, &bytes, why);
    if (status == STATUS_OK)
        status = file_publish(copy, bytes.bytes, bytes.count, 0755, why);
    if (status == STATUS_OK)
        status = lab_clock_set(lab, number, lab->plan.clients[number].clock_skew_us, why);
    buffer_free(&bytes);
    free(copy);
    free(library);
    return status;
}

static enum status client_setup(struct lab *lab, int number, struct why *why)
{
    const struct lab_client *client = &lab->plan.clients[number];
    struct client_network *network = &lab->clients[number];
    struct client_setup_args args = {.client = client,
                                     .avoids_tun = lab->plan.avoids_tun,
                                     .has_ipv6 = lab->has_ipv6,
                                     .out_device = &network->device};
    char name[32], line[80];
    snprintf(name, sizeof name, "resolv-%d.conf", number);
    int line_bytes = snprintf(line, sizeof line, "nameserver %s\n", client->resolver);
    network->resolv_conf = lab_file(lab, name);
    if (!network->resolv_conf)
        return STATUS_NO_MEMORY;
    enum status status = file_publish(network->resolv_conf, line, (size_t)line_bytes, 0644, why);
    if (status == STATUS_OK)
        status = namespace_network_open(&network->network_fd, why);
    if (status == STATUS_OK)
        status = namespace_network_in(network->network_fd, client_setup_inside, &args, why);
    if (status == STATUS_OK)
        status = clock_setup(lab, number, why);
    return status;
}

static enum status box_setup(struct lab *lab, struct why *why)
{
    struct box_client clients[PATH_CLIENTS_MAX] = {0};
    for (int i = 0; i < lab->plan.client_count; i++) {
        const struct lab_client *client = &lab->plan.clients[i];
        clients[i].device = lab->clients[i].device;
        clients[i].path.up = client->up;
        clients[i].path.down = client->down;
        ip_parse(client->address, &clients[i].path.addresses[0]);
        ip_parse(client->gateway, &clients[i].path.gateways[0]);
        ip_parse(client->address6, &clients[i].path.addresses[1]);
        ip_parse(client->gateway6, &clients[i].path.gateways[1]);
    }
    char *truth = lab_file(lab, "truth.jsonl");
    struct box_plan plan = {
        .clients = clients,
        .client_count = lab->plan.client_count,
        .world = lab->world,
        .seed = lab->plan.seed,
        .truth_path = truth,
    };
    enum status status = truth ? box_start(&plan, &lab->box, why) : STATUS_NO_MEMORY;
    free(truth);
    return status;
}

static enum status anchors_publish(const struct lab *lab, struct why *why)
{
    struct buffer text = {0};
    internet_anchors(&text);
    char *path = lab_file(lab, "anchors.csv");
    enum status status = STATUS_NO_MEMORY;
    if (path && !text.failed)
        status = file_publish(path, text.bytes, text.count, 0644, why);
    free(path);
    buffer_free(&text);
    return status;
}

static enum status lab_setup(struct lab *lab, struct why *why)
{
    enum status status = world_setup(lab, why);
    for (int i = 0; i < lab->plan.client_count && status == STATUS_OK; i++)
        status = client_setup(lab, i, why);
    if (status == STATUS_OK)
        status = box_setup(lab, why);
    if (status == STATUS_OK)
        status = anchors_publish(lab, why);
    struct servers_plan plan = {
        .folder = lab->plan.folder,
        .programs = lab->plan.programs,
        .bin_us = lab->plan.bin_us,
        .has_collector = lab->plan.has_collector,
        .has_quic = lab->plan.has_quic,
        .clean = lab->plan.clean,
        .has_ipv6 = lab->has_ipv6,
    };
    if (status == STATUS_OK)
        status = servers_start(&plan, &lab->servers, why);
    return status;
}

enum status lab_open(const struct lab_plan *plan, struct lab **out, struct why *why)
{
    if (plan->client_count > PATH_CLIENTS_MAX) {
        why_set(why, "%d clients are too many; %d is the most", plan->client_count, PATH_CLIENTS_MAX);
        return STATUS_TOO_LARGE;
    }
    struct lab *lab = calloc(1, sizeof *lab);
    if (!lab)
        return STATUS_NO_MEMORY;
    lab->plan = *plan;
    lab->world = (struct device)DEVICE_NONE;
    for (int i = 0; i < PATH_CLIENTS_MAX; i++)
        lab->clients[i] = (struct client_network){.network_fd = -1, .device = DEVICE_NONE};
    enum status status = lab_setup(lab, why);
    if (status != STATUS_OK) {
        lab_close(lab);
        return status;
    }
    *out = lab;
    return STATUS_OK;
}

void lab_close(struct lab *lab)
{
    if (!lab)
        return;
    servers_stop(lab->servers);
    box_stop(lab->box);
    for (int i = 0; i < lab->plan.client_count; i++) {
        device_close(&lab->clients[i].device);
        if (lab->clients[i].network_fd >= 0)
            close(lab->clients[i].network_fd);
        free(lab->clients[i].resolv_conf);
        free(lab->clients[i].clock_folder);
    }
    device_close(&lab->world);
    free(lab);
}

struct box *lab_box(struct lab *lab)
{
    return lab->box;
}

char *lab_file(const struct lab *lab, const char *name)
{
    return path_join(lab->plan.folder, name);
}

char *lab_program(const struct lab *lab, const char *name)
{
    return path_join(lab->plan.programs, name);
}

struct child_plan lab_child(const struct lab *lab, int client)
{
    if (client < 0)
        return (struct child_plan){.network_fd = -1};
    return (struct child_plan){
        .network_fd = lab->clients[client].network_fd,
        .resolv_conf = lab->clients[client].resolv_conf,
        .clock_folder = lab->clients[client].clock_folder,
    };
}

/* Written in place: programs that run have the file mapped. */
enum status lab_clock_set(struct lab *lab, int client, int64_t skew_us, struct why *why)
{
    const char *folder = lab->clients[client].clock_folder;
    char *path = folder ? path_join(folder, "skew") : NULL;
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644) : -1;
    bool is_written = fd >= 0 && pwrite(fd, &skew_us, sizeof skew_us, 0) == (ssize_t)sizeof skew_us;
    if (!is_written)
        why_set(why, "cannot set a client's clock in %s: %s", path ? path : "(it has none)", strerror(errno));
    if (fd >= 0)
        close(fd);
    free(path);
    return is_written ? STATUS_OK : STATUS_IO;
}

int lab_client_find(const struct lab *lab, const char *name)
{
    for (int i = 0; i < lab->plan.client_count; i++)
        if (strcmp(lab->plan.clients[i].name, name) == 0)
            return i;
    return -1;
}

enum status lab_zones_set(struct lab *lab, const struct zone_changes *changes, struct why *why)
{
    return servers_zones_set(lab->servers, changes, why);
}

enum status lab_collector_stop(struct lab *lab, int *out_exit)
{
    return servers_collector_stop(lab->servers, out_exit);
}
