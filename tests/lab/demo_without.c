/* The part of the demo that needs no namespaces: page, collector and one probe on the loopback device, and
 * the site. Owner: a run owns its folder and its children. Why: the line can still be shown from list to site
 * where a system forbids emulated networks; the censor cannot. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "tests/lab/child.h"
#include "tests/lab/demo.h"
#include "tests/lab/workspace.h"

#define ANSWER_PATIENCE_US (20 * US_PER_S)
#define STOP_PATIENCE_US   (5 * US_PER_S)
#define TEXT_BYTES         600
#define REGIONS_BYTES_MAX  (1u << 20)

struct local_demo {
    const char *out;
    const char *programs;
    char *folder;
    uint16_t page_port;
    uint16_t collector_port;
    pid_t page;
    pid_t collector;
};

/* A port that is free at this moment; 0 where there is none. */
static uint16_t port_find(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    bool is_bound = bind(fd, (const struct sockaddr *)&address, length) == 0 &&
                    getsockname(fd, (struct sockaddr *)&address, &length) == 0;
    close(fd);
    return is_bound ? ntohs(address.sin_port) : 0;
}

static bool port_answers(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool is_open = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return is_open;
}

static enum status port_await(const char *who, pid_t pid, uint16_t port, struct why *why)
{
    int64_t end_us = monotonic_us() + ANSWER_PATIENCE_US;
    int exit_code = 0;
    while (!port_answers(port)) {
        if (child_wait(pid, 10 * US_PER_MS, &exit_code) == STATUS_OK || monotonic_us() > end_us) {
            why_set(why, "%s does not answer on 127.0.0.1 port %d", who, port);
            return STATUS_IO;
        }
    }
    return STATUS_OK;
}

static enum status file_put(const struct local_demo *demo, const char *name, const char *text,
                            struct why *why)
{
    char *path = path_join(demo->folder, name);
    enum status status = path ? file_publish(path, text, strlen(text), 0644, why) : STATUS_NO_MEMORY;
    free(path);
    return status;
}

static enum status page_start(struct local_demo *demo, struct why *why)
{
    const char *at = demo->folder;
    struct buffer text = {0};
    buffer_printf(
        &text,
        "daemon off;\nmaster_process off;\npid %s/nginx.pid;\nerror_log %s/nginx.log warn;\n"
        "events {}\nhttp { access_log off; default_type text/html;\n"
        "client_body_temp_path %s/t; proxy_temp_path %s/t; fastcgi_temp_path %s/t; uwsgi_temp_path %s/t;\n"
        "scgi_temp_path %s/t; server { listen 127.0.0.1:%d; root %s; } }\n",
        at, at, at, at, at, at, at, demo->page_port, at);
    char *configuration = buffer_take_text(&text);
    char *path = path_join(at, "nginx.conf");
    char *log = path_join(at, "nginx.log");
    enum status status = configuration && path && log ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = file_put(demo, "nginx.conf", configuration, why);
    if (status == STATUS_OK)
        status =
            file_put(demo, "index.html", "<!doctype html><title>A page</title><p>It is there.</p>\n", why);
    const char *const argv[] = {"nginx", "-p", at, "-c", path, "-e", log, NULL};
    struct child_plan plan = {.argv = argv, .network_fd = -1, .output = log, .error = log};
    if (status == STATUS_OK)
        status = child_start(&plan, &demo->page, why);
    if (status == STATUS_OK)
        status = port_await("nginx", demo->page, demo->page_port, why);
    free(log);
    free(path);
    free(configuration);
    return status;
}

static enum status collector_start(struct local_demo *demo, struct why *why)
{
    char listen[64];
    snprintf(listen, sizeof listen, "127.0.0.1:%d", demo->collector_port);
    char *program = path_join(demo->programs, "dialtone-collector");
    char *data = path_join(demo->folder, "data");
    char *log = path_join(demo->folder, "collector.log");
    const char *const argv[] = {
        program, "serve", "--data", data, "--bin", "2s", "--listen", listen, "--allow-private-targets", NULL};
    struct child_plan plan = {.argv = argv, .network_fd = -1, .output = log, .error = log};
    enum status status =
        program && data && log ? child_start(&plan, &demo->collector, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = port_await("dialtone-collector", demo->collector, demo->collector_port, why);
    free(log);
    free(data);
    free(program);
    return status;
}

static enum status probe_run(struct local_demo *demo, const char *log, struct why *why)
{
    char collector[64], text[TEXT_BYTES], anchors_text[TEXT_BYTES];
    char *state = path_join(demo->folder, "probe");
    char *anchors = path_join(demo->folder, "anchors.csv");
    char *targets = path_join(demo->folder, "targets.csv");
    snprintf(collector, sizeof collector, "http://127.0.0.1:%d", demo->collector_port);
    snprintf(text, sizeof text,
             "url,category_code,category_description,date_added,source,notes\n"
             "http://127.0.0.1:%d/,MISC,Miscellaneous,2026-01-01,dialtone lab,\n",
             demo->page_port);
    snprintf(anchors_text, sizeof anchors_text, "kind,operator,host,port\nforeign,lab,127.0.0.1,%d\n",
             demo->page_port);
    const char *const consent[] = {"consent", "--state", state, "--yes-i-understand-the-risks", NULL};
    const char *const run[] = {"run",       "--state", state,        "--collector", collector,
                               "--targets", targets,   "--rounds",   "1",           "--allow-private-targets",
                               "--timeout", "2s",      "--country",  "XD",          "--subdivision",
                               "XD-N",      "--asn",   "64500",      "--access",    "fixed",
                               "--anchors", anchors,   "--resolver", "127.0.0.1:9", "--risk", "high", NULL};
    enum status status =
        state && targets && anchors ? file_put(demo, "targets.csv", text, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = file_put(demo, "anchors.csv", anchors_text, why);
    if (status == STATUS_OK)
        status = demo_program_run(demo->programs, "dialtone-probe", consent, log, why);
    if (status == STATUS_OK)
        status = demo_program_run(demo->programs, "dialtone-probe", run, log, why);
    free(anchors);
    free(targets);
    free(state);
    return status;
}

/* The region must stand in the export: the bundle came through. */
static enum status region_check(const struct local_demo *demo, struct why *why)
{
    struct buffer bytes = {0};
    json_t *document = NULL;
    char *path = path_join(demo->out, "export/regions.json");
    enum status status = path ? file_read(path, REGIONS_BYTES_MAX, &bytes, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = json_read((const char *)bytes.bytes, bytes.count, &document, why);
    const json_t *regions = json_member_array(document, "regions");
    size_t found_count = 0;
    for (size_t i = 0; i < json_array_size(regions); i++) {
        const char *code = json_member_text(json_array_get(regions, i), "region");
        found_count += code && strcmp(code, "XD-N") == 0;
    }
    if (status == STATUS_OK && found_count != 1) {
        why_set(why, "the probe's region XD-N is not in the export; the bundle did not come through");
        status = STATUS_NOT_FOUND;
    }
    json_decref(document);
    buffer_free(&bytes);
    free(path);
    return status;
}

static enum status local_run(struct local_demo *demo, struct why *why)
{
    demo->page_port = port_find();
    demo->collector_port = port_find();
    char *data = path_join(demo->folder, "data");
    char *log = path_join(demo->folder, "programs.log");
    enum status status = data && log ? page_start(demo, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = collector_start(demo, why);
    if (status == STATUS_OK)
        status = probe_run(demo, log, why);
    int exit_code = child_stop(demo->collector, STOP_PATIENCE_US);
    child_stop(demo->page, STOP_PATIENCE_US);
    if (status == STATUS_OK && exit_code != 0) {
        why_set(why, "dialtone-collector ended with status %d; read its log in %s", exit_code, demo->folder);
        status = STATUS_IO;
    }
    if (status == STATUS_OK)
        status = demo_report(demo->programs, data, demo->out, log, why);
    if (status == STATUS_OK)
        status = region_check(demo, why);
    free(log);
    free(data);
    return status;
}

enum exit_status demo_without_namespaces(const char *out, const char *programs)
{
    struct local_demo demo = {.out = out, .programs = programs};
    struct why why = {0};
    fprintf(
        stderr,
        "dialtone-lab: running the part that needs no namespaces: a page, a collector and one probe on the "
        "loopback device; no censor, no regions apart\n");
    enum status status = programs ? folder_make(out, 0755, &why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = workspace_make(&demo.folder, &why);
    if (status == STATUS_OK)
        status = local_run(&demo, &why);
    if (status == STATUS_OK) {
        printf(
            "The site:  %s/site/index.html\n"
            "One probe measured one page, its signed bundle was receipted, and the site shows its region.\n"
            "NOT shown, for this system allows no network namespaces: the four phases and whether they are "
            "found.\n",
            out);
        workspace_clear(demo.folder);
    } else {
        fprintf(stderr, "dialtone-lab: demo failed: %s; logs are kept in %s\n",
                why.text[0] ? why.text : status_name(status), demo.folder ? demo.folder : "no folder");
    }
    free(demo.folder);
    return status == STATUS_OK ? EXIT_NOTHING_WRONG : EXIT_OWN_FAILURE;
}
