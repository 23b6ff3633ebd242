/* The servers of the emulated Internet.
 * Owner: the caller owns the handle; the processes end with it or with the caller.
 * Why: what a probe meets here are the programs that it meets outside. */
#include "tests/lab/servers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "tests/lab/backend.h"
#include "tests/lab/certificates.h"
#include "tests/lab/child.h"
#include "tests/lab/internet.h"

#define RESOLVERS_MAX      16
#define QUIC_SERVERS_MAX   4
#define ANSWER_PATIENCE_US (INT64_C(300) * US_PER_S) /* a thousand certificates are read in, maybe on a busy machine */
#define STOP_PATIENCE_US   (60 * US_PER_S)
#define DAY_S              86400
#define BIN_TEXT_BYTES     32
#define LARGE_NOISE_BYTES  (2u << 20)
#define PATH_BYTES         512

#define STREAM_MODULE "/usr/lib/nginx/modules/ngx_stream_module.so"
#define EXPIRY_S      INT64_C(1492646399) /* 2017-04-19T23:59:59Z */

struct servers {
    struct servers_plan plan;
    struct zone_changes zones;
    pid_t resolvers[RESOLVERS_MAX];
    pid_t web;
    pid_t quic[QUIC_SERVERS_MAX];
    pid_t own;
    pid_t collector;
};

static enum status text_publish(const char *folder, const char *name, struct buffer *text, struct why *why)
{
    char *path = path_join(folder, name);
    enum status status = STATUS_NO_MEMORY;
    if (path && !text->failed)
        status = file_publish(path, text->bytes, text->count, 0644, why);
    free(path);
    buffer_free(text);
    return status;
}

/* Noise as far as anybody reads, and a hole behind it that takes no room on the disk. */
static enum status large_page_publish(const char *folder, struct why *why)
{
    struct buffer noise = {0};
    uint8_t *bytes = buffer_reserve(&noise, LARGE_NOISE_BYTES);
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; bytes && i < LARGE_NOISE_BYTES; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[i] = (uint8_t)(state >> 56);
    }
    noise.count = bytes ? LARGE_NOISE_BYTES : 0;
    enum status status = text_publish(folder, "index.html", &noise, why);
    char *path = path_join(folder, "index.html");
    if (status == STATUS_OK && (!path || truncate(path, INTERNET_LARGE_BYTES) != 0)) {
        why_set(why, "cannot make a page of 32 MiB below %s: %s", folder, strerror(errno));
        status = STATUS_IO;
    }
    free(path);
    return status;
}

static enum status site_page_publish(const struct site *site, const char *folder, struct why *why)
{
    char stem[SITE_STEM_BYTES], site_folder[PATH_BYTES];
    internet_site_stem(site, stem);
    snprintf(site_folder, sizeof site_folder, "%s/www-%s", folder, stem);
    enum status status = folder_make(site_folder, 0755, why);
    if (status != STATUS_OK)
        return status;
    if (site->page == SITE_LARGE)
        return large_page_publish(site_folder, why);
    struct buffer page = {0};
    internet_page(site, &page);
    status = text_publish(site_folder, "index.html", &page, why);
    if (status != STATUS_OK || site->page != SITE_CAPTCHA)
        return status;
    internet_captcha(&page);
    return text_publish(site_folder, "captcha.html", &page, why);
}

static enum status leaf_publish(struct authority *authority, const struct certificate_plan *plan,
                                const char *folder, const char *stem, struct why *why)
{
    char certificate[PATH_BYTES], key[PATH_BYTES];
    snprintf(certificate, sizeof certificate, "%s/%s.crt", folder, stem);
    snprintf(key, sizeof key, "%s/%s.key", folder, stem);
    return certificate_publish(authority, plan, certificate, key, why);
}

static struct certificate_plan certificate_of(const struct site *site, int64_t now_s)
{
    int64_t end_s = site->certificate == CERTIFICATE_EXPIRED ? EXPIRY_S : now_s + 30 * DAY_S;
    int64_t start_s = site->certificate == CERTIFICATE_EXPIRED ? EXPIRY_S - 90 * DAY_S : now_s - DAY_S;
    return (struct certificate_plan){.names = site->certificate_names ? site->certificate_names : site->names,
                                     .start_s = start_s,
                                     .end_s = end_s};
}

static enum status sites_publish(const struct servers *servers, struct authority *trusted,
                                 struct authority *untrusted, int64_t now_s, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < internet_site_count && status == STATUS_OK; i++) {
        const struct site *site = &internet_sites[i];
        const struct certificate_plan plan = certificate_of(site, now_s);
        char stem[SITE_STEM_BYTES];
        internet_site_stem(site, stem);
        if (site->page != SITE_RESOLVER && site->page != SITE_PLAIN)
            status = site_page_publish(site, servers->plan.folder, why);
        if (status == STATUS_OK && site->has_tls)
            status = leaf_publish(site->certificate == CERTIFICATE_UNTRUSTED ? untrusted : trusted, &plan,
                                  servers->plan.folder, stem, why);
    }
    return status;
}

/* A certificate for each clean target, by an authority that all trust or by one in between. */
static enum status clean_publish(const struct servers *servers, struct authority *trusted, int64_t now_s,
                                 struct why *why)
{
    const struct clean_plan *clean = &servers->plan.clean;
    struct authority *between = NULL;
    enum status status = authority_issue(trusted, "Lab CA in between", now_s, &between, why);
    for (int i = 0; i < clean->count && status == STATUS_OK; i++) {
        const struct clean_target target = clean_target_of(clean->seed, i);
        struct buffer text = {0};
        char stem[32];
        clean_certificate_names(&target, &text);
        char *names = buffer_take_text(&text);
        const struct certificate_plan plan = {
            .names = names, .start_s = now_s - DAY_S, .end_s = now_s + 30 * DAY_S, .key = target.key};
        snprintf(stem, sizeof stem, "clean-%d", i);
        status = names ? leaf_publish(target.has_intermediate ? between : trusted, &plan,
                                      servers->plan.folder, stem, why)
                       : STATUS_NO_MEMORY;
        free(names);
    }
    authority_free(between);
    struct buffer list = {0};
    clean_list(clean, &list);
    if (status == STATUS_OK && clean->count > 0)
        status = text_publish(servers->plan.folder, "clean.csv", &list, why);
    buffer_free(&list);
    return status;
}

static enum status files_publish(const struct servers *servers, struct why *why)
{
    struct clock clock = clock_system();
    int64_t now_s = clock_wall_us(&clock) / US_PER_S;
    const char *folder = servers->plan.folder;
    struct authority *trusted = NULL;
    struct authority *untrusted = NULL;
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/ca.pem", folder);
    enum status status = authority_make("Dialtone Lab CA", now_s, &trusted, why);
    if (status == STATUS_OK)
        status = authority_make("Unknown Lab CA", now_s, &untrusted, why);
    if (status == STATUS_OK)
        status = authority_publish(trusted, path, why);
    if (status == STATUS_OK)
        status = sites_publish(servers, trusted, untrusted, now_s, why);
    if (status == STATUS_OK && servers->plan.clean.count > 0)
        status = clean_publish(servers, trusted, now_s, why);
    const struct certificate_plan collector = {.names = INTERNET_COLLECTOR_NAME
                                               " api.ooni.io " INTERNET_COLLECTOR_ADDRESS,
                                               .start_s = now_s - DAY_S,
                                               .end_s = now_s + 30 * DAY_S};
    if (status == STATUS_OK)
        status = leaf_publish(trusted, &collector, folder, "collector", why);
    struct buffer nginx = {0};
    internet_nginx(folder, servers->plan.has_ipv6, access(STREAM_MODULE, R_OK) == 0 ? STREAM_MODULE : NULL,
                   &servers->plan.clean, &nginx);
    if (status == STATUS_OK)
        status = text_publish(folder, "nginx.conf", &nginx, why);
    buffer_free(&nginx);
    authority_free(untrusted);
    authority_free(trusted);
    return status;
}

static enum status server_start(const char *const *argv, const char *log, pid_t *out_pid, struct why *why)
{
    struct child_plan plan = {.argv = argv, .network_fd = -1, .output = log, .error = log};
    return child_start(&plan, out_pid, why);
}

static enum status resolver_start(const struct servers *servers, const struct resolver *resolver,
                                  pid_t *out_pid, struct why *why)
{
    char name[64], option[PATH_BYTES], log[PATH_BYTES];
    struct buffer text = {0};
    internet_dnsmasq(resolver, servers->plan.has_ipv6, &servers->zones, &servers->plan.clean, &text);
    snprintf(name, sizeof name, "dnsmasq-%s.conf", resolver->name);
    snprintf(option, sizeof option, "--conf-file=%s/%s", servers->plan.folder, name);
    snprintf(log, sizeof log, "%s/dnsmasq-%s.log", servers->plan.folder, resolver->name);
    enum status status = text_publish(servers->plan.folder, name, &text, why);
    const char *const argv[] = {"dnsmasq", "--no-daemon", option, NULL};
    return status == STATUS_OK ? server_start(argv, log, out_pid, why) : status;
}

static enum status web_start(struct servers *servers, struct why *why)
{
    char configuration[PATH_BYTES], log[PATH_BYTES];
    snprintf(configuration, sizeof configuration, "%s/nginx.conf", servers->plan.folder);
    snprintf(log, sizeof log, "%s/nginx.log", servers->plan.folder);
    const char *const argv[] = {"nginx", "-p", servers->plan.folder, "-c", configuration, "-e", log, NULL};
    return server_start(argv, log, &servers->web, why);
}

const char *servers_quic_program(void)
{
    static const char *const places[] = {"/usr/sbin/gtlsserver", "/usr/bin/gtlsserver"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

/* Debian's ngtcp2-server beside nginx, with the site's certificate and pages. */
static enum status quic_site_start(const struct servers *servers, const struct site *site, pid_t *out_pid,
                                   struct why *why)
{
    char stem[SITE_STEM_BYTES], certificate[PATH_BYTES], key[PATH_BYTES], pages[PATH_BYTES], log[PATH_BYTES];
    const char *folder = servers->plan.folder;
    internet_site_stem(site, stem);
    snprintf(certificate, sizeof certificate, "%s/%s.crt", folder, stem);
    snprintf(key, sizeof key, "%s/%s.key", folder, stem);
    snprintf(pages, sizeof pages, "%s/www-%s", folder, stem);
    snprintf(log, sizeof log, "%s/quic-%s.log", folder, stem);
    const char *const argv[] = {
        servers_quic_program(), "-q", "-d", pages, site->address, "443", key, certificate, NULL};
    if (argv[0])
        return server_start(argv, log, out_pid, why);
    why_set(why, "no QUIC server is installed; install the package ngtcp2-server");
    return STATUS_NOT_FOUND;
}

static enum status quic_start(struct servers *servers, struct why *why)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    for (size_t i = 0; i < internet_site_count && status == STATUS_OK; i++)
        if (internet_sites[i].has_quic && count < QUIC_SERVERS_MAX)
            status = quic_site_start(servers, &internet_sites[i], &servers->quic[count++], why);
    return status;
}

static enum status collector_start(struct servers *servers, struct why *why)
{
    const char *folder = servers->plan.folder;
    char program[PATH_BYTES], data[PATH_BYTES], bin[BIN_TEXT_BYTES], ca[PATH_BYTES], certificate[PATH_BYTES];
    char key[PATH_BYTES], log[PATH_BYTES];
    snprintf(program, sizeof program, "%s/dialtone-collector", servers->plan.programs);
    snprintf(data, sizeof data, "%s/data", folder);
    snprintf(bin, sizeof bin, "%llds", (long long)(servers->plan.bin_us / US_PER_S));
    snprintf(ca, sizeof ca, "%s/ca.pem", folder);
    snprintf(certificate, sizeof certificate, "%s/collector.crt", folder);
    snprintf(key, sizeof key, "%s/collector.key", folder);
    snprintf(log, sizeof log, "%s/collector.log", folder);
    const char *const argv[] = {program,
                                "serve",
                                "--data",
                                data,
                                "--bin",
                                bin,
                                "--listen",
                                INTERNET_COLLECTOR_ADDRESS ":443",
                                "--cert",
                                certificate,
                                "--key",
                                key,
                                "--ca-file",
                                ca,
                                "--resolver",
                                INTERNET_PUBLIC_RESOLVER,
                                "--allow-private-targets",
                                NULL};
    return server_start(argv, log, &servers->collector, why);
}

/* Whether somebody accepts TCP connections there. */
static bool accepts(const char *address, uint16_t port)
{
    struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, address, &target.sin_addr) != 1) {
        close(fd);
        return false;
    }
    bool is_open = connect(fd, (const struct sockaddr *)&target, sizeof target) == 0;
    close(fd);
    return is_open;
}

static enum status await(const char *who, pid_t pid, const char *address, uint16_t port, struct why *why)
{
    int64_t deadline_us = monotonic_us() + ANSWER_PATIENCE_US;
    int exit_code = 0;
    while (!accepts(address, port)) {
        if (child_wait(pid, 10 * US_PER_MS, &exit_code) == STATUS_OK) {
            why_set(why, "%s ended with status %d before it answered; read its log in the lab's folder", who,
                    exit_code);
            return STATUS_IO;
        }
        if (monotonic_us() > deadline_us) {
            why_set(why, "%s does not answer on %s port %d; read its log in the lab's folder", who, address,
                    port);
            return STATUS_TIMEOUT;
        }
    }
    return STATUS_OK;
}

static enum status resolver_await(const struct servers *servers, size_t number, struct why *why)
{
    char address[64];
    sscanf(internet_resolvers[number].addresses, " %63s", address);
    return await("dnsmasq", servers->resolvers[number], address, 53, why);
}

static enum status all_await(const struct servers *servers, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < internet_resolver_count && status == STATUS_OK; i++)
        status = resolver_await(servers, i, why);
    if (status == STATUS_OK)
        status = await("nginx", servers->web, internet_sites[0].address, 443, why);
    if (status == STATUS_OK)
        status = await("the lab's own server", servers->own, BACKEND_ADDRESS, BACKEND_DNS_PORT, why);
    if (status == STATUS_OK && servers->plan.has_collector)
        status = await("dialtone-collector", servers->collector, INTERNET_COLLECTOR_ADDRESS, 443, why);
    return status;
}

enum status servers_start(const struct servers_plan *plan, struct servers **out, struct why *why)
{
    struct servers *servers = calloc(1, sizeof *servers);
    if (!servers)
        return STATUS_NO_MEMORY;
    servers->plan = *plan;
    enum status status =
        internet_resolver_count <= RESOLVERS_MAX ? files_publish(servers, why) : STATUS_TOO_LARGE;
    for (size_t i = 0; i < internet_resolver_count && status == STATUS_OK; i++)
        status = resolver_start(servers, &internet_resolvers[i], &servers->resolvers[i], why);
    if (status == STATUS_OK)
        status = web_start(servers, why);
    if (status == STATUS_OK)
        status = backend_start(&plan->clean, &servers->own, why);
    if (status == STATUS_OK && plan->has_quic)
        status = quic_start(servers, why);
    if (status == STATUS_OK && plan->has_collector)
        status = collector_start(servers, why);
    if (status == STATUS_OK)
        status = all_await(servers, why);
    if (status != STATUS_OK) {
        servers_stop(servers);
        return status;
    }
    *out = servers;
    return STATUS_OK;
}

void servers_stop(struct servers *servers)
{
    if (!servers)
        return;
    child_stop(servers->collector, STOP_PATIENCE_US);
    child_stop(servers->own, 0);
    for (size_t i = 0; i < QUIC_SERVERS_MAX; i++)
        child_stop(servers->quic[i], 0);
    child_stop(servers->web, STOP_PATIENCE_US);
    for (size_t i = 0; i < RESOLVERS_MAX; i++)
        child_stop(servers->resolvers[i], STOP_PATIENCE_US);
    free(servers);
}

static bool zones_concern(const struct zone_changes *changes, int whose)
{
    for (size_t i = 0; i < changes->count; i++)
        if ((changes->changes[i].whose & whose) != 0)
            return true;
    return false;
}

enum status servers_zones_set(struct servers *servers, const struct zone_changes *changes, struct why *why)
{
    struct zone_changes before = servers->zones;
    servers->zones = *changes;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < internet_resolver_count && status == STATUS_OK; i++) {
        int whose = internet_resolvers[i].whose;
        if (!zones_concern(&before, whose) && !zones_concern(changes, whose))
            continue;
        child_stop(servers->resolvers[i], STOP_PATIENCE_US);
        servers->resolvers[i] = 0;
        status = resolver_start(servers, &internet_resolvers[i], &servers->resolvers[i], why);
        if (status == STATUS_OK)
            status = resolver_await(servers, i, why);
    }
    return status;
}

enum status servers_collector_stop(struct servers *servers, int *out_exit)
{
    if (servers->collector <= 0)
        return STATUS_NOT_FOUND;
    *out_exit = child_stop(servers->collector, STOP_PATIENCE_US);
    servers->collector = 0;
    return STATUS_OK;
}
