/* Packets of the probe's own flows, through libpcap on the event loop.
 * Owner: a capture owns the pcap handle, the watch on it and the table of flows; capture_free.
 * Why: an injected packet never reaches a socket, so that only the wire shows it. */
#include "probe/capture/capture.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/bytes.h"
#include "probe/capture/flow_table.h"
#include "probe/capture/packet.h"

/* A whole packet of an Ethernet's length and its cooked header fit, and a ring frame is then 2048 bytes. */
#define SNAP_BYTES   1900
#define RING_BYTES   (2 << 20)
#define BATCH_COUNT  512 /* packets read before other events have their turn */
#define REST_US      (2 * US_PER_MS)
#define DRAIN_COUNT  4096 /* more than the ring holds */
#define HOSTS_MAX    16   /* addresses named in the kernel's filter; with more it does not name them */
#define FILTER_BYTES 1536

struct capture {
    struct loop *loop;
    struct clock clock;
    pcap_t *pcap; /* NULL: absent */
    int link_type;
    struct loop_watch *watch; /* only while flows are watched */
    struct loop_timer *rest;  /* while the watch is off for REST_US */
    struct flow_table *table;
    struct capture_counts counts;
    struct why absence;
};

static void on_packet(u_char *state, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct capture *capture = (struct capture *)state;
    struct packet packet;
    capture->counts.packet_count++;
    if (packet_decode(capture->link_type, bytes, header->caplen, &packet) == STATUS_OK) {
        int64_t at_us = (int64_t)header->ts.tv_sec * US_PER_S + header->ts.tv_usec;
        capture->counts.kept_count += flow_table_see(capture->table, &packet, at_us);
    }
}

static void on_rested(void *arg)
{
    struct capture *capture = arg;
    capture->rest = NULL;
    loop_watch_change(capture->watch, true, false);
}

/* A wake-up a packet would cost more than the packets: after each batch the ring fills for a while unwatched.
 */
static void on_readable(int fd, bool readable, bool writable, void *arg)
{
    struct capture *capture = arg;
    (void)fd;
    (void)readable;
    (void)writable;
    int count = pcap_dispatch(capture->pcap, BATCH_COUNT, on_packet, (u_char *)capture);
    if (count < BATCH_COUNT &&
        loop_after(capture->loop, REST_US, on_rested, capture, &capture->rest) == STATUS_OK) {
        loop_watch_change(capture->watch, false, false);
    }
}

/* Adds "host A or host B ..." of this machine; false where there are too many to name. */
static bool hosts_append(struct buffer *filter)
{
    struct ifaddrs *list = NULL;
    size_t count = 0;
    if (getifaddrs(&list) != 0) {
        return false;
    }
    for (const struct ifaddrs *one = list; one != NULL; one = one->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        int family = one->ifa_addr != NULL ? one->ifa_addr->sa_family : AF_UNSPEC;
        const void *bytes =
            family == AF_INET    ? (const void *)&((const struct sockaddr_in *)one->ifa_addr)->sin_addr
            : family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)one->ifa_addr)->sin6_addr
                                 : NULL;
        if (bytes != NULL && inet_ntop(family, bytes, text, sizeof text) != NULL) {
            buffer_printf(filter, "%shost %s", count == 0 ? "" : " or ", text);
            count++;
        }
    }
    freeifaddrs(list);
    return count > 0 && count <= HOSTS_MAX;
}

static enum status filter_set(struct capture *capture, const char *text)
{
    struct bpf_program program;
    if (pcap_compile(capture->pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        return STATUS_UNSUPPORTED;
    }
    int code = pcap_setfilter(capture->pcap, &program);
    pcap_freecode(&program);
    return code == 0 ? STATUS_OK : STATUS_IO;
}

/* The kernel passes TCP and UDP of this machine's own addresses: what it forwards for others is never read. A
 * filter of the ports in use would be narrower, but changing a filter empties the queue and would lose
 * packets of the flows that are already there; so it changes only between none and some. */
static enum status filter_open(struct capture *capture)
{
    struct buffer filter = {.limit = FILTER_BYTES};
    buffer_text(&filter, "(tcp or udp) and (");
    bool is_named = hosts_append(&filter);
    buffer_text(&filter, ")");
    char *text = buffer_take_text(&filter);
    enum status status = STATUS_UNSUPPORTED;
    if (is_named && text != NULL) {
        status = filter_set(capture, text);
    }
    free(text);
    return status == STATUS_OK ? STATUS_OK : filter_set(capture, "tcp or udp");
}

static enum status filter_close(struct capture *capture)
{
    static struct bpf_insn nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct bpf_program program = {.bf_len = 1, .bf_insns = nothing};
    return pcap_setfilter(capture->pcap, &program) == 0 ? STATUS_OK : STATUS_IO;
}

static void watch_free(struct capture *capture)
{
    if (capture->rest != NULL) {
        loop_timer_cancel(capture->rest);
        capture->rest = NULL;
    }
    loop_watch_free(capture->watch);
    capture->watch = NULL;
}

static void watch_stop(struct capture *capture)
{
    watch_free(capture);
    filter_close(capture);
}

static bool watch_start(struct capture *capture)
{
    if (filter_open(capture) != STATUS_OK) {
        return false;
    }
    return loop_watch(capture->loop, pcap_get_selectable_fd(capture->pcap), true, false, on_readable, capture,
                      &capture->watch) == STATUS_OK;
}

static struct flow *flow_begin(void *state, const struct flow_key *key)
{
    struct capture *capture = state;
    if (capture->pcap == NULL || (capture->watch == NULL && !watch_start(capture))) {
        return NULL;
    }
    struct flow *flow = flow_table_begin(capture->table, key, clock_wall_us(&capture->clock));
    if (flow == NULL && flow_table_count(capture->table) == 0) {
        watch_stop(capture);
    }
    return flow;
}

static json_t *flow_end(void *state, struct flow *flow, bool keep)
{
    struct capture *capture = state;
    if (flow == NULL) {
        return NULL;
    }
    if (keep) {
        /* What the kernel already has belongs to the flow; the loop may not have come to it yet. */
        pcap_dispatch(capture->pcap, DRAIN_COUNT, on_packet, (u_char *)capture);
    }
    json_t *packets = flow_table_end(capture->table, flow, keep);
    if (flow_table_count(capture->table) == 0) {
        watch_stop(capture);
    }
    return packets;
}

/* One sentence for the record: what is missing and what to do. */
static void absence_explain(struct capture *capture, int code, const char *device)
{
    if (code == PCAP_ERROR_PERM_DENIED) {
        why_set(&capture->absence, "no permission to capture packets on %s; grant CAP_NET_RAW to the probe",
                device);
    } else {
        const char *detail = capture->pcap != NULL ? pcap_geterr(capture->pcap) : "";
        why_set(&capture->absence, "cannot capture packets on %s: %.160s; check the interface", device,
                detail[0] != '\0' ? detail : pcap_statustostr(code));
    }
}

static int pcap_begin(struct capture *capture, const char *device)
{
    char problem[PCAP_ERRBUF_SIZE] = "";
    capture->pcap = pcap_create(device, problem);
    if (capture->pcap == NULL) {
        return PCAP_ERROR;
    }
    pcap_set_snaplen(capture->pcap, SNAP_BYTES);
    pcap_set_immediate_mode(capture->pcap, 1);
    pcap_set_buffer_size(capture->pcap, RING_BYTES);
    int code = pcap_activate(capture->pcap);
    if (code < 0) {
        return code;
    }
    if (pcap_setnonblock(capture->pcap, 1, problem) != 0 || pcap_get_selectable_fd(capture->pcap) < 0 ||
        filter_close(capture) != STATUS_OK) {
        return PCAP_ERROR;
    }
    capture->link_type = pcap_datalink(capture->pcap);
    return 0;
}

enum status capture_open(struct loop *loop, const struct clock *clock, const char *interface,
                         struct capture **out, struct why *why)
{
    const char *device = interface != NULL ? interface : "any";
    struct capture *capture = calloc(1, sizeof *capture);
    if (capture == NULL || flow_table_open(&capture->table) != STATUS_OK) {
        free(capture);
        return STATUS_NO_MEMORY;
    }
    capture->loop = loop;
    capture->clock = *clock;
    int code = pcap_begin(capture, device);
    if (code < 0) {
        absence_explain(capture, code, device);
        if (capture->pcap != NULL) {
            pcap_close(capture->pcap);
            capture->pcap = NULL;
        }
        why_set(why, "%s", capture->absence.text);
    }
    *out = capture;
    return STATUS_OK;
}

struct flow_tap capture_tap(struct capture *capture)
{
    return (struct flow_tap){
        .state = capture,
        .absence = capture->pcap == NULL ? capture->absence.text : NULL,
        .begin = flow_begin,
        .end = flow_end,
    };
}

struct capture_counts capture_counts(const struct capture *capture)
{
    struct capture_counts counts = capture->counts;
    struct pcap_stat stat;
    if (capture->pcap != NULL && pcap_stats(capture->pcap, &stat) == 0) {
        counts.dropped_count = stat.ps_drop;
    }
    return counts;
}

void capture_free(struct capture *capture)
{
    if (capture == NULL) {
        return;
    }
    watch_free(capture);
    if (capture->pcap != NULL) {
        pcap_close(capture->pcap);
    }
    flow_table_free(capture->table);
    free(capture);
}
