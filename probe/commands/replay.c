/* dialtone-probe replay: which connections of a capture file were tampered with.
 * Owner: a replaying owns the file, the flow table and its list of flows.
 * Why: the code that reads a live capture can be tried on any other, and a capture that somebody sends be read. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/json.h"
#include "probe/capture/flow_table.h"
#include "probe/capture/signature.h"
#include "probe/commands/commands.h"
#include "probe/settings/options.h"

static const struct cli_option options_table[] = {
    {"format", "FORMAT", "text (default) or json: an object a line for each such connection, with its packets"},
    {0},
};

struct replayed {
    struct flow *flow;
    struct sockaddr_storage server;
    int64_t last_us;
};

struct replaying {
    pcap_t *pcap;
    int link_type;
    struct flow_table *table;
    struct replayed *flows;
    size_t count;
    size_t next; /* the oldest that is not told yet */
    int64_t now_us;
    int64_t packet_count, skipped_count, flow_count, found_count;
    enum options_format format;
};

static void address_of(const struct packet_end *end, struct sockaddr_storage *out)
{
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    *out = (struct sockaddr_storage){0};
    *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(end->port)};
    memcpy(&v6->sin6_addr, end->address, sizeof end->address);
}

static void flow_tell(struct replaying *replaying, const struct replayed *replayed)
{
    const struct sockaddr_in6 *server = (const struct sockaddr_in6 *)&replayed->server;
    char address[INET6_ADDRSTRLEN] = "";
    json_t *packets = flow_table_end(replaying->table, replayed->flow, true);
    const struct signature signature =
        signature_of(packets, (double)(replaying->now_us - replayed->last_us) / (double)US_PER_S);
    inet_ntop(AF_INET6, &server->sin6_addr, address, sizeof address);
    const char *shown = strncmp(address, "::ffff:", 7) == 0 ? address + 7 : address;
    json_t *tampering = signature_encode(&signature, packets);
    if (tampering && replaying->format == FORMAT_JSON) {
        struct buffer line = {0};
        json_t *object = json_pack("{s:s, s:i, s:O, s:O}", "server", shown, "port", ntohs(server->sin6_port),
                                   "tampering", tampering, "packets", packets);
        if (object && json_write(object, &line) == STATUS_OK)
            printf("%.*s\n", (int)line.count, (const char *)line.bytes);
        json_decref(object);
        buffer_free(&line);
    } else if (tampering) {
        printf("%-42s %5d  %-26s %-8s%s%s%s\n", shown, ntohs(server->sin6_port), signature_name(signature.number),
               confidence_name(signature.confidence), signature.evidence.is_followed ? " the server went on" : "",
               signature.evidence.has_other_ttl ? " other TTL" : "",
               signature.evidence.has_zero_ip_id ? " zero IP-ID" : "");
    }
    replaying->found_count += tampering != NULL;
    json_decref(tampering);
    json_decref(packets);
}

/* A flow begins at its first packet; who sent a SYN, or spoke from the higher port, is the client. */
static enum status flow_add(struct replaying *replaying, const struct packet *packet)
{
    bool is_syn = packet->flags & PACKET_FLAG_SYN, is_ack = packet->flags & PACKET_FLAG_ACK;
    bool is_out = is_syn ? !is_ack : packet->source.port > packet->destination.port;
    struct flow_key key = {.protocol = IPPROTO_TCP};
    if (flow_table_count(replaying->table) >= FLOWS_MAX)
        flow_tell(replaying, &replaying->flows[replaying->next++]);
    struct replayed *grown = (replaying->count & (replaying->count + 1)) == 0
                                 ? realloc(replaying->flows, (replaying->count * 2 + 2) * sizeof *grown)
                                 : replaying->flows;
    if (!grown)
        return STATUS_NO_MEMORY;
    replaying->flows = grown;
    address_of(is_out ? &packet->source : &packet->destination, &key.local);
    address_of(is_out ? &packet->destination : &packet->source, &key.remote);
    struct flow *flow = flow_table_begin(replaying->table, &key, replaying->now_us);
    if (!flow)
        return STATUS_NO_MEMORY;
    replaying->flows[replaying->count++] = (struct replayed){flow, key.remote, replaying->now_us};
    replaying->flow_count++;
    (void)flow_table_see(replaying->table, packet, replaying->now_us);
    return STATUS_OK;
}

static bool is_of(const struct replayed *replayed, const struct packet_end *end)
{
    const struct sockaddr_in6 *server = (const struct sockaddr_in6 *)&replayed->server;
    return ntohs(server->sin6_port) == end->port && memcmp(&server->sin6_addr, end->address, sizeof end->address) == 0;
}

static enum status packet_take(struct replaying *replaying, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct packet packet;
    replaying->now_us = (int64_t)header->ts.tv_sec * US_PER_S + header->ts.tv_usec;
    replaying->packet_count++;
    if (packet_decode(replaying->link_type, bytes, header->caplen, &packet) != STATUS_OK ||
        packet.protocol != IPPROTO_TCP) {
        replaying->skipped_count++;
        return STATUS_OK;
    }
    if (!flow_table_see(replaying->table, &packet, replaying->now_us))
        return flow_add(replaying, &packet);
    /* Silence is of the server and client pair: any flow of theirs that goes on is not silent. */
    for (size_t i = replaying->count; i-- > replaying->next && replaying->count - i < 64;) {
        if (is_of(&replaying->flows[i], &packet.source) || is_of(&replaying->flows[i], &packet.destination)) {
            replaying->flows[i].last_us = replaying->now_us;
            break;
        }
    }
    return STATUS_OK;
}

static enum status file_play(struct replaying *replaying, struct why *why)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    enum status status = STATUS_OK;
    int got = 1;
    while (status == STATUS_OK && (got = pcap_next_ex(replaying->pcap, &header, &bytes)) == 1)
        status = packet_take(replaying, header, bytes);
    while (replaying->next < replaying->count)
        flow_tell(replaying, &replaying->flows[replaying->next++]);
    if (status == STATUS_OK && got == PCAP_ERROR) {
        why_set(why, "%s; what came before is told above", pcap_geterr(replaying->pcap));
        status = STATUS_MALFORMED;
    }
    return status;
}

static enum exit_status replay(const char *path, enum options_format format)
{
    char error[PCAP_ERRBUF_SIZE] = "";
    struct why why = {0};
    struct replaying replaying = {.format = format, .pcap = pcap_open_offline(path, error)};
    if (!replaying.pcap)
        return cli_fail(EXIT_USAGE, "cannot read %.200s: %s: give a capture file, as tcpdump -w writes it", path, error);
    replaying.link_type = pcap_datalink(replaying.pcap);
    enum status status = flow_table_open(&replaying.table);
    if (status == STATUS_OK)
        status = file_play(&replaying, &why);
    if (format == FORMAT_TEXT && status == STATUS_OK)
        printf("%lld packets, %lld connections, %lld tampered with; %lld packets are no TCP\n",
               (long long)replaying.packet_count, (long long)replaying.flow_count, (long long)replaying.found_count,
               (long long)replaying.skipped_count);
    flow_table_free(replaying.table);
    free(replaying.flows);
    pcap_close(replaying.pcap);
    if (status != STATUS_OK)
        return cli_fail(status == STATUS_MALFORMED ? EXIT_USAGE : EXIT_OWN_FAILURE, "%.200s: %s", path,
                        why.text[0] ? why.text : "no memory; free some");
    return replaying.found_count > 0 ? EXIT_FOUND : EXIT_NOTHING_WRONG;
}

static enum exit_status replay_run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum options_format format = FORMAT_TEXT;
    enum status status = cli_parse(&command_replay, options_table, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    enum exit_status exit_status = EXIT_USAGE;
    if (cli_operand_count(arguments) != 1)
        cli_fail(EXIT_USAGE, "replay takes one capture file: type dialtone-probe replay FILE.pcap");
    else if (options_format(arguments, false, &format) == STATUS_OK)
        exit_status = replay(cli_operand(arguments, 0), format);
    cli_free(arguments);
    return exit_status;
}

const struct cli_command command_replay = {
    .name = "replay",
    .summary = "says which connections of a capture were tampered with",
    .help = "usage: dialtone-probe replay FILE.pcap [--format text|json]\n"
            "\n"
            "Reads a capture (pcap or pcapng) made at the client, and names each TCP connection that ended as one of the 19\n"
            "signatures of \"Global, Passive Detection of Connection Tampering\" (SIGCOMM 2023), with what speaks for it: a\n"
            "server that went on behind its own reset, a reset of another TTL. A refused or unanswered connection is one of\n"
            "them too, with weak confidence: many have innocent causes. The code is that of the live capture; nothing is\n"
            "sent. JSON holds at most 64 packets a connection, without the client's address.\n"
            "\n"
            "exit status: 0 none; 1 some were; 2 usage, or no capture; 3 our own failure\n"
            "\n"
            "examples:\n"
            "  dialtone-probe replay capture.pcap\n"
            "  dialtone-probe replay capture.pcap --format json\n",
    .run = replay_run,
};
