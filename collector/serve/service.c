/* The service as a whole: what all loops share, its threads, its signals, its end.
 * Owner: the service owns everything in it but the folder and the configuration.
 * Plan of the end: 1 no loop takes connections, and each stops once it has answered, 2 the pipeline stores what it has,
 * 3 the judge ends, 4 what the loops own is freed, with no thread left. */
#include "collector/serve/service.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "collector/serve/parts.h"

#define MAPPED_FROM_BYTES (4 << 20)

struct drain_mail {
    struct mail mail;
    struct server *server;
};

/* What was large goes back to the system once it is free: malloc's own rule keeps as much as was ever used. */
static void memory_settle(void)
{
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
    mallopt(M_TRIM_THRESHOLD, 2 * MAPPED_FROM_BYTES);
}

/* As many connections as the system lets us have. */
static void descriptors_raise(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* Threads started between the two leave our signals to the first loop. */
static void signals_hold(sigset_t *before)
{
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ours, before);
}

static int loop_count_of(const struct service_config *config)
{
    long count = config->loop_count > 0 ? config->loop_count : sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > SERVICE_LOOPS_MOST ? SERVICE_LOOPS_MOST : (int)count;
}

/* Who may send, and whom they seal to. */
static enum status trust_parts_open(struct service *service, struct why *why)
{
    const struct service_config *config = service->config;
    enum status status = trust_open(service->folder, &config->trust, false, &service->trust, why);
    service->policy = (struct ingest_policy){trust_admit, service->trust};
    if (status != STATUS_OK) {
        return status;
    }
    status = identity_settle(service->folder, &service->recipient, why);
    service->has_recipient = status == STATUS_OK;
    service->is_offline = status == STATUS_NOT_FOUND;
    if (service->is_offline && config->recipient) {
        status = age_recipient_parse(config->recipient, &service->recipient);
        service->has_recipient = status == STATUS_OK;
        why_set(why, "--recipient is the public half of an age identity, \"age1...\"; age-keygen -y prints it");
        return status == STATUS_OK ? STATUS_OK : STATUS_USAGE;
    }
    return service->is_offline ? STATUS_OK : status;
}

static enum status shared_open(struct service *service, struct why *why)
{
    const struct service_config *config = service->config;
    enum status status = collector_folder_key(service->folder, &service->key, why);
    public_key_name(&service->key.public_key, service->key_name);
    if (status == STATUS_OK) {
        status = geo_open(config->geo_path, config->asn_path, &service->geo, why);
    }
    if (status == STATUS_OK && config->certificate_path) {
        status = tls_server_open(config->certificate_path, config->key_path, &service->tls, why);
    }
    return status == STATUS_OK ? trust_parts_open(service, why) : status;
}

static enum status parts_open(struct service *service, struct why *why)
{
    struct pipeline_settings settings = {.folder = service->folder,
                                         .policy = &service->policy,
                                         .worker_count = service->config->loop_count};
    enum status status = shared_open(service, why);
    for (int i = 0; i < service->server_count && status == STATUS_OK; i++) {
        status = server_open(service, &service->servers[i], why);
    }
    if (status == STATUS_OK) {
        status = pipeline_open(&settings, &service->pipeline, why);
    }
    if (status == STATUS_OK) {
        status = log_keeper_open(service, &service->log, why);
    }
    if (status == STATUS_OK) {
        status = judge_open(service, &service->judge, why);
    }
    if (status == STATUS_OK) {
        status = offloader_open(service, &service->offloader, why);
    }
    return status;
}

enum status service_open(const struct service_config *config, struct collector_folder *folder,
                         struct service **out, struct why *why)
{
    sigset_t before;
    struct service *service = calloc(1, sizeof *service);
    if (!service) {
        return STATUS_NO_MEMORY;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT); /* before there are threads */
    descriptors_raise();
    memory_settle();
    service->config = config;
    service->folder = folder;
    service->clock = clock_system();
    service->server_count = loop_count_of(config);
    signals_hold(&before);
    enum status status = parts_open(service, why);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status == STATUS_OK) {
        *out = service;
    } else {
        service_free(service);
    }
    return status;
}

static void drain_deliver(struct mail *mail)
{
    struct server *server = ((struct drain_mail *)mail)->server;
    server_drain(server);
    free(mail);
}

static void on_end_signal(evutil_socket_t number, short what, void *arg)
{
    struct service *service = arg;
    (void)number;
    (void)what;
    log_event(&service->config->log, LOG_LEVEL_INFO, "draining", "bundles=%zu",
              pipeline_count(service->pipeline));
    for (int i = 0; i < service->server_count; i++) {
        struct drain_mail *letter = calloc(1, sizeof *letter);
        if (letter) {
            *letter = (struct drain_mail){.mail.deliver = drain_deliver, .server = &service->servers[i]};
            mailbox_post(service->servers[i].mailbox, &letter->mail);
        }
    }
}

static void on_reload_signal(evutil_socket_t number, short what, void *arg)
{
    struct service *service = arg;
    struct why why = {""};
    (void)number;
    (void)what;
    enum status status = service->tls ? tls_server_reload(service->tls, &why) : STATUS_OK;
    log_event(&service->config->log, status == STATUS_OK ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "reloaded",
              "certificate=%s reason=\"%s\"", status_name(status), why.text);
}

static void *server_run(void *arg)
{
    struct server *server = arg;
    loop_run(server->loop);
    return NULL;
}

/* The first loop runs in this thread, the others in their own. */
static enum status loops_run(struct service *service)
{
    enum status status = STATUS_OK;
    sigset_t before;
    signals_hold(&before);
    for (int i = 1; i < service->server_count; i++) {
        struct server *server = &service->servers[i];
        server->is_running = pthread_create(&server->thread, NULL, server_run, server) == 0;
        status = server->is_running ? status : STATUS_NO_MEMORY;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status == STATUS_OK) {
        status = loop_run(service->servers[0].loop);
    } else {
        on_end_signal(SIGTERM, 0, service);
    }
    for (int i = 1; i < service->server_count; i++) {
        if (service->servers[i].is_running) {
            pthread_join(service->servers[i].thread, NULL);
            service->servers[i].is_running = false;
        }
    }
    return status;
}

static struct event *signal_watch(struct service *service, int number, event_callback_fn callback)
{
    struct event *event = evsignal_new(loop_base(service->servers[0].loop), number, callback, service);
    if (event) {
        evsignal_add(event, NULL);
    }
    return event;
}

enum status service_run(struct service *service)
{
    struct event *watches[] = {signal_watch(service, SIGTERM, on_end_signal),
                               signal_watch(service, SIGINT, on_end_signal),
                               signal_watch(service, SIGHUP, on_reload_signal)};
    signal(SIGPIPE, SIG_IGN);
    log_event(&service->config->log, LOG_LEVEL_INFO, "listening", "port=%d tls=%s loops=%d bin_length_s=%lld",
              service->port, service->tls ? "yes" : "no", service->server_count,
              (long long)service->folder->bin_length_s);
    enum status status = loops_run(service);
    for (size_t i = 0; i < sizeof watches / sizeof watches[0]; i++) {
        if (watches[i]) {
            event_free(watches[i]);
        }
    }
    log_event(&service->config->log, LOG_LEVEL_INFO, "stopped", "status=%s", status_name(status));
    return status;
}

int service_port(const struct service *service)
{
    return service->port;
}

void service_free(struct service *service)
{
    if (!service) {
        return;
    }
    pipeline_free(service->pipeline);
    judge_free(service->judge);
    offloader_free(service->offloader);
    log_keeper_free(service->log);
    trust_free(service->trust);
    for (int i = 0; i < service->server_count; i++) {
        server_free(&service->servers[i]);
    }
    tls_server_free(service->tls);
    geo_free(service->geo);
    secret_key_wipe(&service->key);
    free(service);
    curl_global_cleanup();
}
