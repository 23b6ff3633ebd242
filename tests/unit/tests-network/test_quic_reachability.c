/* QUIC packets against the vectors of RFC 9001 appendix A, the first flight against every answer, the verdict by table,
 * and the whole test against servers on 127.0.0.1. */
#include <assert.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

#include "measurement/base/json.h"
#include "tests-network/quic_reachability/flight.h"
#include "tests-network/quic_reachability/verdict.h"
#include "tests-network/steps/failure.h"
#include "tests/unit/tests-network/step_servers.h"

extern const struct nettest nettest_quic_reachability;

/* RFC 9001 appendix A.2: the protected packet and the CRYPTO frame in it. */
static const char client_packet[] =
    "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356c0bab"
    "7df5976d27cd449f63300099f3991c260ec4c60d17b31f8429157bb35a1282a643a8d2262cad67500cadb8e7378c8eb7539e"
    "c4d4905fed1bee1fc8aafba17c750e2c7ace01e6005f80fcb7df621230c83711b39343fa028cea7f7fb5ff89eac2308249a0"
    "2252155e2347b63d58c5457afd84d05dfffdb20392844ae812154682e9cf012f9021a6f0be17ddd0c2084dce25ff9b06cde5"
    "35d0f920a2db1bf362c23e596d11a4f5a6cf3948838a3aec4e15daf8500a6ef69ec4e3feb6b1d98e610ac8b7ec3faf6ad760"
    "b7bad1db4ba3485e8a94dc250ae3fdb41ed15fb6a8e5eba0fc3dd60bc8e30c5c4287e53805db059ae0648db2f64264ed5e39"
    "be2e20d82df566da8dd5998ccabdae053060ae6c7b4378e846d29f37ed7b4ea9ec5d82e7961b7f25a9323851f681d582363a"
    "a5f89937f5a67258bf63ad6f1a0b1d96dbd4faddfcefc5266ba6611722395c906556be52afe3f565636ad1b17d508b73d874"
    "3eeb524be22b3dcbc2c7468d54119c7468449a13d8e3b95811a198f3491de3e7fe942b330407abf82a4ed7c1b311663ac698"
    "90f4157015853d91e923037c227a33cdd5ec281ca3f79c44546b9d90ca00f064c99e3dd97911d39fe9c5d0b23a229a234cb3"
    "6186c4819e8b9c5927726632291d6a418211cc2962e20fe47feb3edf330f2c603a9d48c0fcb5699dbfe5896425c5bac4aee8"
    "2e57a85aaf4e2513e4f05796b07ba2ee47d80506f8d2c25e50fd14de71e6c418559302f939b0e1abd576f279c4b2e0feb85c"
    "1f28ff18f58891ffef132eef2fa09346aee33c28eb130ff28f5b766953334113211996d20011a198e3fc433f9f2541010ae1"
    "7c1bf202580f6047472fb36857fe843b19f5984009ddc324044e847a4f4a0ab34f719595de37252d6235365e9b84392b0610"
    "85349d73203a4a13e96f5432ec0fd4a1ee65accdd5e3904df54c1da510b0ff20dcc0c77fcb2c0e0eb605cb0504db87632cf3"
    "d8b4dae6e705769d1de354270123cb11450efc60ac47683d7b8d0f811365565fd98c4c8eb936bcab8d069fc33bd801b03ade"
    "a2e1fbc5aa463d08ca19896d2bf59a071b851e6c239052172f296bfb5e72404790a2181014f3b94a4e97d117b438130368cc"
    "39dbb2d198065ae3986547926cd2162f40a29f0c3c8745c0f50fba3852e566d44575c29d39a03f0cda721984b6f440591f35"
    "5e12d439ff150aab7613499dbd49adabc8676eef023b15b65bfc5ca06948109f23f350db82123535eb8a7433bdabcb909271"
    "a6ecbcb58b936a88cd4e8f2e6ff5800175f113253d8fa9ca8885c2f552e657dc603f252e1a8e308f76f0be79e2fb8f5d5fbb"
    "e2e30ecadd220723c8c0aea8078cdfcb3868263ff8f0940054da48781893a7e49ad5aff4af300cd804a6b6279ab3ff3afb64"
    "491c85194aab760d58a606654f9f4400e8b38591356fbf6425aca26dc85244259ff2b19c41b9f96f3ca9ec1dde434da7d2d3"
    "92b905ddf3d1f9af93d1af5950bd493f5aa731b4056df31bd267b6b90a079831aaf579be0a39013137aac6d404f518cfd468"
    "40647e78bfe706ca4cf5e9c5453e9f7cfd2b8b4c8d169a44e55c88d4a9a7f9474241e221af44860018ab0856972e194cd934";
static const char client_frame[] =
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c0000041301130201"
    "0000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c70"
    "6e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74"
    "d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffff"
    "ffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff";
/* Appendix A.3. */
static const char server_packet[] =
    "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5"
    "a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4"
    "cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee";
static const char server_payload[] =
    "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a12001301"
    "00002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304";
/* Appendix A.4. */
static const char retry_packet[] = "ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba";

static size_t bytes_of(const char *hex, uint8_t *out)
{
    size_t count = strlen(hex) / 2;
    assert_int_equal(hex_decode(hex, out, count), STATUS_OK);
    return count;
}

static struct quic_cid cid_of(const char *hex)
{
    struct quic_cid cid = {0};
    cid.count = bytes_of(hex, cid.bytes);
    return cid;
}

static void assert_hex(const void *bytes, size_t count, const char *hex)
{
    char text[2600];
    hex_encode(bytes, count, text);
    assert_string_equal(text, hex);
}

static void test_keys_of_appendix_a1(void **state)
{
    (void)state;
    struct quic_cid cid = cid_of("8394c8f03e515708");
    struct quic_keys keys;
    assert_int_equal(quic_initial_keys(&cid, QUIC_CLIENT, &keys), STATUS_OK);
    assert_hex(keys.key, 16, "1f369613dd76d5467730efcbe3b1a22d");
    assert_hex(keys.iv, 12, "fa044b2f42a3fd3b46fb255c");
    assert_hex(keys.hp, 16, "9f50449e04a0e810283a1e9933adedd2");
    assert_int_equal(quic_initial_keys(&cid, QUIC_SERVER, &keys), STATUS_OK);
    assert_hex(keys.key, 16, "cf3a5331653c364c88f0f379b6067e37");
    assert_hex(keys.iv, 12, "0ac1493ca1905853b0bba03e");
    assert_hex(keys.hp, 16, "c206b8d9b9f0f37644430b490eeaa314");
}

static void test_client_initial_of_appendix_a2(void **state)
{
    (void)state;
    uint8_t packet[1200], frame[300];
    struct buffer sealed = {0}, opened = {0};
    struct quic_header header;
    struct quic_keys keys;
    uint32_t number = 0;
    struct quic_initial initial = {.destination = cid_of("8394c8f03e515708"), .packet_number = 2,
                                   .payload = frame, .datagram_bytes = 1200};
    initial.payload_bytes = bytes_of(client_frame, frame);
    assert_int_equal(quic_initial_keys(&initial.destination, QUIC_CLIENT, &keys), STATUS_OK);
    assert_int_equal(quic_initial_seal(&keys, &initial, &sealed), STATUS_OK);
    assert_int_equal(sealed.count, 1200);
    assert_hex(sealed.bytes, sealed.count, client_packet);
    assert_int_equal(bytes_of(client_packet, packet), 1200);
    assert_int_equal(quic_header_read(packet, 1200, &header), STATUS_OK);
    assert_int_equal(header.kind, QUIC_INITIAL);
    assert_int_equal(header.packet_bytes, 1200);
    assert_int_equal(quic_initial_open(&keys, packet, &header, &opened, &number), STATUS_OK);
    assert_int_equal(number, 2);
    assert_int_equal(opened.count, 1162);
    assert_memory_equal(opened.bytes, frame, initial.payload_bytes);
    buffer_free(&sealed);
    buffer_free(&opened);
}

static void test_server_initial_of_appendix_a3(void **state)
{
    (void)state;
    uint8_t packet[200], crypto[200];
    struct buffer opened = {0};
    struct quic_header header;
    struct quic_keys keys;
    struct quic_cid cid = cid_of("8394c8f03e515708");
    uint32_t number = 0;
    uint16_t cipher = 0;
    size_t count = bytes_of(server_packet, packet);
    assert_int_equal(quic_header_read(packet, count, &header), STATUS_OK);
    assert_hex(header.source.bytes, header.source.count, "f067a5502a4262b5");
    assert_int_equal(quic_initial_keys(&cid, QUIC_SERVER, &keys), STATUS_OK);
    assert_int_equal(quic_initial_open(&keys, packet, &header, &opened, &number), STATUS_OK);
    assert_int_equal(number, 1);
    assert_hex(opened.bytes, opened.count, server_payload);
    memcpy(crypto, opened.bytes + 9, opened.count - 9); /* behind ACK and the head of CRYPTO */
    assert_int_equal(hello_read(crypto, opened.count - 9, &cipher), HELLO_SERVER);
    assert_int_equal(cipher, 0x1301);
    assert_int_equal(hello_read(crypto, 30, &cipher), HELLO_NOT_YET);
    opened.count = 0;
    packet[count - 1] ^= 1;
    assert_int_equal(quic_initial_open(&keys, packet, &header, &opened, &number), STATUS_BAD_SIGNATURE);
    assert_int_equal(opened.count, 0);
    buffer_free(&opened);
}

static void test_retry_of_appendix_a4(void **state)
{
    (void)state;
    uint8_t packet[64];
    struct quic_header header;
    struct quic_cid original = cid_of("8394c8f03e515708");
    size_t count = bytes_of(retry_packet, packet);
    assert_int_equal(quic_header_read(packet, count, &header), STATUS_OK);
    assert_int_equal(header.kind, QUIC_RETRY);
    assert_int_equal(header.token_bytes, 5);
    assert_memory_equal(header.token, "token", 5);
    assert_true(quic_retry_is_genuine(&original, packet, count));
    packet[16] ^= 1;
    assert_false(quic_retry_is_genuine(&original, packet, count));
}

static void test_bad_headers(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum status status;
    } cases[] = {
        {"c0", STATUS_MALFORMED},
        {"c000000001", STATUS_MALFORMED},
        {"c00000000115000102030405060708090a0b0c0d0e0f1011121314", STATUS_MALFORMED}, /* id of 21 bytes */
        {"c0000000010000ffffffffffffffffff", STATUS_MALFORMED},                        /* token longer than all */
        {"c00000000100000040ff00", STATUS_MALFORMED},                                  /* length past the end */
        {"c0000000010000000400010203", STATUS_MALFORMED},                              /* too short to sample */
        {"8000000001000000", STATUS_MALFORMED},                                        /* fixed bit */
        {"c0000000020000000000", STATUS_MALFORMED},                                    /* version */
        {"80000000000000", STATUS_MALFORMED},                                          /* no version offered */
        {"800000000000006b3343cf", STATUS_OK},
        {"40010203", STATUS_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[64];
        struct quic_header header;
        size_t count = bytes_of(cases[i].hex, bytes);
        assert_int_equal(quic_header_read(bytes, count, &header), cases[i].status);
    }
}

static void test_varints(void **state)
{
    (void)state;
    static const struct { uint64_t value; const char *hex; } cases[] = {
        {151288809941952652u, "c2197c5eff14e88c"}, {494878333, "9d7f3e7d"}, {15293, "7bbd"}, {37, "25"}, {0, "00"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer buffer = {0};
        quic_varint_append(&buffer, cases[i].value);
        assert_hex(buffer.bytes, buffer.count, cases[i].hex);
        struct reader reader = reader_of(buffer.bytes, buffer.count);
        assert_true(quic_varint_read(&reader) == cases[i].value && !reader.failed && reader.left_bytes == 0);
        buffer_free(&buffer);
    }
}

/* ---- a server's half, made of the same codec with the sides exchanged ---- */

enum manner { ANSWER, ACK_ONLY, REFUSE, NEGOTIATE, RETRY, SILENT, SILENT_FOR_NAME, CUT_FOR_NAME, SILENT_ONCE };

struct half {
    enum manner manner;
    int seen_count;
    int retried_count;
    struct quic_cid retry_cid;
    char name[64]; /* of SILENT_FOR_NAME, CUT_FOR_NAME */
    uint32_t number;
};

static void half_initial(struct half *half, const struct quic_header *to, const struct quic_cid *keyed,
                         const uint8_t *frames, size_t count, struct buffer *out)
{
    struct quic_keys keys;
    const struct quic_initial initial = {.destination = to->source, .source = cid_of("f067a5502a4262b5"),
                                         .packet_number = half->number++, .payload = frames, .payload_bytes = count};
    assert(quic_initial_keys(keyed, QUIC_SERVER, &keys) == STATUS_OK);
    assert(quic_initial_seal(&keys, &initial, out) == STATUS_OK);
}

/* A Retry with a token, made by its definition (RFC 9001 section 5.8). */
static void half_retry(struct half *half, const struct quic_header *to, struct buffer *out)
{
    static const uint8_t key[] = {0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a,
                                  0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68, 0xc8, 0x4e};
    static const uint8_t nonce[] = {0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb};
    uint8_t head[64] = {0xf0, 0, 0, 0, 1, (uint8_t)to->source.count};
    uint8_t whole[128] = {(uint8_t)to->destination.count};
    uint8_t tag[16];
    int count = 0;
    size_t at = 6;
    memcpy(head + at, to->source.bytes, to->source.count);
    at += to->source.count;
    head[at++] = 4;
    memcpy(head + at, "\1\2\3\4", 4);
    at += 4;
    half->retry_cid = cid_of("01020304");
    memcpy(head + at, "please", 6);
    at += 6;
    memcpy(whole + 1, to->destination.bytes, to->destination.count);
    memcpy(whole + 1 + to->destination.count, head, at);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, key, nonce);
    EVP_EncryptUpdate(context, NULL, &count, whole, (int)(1 + to->destination.count + at));
    EVP_EncryptFinal_ex(context, tag, &count);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, tag);
    EVP_CIPHER_CTX_free(context);
    buffer_append(out, head, at);
    buffer_append(out, tag, sizeof tag);
}

/* The first datagram's id keys all later ones of a flow; the flow is told by the client's own id. */
struct flow_seen {
    struct quic_cid client, keyed;
    bool has_hello, is_named;
};

struct quic_server {
    struct half half;
    int fd, tcp_fd;
    uint16_t port;
    struct flow_seen flows[8];
    size_t flow_count;
    atomic_bool stops;
    pthread_t thread;
};

static struct flow_seen *flow_of(struct quic_server *server, const struct quic_header *header)
{
    for (size_t i = 0; i < server->flow_count; i++) {
        if (memcmp(server->flows[i].client.bytes, header->source.bytes, header->source.count) == 0)
            return &server->flows[i];
    }
    assert(server->flow_count < 8);
    server->flows[server->flow_count] = (struct flow_seen){.client = header->source, .keyed = header->destination};
    return &server->flows[server->flow_count++];
}

static void server_answer(struct quic_server *server, const uint8_t *bytes, size_t count, struct buffer *out)
{
    struct half *half = &server->half;
    struct quic_header header;
    struct quic_keys keys;
    struct buffer payload = {0};
    uint32_t number = 0;
    if (quic_header_read(bytes, count, &header) != STATUS_OK || header.kind != QUIC_INITIAL)
        return;
    struct flow_seen *flow = flow_of(server, &header);
    if (half->manner == RETRY && header.token_bytes > 0)
        flow->keyed = header.destination.count == 4 ? header.destination : flow->keyed;
    assert(quic_initial_keys(&flow->keyed, QUIC_CLIENT, &keys) == STATUS_OK);
    if (quic_initial_open(&keys, bytes, &header, &payload, &number) != STATUS_OK) {
        buffer_free(&payload);
        return;
    }
    bool is_first = !flow->has_hello;
    flow->has_hello = true;
    flow->is_named = flow->is_named || (half->name[0] && memmem(payload.bytes, payload.count, half->name, strlen(half->name)));
    half->seen_count++;
    uint8_t frames[256] = {0x02, (uint8_t)number, 0, 0, 0};
    uint8_t crypto[200];
    size_t crypto_count = bytes_of(server_payload, crypto);
    switch (half->manner) {
    case SILENT:
        break;
    case SILENT_ONCE:
        if (server->flow_count > 1)
            half_initial(half, &header, &flow->keyed, frames, 5, out);
        break;
    case SILENT_FOR_NAME:
        if (!flow->is_named)
            half_initial(half, &header, &flow->keyed, frames, 5, out);
        break;
    case CUT_FOR_NAME:
        if (!flow->is_named || is_first)
            half_initial(half, &header, &flow->keyed, frames, 5, out);
        break;
    case ACK_ONLY:
        half_initial(half, &header, &flow->keyed, frames, 5, out);
        break;
    case ANSWER:
        memcpy(frames + 5, crypto + 5, crypto_count - 5);
        half_initial(half, &header, &flow->keyed, frames, crypto_count, out);
        break;
    case REFUSE:
        memcpy(frames + 5, "\x1c\x41\x78\x00\x05no h3", 10); /* 0x178: no_application_protocol */
        half_initial(half, &header, &flow->keyed, frames, 15, out);
        break;
    case NEGOTIATE:
        buffer_append(out, "\x80\0\0\0\0\x08", 6);
        buffer_append(out, header.source.bytes, 8);
        buffer_append(out, "\x08", 1);
        buffer_append(out, header.destination.bytes, 8);
        buffer_append(out, "\x6b\x33\x43\xcf\xfa\xfa\xfa\xfa", 8);
        break;
    case RETRY:
        if (header.token_bytes == 0) {
            half->retried_count++;
            half_retry(half, &header, out);
            flow->has_hello = false;
        } else {
            half_initial(half, &header, &flow->keyed, frames, 5, out);
        }
        break;
    }
    buffer_free(&payload);
}

static void *quic_server_run(void *arg)
{
    struct quic_server *server = arg;
    while (!atomic_load(&server->stops)) {
        struct pollfd waiting = {.fd = server->fd, .events = POLLIN};
        struct sockaddr_storage from;
        socklen_t length = sizeof from;
        uint8_t bytes[2048];
        struct buffer out = {0};
        if (poll(&waiting, 1, 10) <= 0)
            continue;
        ssize_t count = recvfrom(server->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length);
        if (count > 0)
            server_answer(server, bytes, (size_t)count, &out);
        if (out.count > 0)
            sendto(server->fd, out.bytes, out.count, 0, (struct sockaddr *)&from, length);
        buffer_free(&out);
    }
    return NULL;
}

static void quic_server_start(struct quic_server *server, bool with_tcp)
{
    struct sockaddr_storage at = endpoint("127.0.0.1", 0);
    socklen_t length = sizeof at;
    server->tcp_fd = socket(AF_INET, SOCK_STREAM, 0);
    assert(bind(server->tcp_fd, (struct sockaddr *)&at, address_length(&at)) == 0);
    getsockname(server->tcp_fd, (struct sockaddr *)&at, &length);
    if (with_tcp)
        assert(listen(server->tcp_fd, 8) == 0);
    server->port = address_port(&at);
    server->fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert(bind(server->fd, (struct sockaddr *)&at, address_length(&at)) == 0);
    pthread_create(&server->thread, NULL, quic_server_run, server);
}

static void quic_server_stop(struct quic_server *server)
{
    atomic_store(&server->stops, true);
    pthread_join(server->thread, NULL);
    close(server->fd);
    close(server->tcp_fd);
}

struct outcome {
    struct verdict verdict;
    json_t *keys;
};

static void measured(struct nettest_result *result, void *arg)
{
    struct outcome *outcome = arg;
    outcome->verdict = result->verdict;
    outcome->keys = result->test_keys;
    result->test_keys = NULL;
}

static const struct dns_entry zone[] = {{"site.test", DNS_ANSWER, {"127.0.0.1"}, NULL}, {0}};

static struct outcome measure(struct quic_server *server, uint16_t port)
{
    struct nettest_context context;
    struct outcome outcome = {0};
    struct nettest_run *run = NULL;
    struct dns_server dns = {.entries = zone};
    char url[64];
    (void)server;
    context_open(&context);
    dns_server_start(&dns);
    context.resolvers[0] = endpoint("127.0.0.1", dns.port);
    context.resolver_count = 1;
    context.limits.tls_timeout_us = 800 * US_PER_MS;
    snprintf(url, sizeof url, "https://site.test:%u/", (unsigned)port);
    assert_int_equal(nettest_quic_reachability.start(&context, url, measured, &outcome, &run), STATUS_OK);
    loop_run(context.loop);
    assert_non_null(outcome.keys);
    dns_server_stop(&dns);
    context_close(&context);
    return outcome;
}

static void test_servers(void **state)
{
    (void)state;
    static const struct {
        enum manner manner;
        bool with_tcp;
        enum verdict_outcome outcome;
        const char *method;
        enum verdict_confidence confidence;
        const char *reply; /* of the first flight; "" none */
        size_t flights;
        const char *failure;
    } cases[] = {
        {ANSWER, true, OUTCOME_OK, "", CONFIDENCE_NONE, "server_hello", 1, NULL},
        {ACK_ONLY, true, OUTCOME_OK, "", CONFIDENCE_NONE, "ack", 1, NULL},
        {REFUSE, true, OUTCOME_OK, "", CONFIDENCE_NONE, "connection_close", 1, NULL},
        {NEGOTIATE, true, OUTCOME_OK, "", CONFIDENCE_NONE, "version_negotiation", 1, "quic_incompatible_version"},
        {RETRY, true, OUTCOME_OK, "", CONFIDENCE_NONE, "ack", 1, NULL},
        {SILENT, true, OUTCOME_UNKNOWN, "quic_unanswered", CONFIDENCE_NONE, "", 2, "generic_timeout_error"},
        {SILENT_ONCE, true, OUTCOME_UNKNOWN, "quic_unstable", CONFIDENCE_NONE, "", 3, "generic_timeout_error"},
        {SILENT_FOR_NAME, true, OUTCOME_BLOCKED, "quic_sni_filter", CONFIDENCE_STRONG, "", 3, "generic_timeout_error"},
        {SILENT_FOR_NAME, false, OUTCOME_BLOCKED, "quic_sni_filter", CONFIDENCE_MEDIUM, "", 3, "generic_timeout_error"},
        {CUT_FOR_NAME, true, OUTCOME_BLOCKED, "quic_sni_filter", CONFIDENCE_STRONG, "ack", 3, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct quic_server server = {.half = {.manner = cases[i].manner, .name = "site.test"}};
        quic_server_start(&server, cases[i].with_tcp);
        struct outcome outcome = measure(&server, server.port);
        quic_server_stop(&server);
        const json_t *flights = json_object_get(outcome.keys, "quic_handshakes");
        const char *reply =
            json_member_text(json_member_object(json_array_get(flights, 0), "x_dialtone"), "reply");
        assert_int_equal(outcome.verdict.outcome, cases[i].outcome);
        assert_string_equal(outcome.verdict.method, cases[i].method);
        assert_int_equal(outcome.verdict.confidence, cases[i].confidence);
        assert_string_equal(reply ? reply : "", cases[i].reply);
        assert_int_equal(json_array_size(flights), cases[i].flights);
        const char *failure = json_member_text(outcome.keys, "failure");
        assert_string_equal(failure ? failure : "", cases[i].failure ? cases[i].failure : "");
        assert_string_equal(json_member_text(json_array_get(flights, 0), "server_name"), "site.test");
        assert_int_equal(json_array_size(json_object_get(outcome.keys, "tcp_connect")), 1);
        assert_int_equal(server.half.retried_count, cases[i].manner == RETRY);
        json_decref(outcome.keys);
    }
}

static void test_closed_port_is_unknown(void **state)
{
    (void)state;
    struct outcome outcome = measure(NULL, 1);
    assert_int_equal(outcome.verdict.outcome, OUTCOME_UNKNOWN);
    assert_string_equal(json_member_text(outcome.keys, "failure"), FAILURE_REFUSED);
    json_decref(outcome.keys);
}

static void test_verdict_table(void **state)
{
    (void)state;
    static const struct {
        struct quic_evidence evidence;
        enum verdict_outcome outcome;
        const char *method;
        enum verdict_confidence confidence;
    } cases[] = {
        {{.target = QUIC_REACHED}, OUTCOME_OK, "", CONFIDENCE_NONE},
        {{.target = QUIC_REACHED, .connectivity = CONNECTIVITY_FULL_SHUTDOWN}, OUTCOME_OK, "", CONFIDENCE_NONE},
        {{0}, OUTCOME_UNKNOWN, "", CONFIDENCE_NONE},
        {{.dns_failure = FAILURE_NXDOMAIN}, OUTCOME_UNKNOWN, "dns_failure", CONFIDENCE_NONE},
        {{.dns_failure = FAILURE_NXDOMAIN, .is_injected = true}, OUTCOME_BLOCKED, "dns_injection", CONFIDENCE_CERTAIN},
        {{.dns_failure = "network_unreachable"}, OUTCOME_OFFLINE, "", CONFIDENCE_NONE},
        {{.target = QUIC_SILENT, .control_name = QUIC_SILENT, .connectivity = CONNECTIVITY_NO_LINK},
         OUTCOME_OFFLINE, "", CONFIDENCE_NONE},
        {{.target = QUIC_REFUSED, .target_failure = FAILURE_REFUSED, .connectivity = CONNECTIVITY_NO_LINK},
         OUTCOME_UNKNOWN, "quic_unanswered", CONFIDENCE_NONE},
        {{.target = QUIC_SILENT, .control_name = QUIC_SILENT, .tcp_tried = true}, OUTCOME_UNKNOWN, "quic_unanswered",
         CONFIDENCE_NONE},
        {{.target = QUIC_SILENT, .control_name = QUIC_REACHED, .target_again = QUIC_SILENT, .tcp_tried = true},
         OUTCOME_BLOCKED, "quic_sni_filter", CONFIDENCE_STRONG},
        {{.target = QUIC_SILENT, .control_name = QUIC_REACHED, .target_again = QUIC_REACHED, .tcp_tried = true},
         OUTCOME_UNKNOWN, "quic_unstable", CONFIDENCE_NONE},
        {{.target = QUIC_SILENT, .control_name = QUIC_REACHED, .target_again = QUIC_SILENT, .tcp_tried = true,
          .tcp_failure = FAILURE_TIMEOUT},
         OUTCOME_BLOCKED, "quic_sni_filter", CONFIDENCE_MEDIUM},
        {{.target = QUIC_SILENT, .control_name = QUIC_REACHED}, OUTCOME_BLOCKED, "quic_sni_filter", CONFIDENCE_MEDIUM},
        {{.target = QUIC_CUT, .control_name = QUIC_REACHED, .target_again = QUIC_CUT, .tcp_tried = true},
         OUTCOME_BLOCKED, "quic_sni_filter", CONFIDENCE_STRONG},
        {{.target = QUIC_CUT, .control_name = QUIC_CUT}, OUTCOME_UNKNOWN, "quic_flow_dropped", CONFIDENCE_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdict verdict = quic_verdict(&cases[i].evidence);
        assert_int_equal(verdict.outcome, cases[i].outcome);
        assert_string_equal(verdict.method, cases[i].method);
        assert_int_equal(verdict.confidence, cases[i].confidence);
    }
}

/* What strangers can send: nothing of it may count as an answer. */
static void test_forged_answers_are_ignored(void **state)
{
    (void)state;
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 7);
    struct flight flight;
    struct buffer sent = {0};
    uint32_t number = 0;
    uint8_t bytes[256] = {0x80, 0, 0, 0, 0, 8};
    assert_int_equal(flight_open(&random, "site.test", &flight), STATUS_OK);
    assert_int_equal(flight_send(&flight, FLIGHT_SEND_HELLO, &sent, &number), STATUS_OK);
    assert_int_equal(sent.count, QUIC_DATAGRAM_BYTES);
    memcpy(bytes + 6, flight.source.bytes, 8);
    bytes[14] = 8;
    memcpy(bytes + 15, flight.original.bytes, 8);
    memcpy(bytes + 23, "\0\0\0\1", 4); /* negotiation that offers what we spoke */
    assert_int_equal(flight_receive(&flight, bytes, 27), FLIGHT_IGNORED);
    memcpy(bytes + 23, "\0\0\0\2", 4);
    bytes[15] ^= 1; /* of another connection */
    assert_int_equal(flight_receive(&flight, bytes, 27), FLIGHT_IGNORED);
    assert_int_equal(flight_receive(&flight, sent.bytes, sent.count), FLIGHT_IGNORED); /* our own, reflected */
    assert_int_equal(flight_receive(&flight, bytes, 0), FLIGHT_IGNORED);
    assert_int_equal(flight.reply, FLIGHT_NOTHING);
    bytes[15] ^= 1;
    assert_int_equal(flight_receive(&flight, bytes, 27), FLIGHT_ADVANCED);
    assert_int_equal(flight.reply, FLIGHT_NEGOTIATION);
    buffer_free(&sent);
    flight_close(&flight);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_of_appendix_a1),      cmocka_unit_test(test_client_initial_of_appendix_a2),
        cmocka_unit_test(test_server_initial_of_appendix_a3), cmocka_unit_test(test_retry_of_appendix_a4),
        cmocka_unit_test(test_bad_headers),              cmocka_unit_test(test_varints),
        cmocka_unit_test(test_forged_answers_are_ignored), cmocka_unit_test(test_verdict_table),
        cmocka_unit_test(test_servers),                  cmocka_unit_test(test_closed_port_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
