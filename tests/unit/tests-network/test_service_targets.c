/* Files of endpoints: what is read, what is refused and why, which addresses lie in a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/service_targets.h"

#define HEADER "role,name,reach,host,port,path\n"

static enum status read_text(const char *text, struct service_targets *out, struct why *why)
{
    return service_targets_read(text, strlen(text), out, why);
}

static void test_rows_are_read(void **state)
{
    (void)state;
    struct service_targets targets;
    assert_int_equal(read_text(HEADER "web,,https,web.example,443,/a?b=c\r\n"
                                      "\n"
                                      "relay,moria1,tls_any,192.0.2.1,9201,\n"
                                      "post,,http_post,2001:db8::1,80,/\n"
                                      "look,,dns,name.example,0,\n"
                                      "network,AS64500,network,198.51.100.0/22,0,\n",
                               &targets, NULL),
                     STATUS_OK);
    assert_int_equal(targets.count, 4);
    assert_int_equal(targets.network_count, 1);
    assert_string_equal(targets.items[0].role, "web");
    assert_string_equal(targets.items[0].path, "/a?b=c");
    assert_int_equal(targets.items[0].reach, REACH_HTTPS);
    assert_string_equal(targets.items[1].name, "moria1");
    assert_int_equal(targets.items[1].port, 9201);
    assert_string_equal(targets.items[2].host, "2001:db8::1");
    assert_int_equal(targets.items[3].reach, REACH_DNS);
    service_targets_free(&targets);
}

static const struct {
    const char *text;
    const char *reason; /* a part of it */
} refused[] = {
    {"", "header"},
    {"role,name,reach,host,port\n", "header"},
    {"web,,https,web.example,443,/\n", "header"},
    {HEADER, "no endpoint"},
    {HEADER "network,,network,192.0.2.0/24,0,\n", "no endpoint"},
    {HEADER "web,,https,web.example,443\n", "line 2 is broken"},
    {HEADER "web,,https,web.example,443,/,more\n", "line 2 is broken"},
    {HEADER "web,,\"https,web.example,443,/\n", "line 2 is broken"},
    {HEADER "a,,tcp,x.example,1,\nweb,,gopher,web.example,443,/\n", "line 3: reach 'gopher'"},
    {HEADER ",,https,web.example,443,/\n", "role"},
    {HEADER "two words,,https,web.example,443,/\n", "role"},
    {HEADER "a-role-that-is-longer-than-a-role-may-be,,https,web.example,443,/\n", "role"},
    {HEADER "web,,https,,443,/\n", "host"},
    {HEADER "web,,https,web.example/x,443,/\n", "host"},
    {HEADER "web,,https,user@web.example,443,/\n", "host"},
    {HEADER "web,,https,\x1b[31m\xff,443,/\n", "host '?[31m?'"},
    {HEADER "web,,https,web.example,0,/\n", "port"},
    {HEADER "web,,https,web.example,65536,/\n", "port"},
    {HEADER "web,,https,web.example,-1,/\n", "port"},
    {HEADER "web,,https,web.example,99999999999999999999,/\n", "port"},
    {HEADER "web,,https,web.example,443x,/\n", "port"},
    {HEADER "look,,dns,web.example,53,\n", "port"},
    {HEADER "web,,https,web.example,443,index\n", "path"},
    {HEADER "web,,https,web.example,443,/a b\n", "path"},
    {HEADER "web,,https,web.example,443,\"/a\nHost: other\"\n", "path"},
    {HEADER "n,,network,192.0.2.0,0,\n", "host"},
    {HEADER "n,,network,192.0.2.0/33,0,\n", "host"},
    {HEADER "n,,network,2001:db8::/129,0,\n", "host"},
    {HEADER "n,,network,net.example/8,0,\n", "host"},
    {HEADER "n,,network,/8,0,\n", "host"},
};

static void test_broken_files_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct service_targets targets;
        struct why why = {0};
        if (read_text(refused[i].text, &targets, &why) != STATUS_MALFORMED ||
            !strstr(why.text, refused[i].reason))
            fail_msg("row %zu: the reason was \"%s\"", i, why.text);
    }
}

static void test_too_many(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct service_targets targets;
    struct why why = {0};
    buffer_text(&text, HEADER);
    for (int i = 0; i < SERVICE_TARGETS_MAX; i++)
        buffer_printf(&text, "e,,tcp,e%d.example,443,\n", i);
    assert_int_equal(service_targets_read((const char *)text.bytes, text.count, &targets, &why), STATUS_OK);
    assert_int_equal(targets.count, SERVICE_TARGETS_MAX);
    service_targets_free(&targets);
    buffer_text(&text, "e,,tcp,one.more.example,443,\n");
    assert_int_equal(service_targets_read((const char *)text.bytes, text.count, &targets, &why),
                     STATUS_TOO_LARGE);
    buffer_free(&text);
    buffer_text(&text, HEADER);
    for (int i = 0; i < SERVICE_NETWORKS_MAX + 1; i++)
        buffer_printf(&text, "n,,network,10.%d.0.0/16,0,\n", i);
    assert_int_equal(service_targets_read((const char *)text.bytes, text.count, &targets, &why),
                     STATUS_TOO_LARGE);
    buffer_free(&text);
}

static void test_networks(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        uint32_t asn;
        enum service_home home;
    } cases[] = {
        {"31.13.24.0", 0, HOME_INSIDE},       {"31.13.31.255", 0, HOME_INSIDE},
        {"31.13.32.0", 0, HOME_UNKNOWN},      {"31.13.23.255", 0, HOME_UNKNOWN},
        {"192.0.2.7", 0, HOME_INSIDE},        {"192.0.2.8", 0, HOME_UNKNOWN},
        {"2a03:2880::1", 0, HOME_INSIDE},     {"2a03:2887:ffff::", 0, HOME_INSIDE},
        {"2a03:2888::", 0, HOME_UNKNOWN},     {"::ffff:31.13.24.1", 0, HOME_UNKNOWN},
        {"0.0.0.0", 0, HOME_UNKNOWN},         {"31.13.24.0", 64500, HOME_INSIDE},
        {"203.0.113.1", 32934, HOME_INSIDE},  {"203.0.113.1", 64500, HOME_OUTSIDE},
        {"2001:db8::1", 64500, HOME_OUTSIDE},
    };
    struct service_targets targets;
    assert_int_equal(
        read_text(HEADER
                  "e,,tcp,e.example,443,\nn,AS32934,network,31.13.24.0/21,0,\nn,,network,192.0.2.7/32,0,\n"
                  "n,,network,2a03:2880::/29,0,\n",
                  &targets, NULL),
        STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_storage address;
        assert_int_equal(address_parse(cases[i].address, 443, &address), STATUS_OK);
        if (service_targets_home(&targets, &address, cases[i].asn) != cases[i].home)
            fail_msg("%s in AS%u", cases[i].address, (unsigned)cases[i].asn);
    }
    service_targets_free(&targets);
    assert_int_equal(read_text(HEADER "e,,tcp,e.example,443,\nn,,network,0.0.0.0/0,0,\n", &targets, NULL),
                     STATUS_OK);
    struct sockaddr_storage any;
    assert_int_equal(address_parse("203.0.113.9", 0, &any), STATUS_OK);
    assert_int_equal(service_targets_home(&targets, &any, 0), HOME_INSIDE);
    assert_int_equal(service_targets_home(&targets, &any, 64500), HOME_INSIDE);
    service_targets_free(&targets);
}

static void test_folder_stands_in(void **state)
{
    (void)state;
    char folder[] = "/tmp/dialtone-test-services-XXXXXX", path[64];
    struct service_targets targets;
    struct why why = {0};
    const char *embedded = HEADER "web,,https,embedded.example,443,/\n";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(service_targets_open(NULL, "mail", embedded, &targets, &why), STATUS_OK);
    assert_string_equal(targets.items[0].host, "embedded.example");
    service_targets_free(&targets);
    /* A folder that says nothing about this service must not send it to the real one. */
    assert_int_equal(service_targets_open(folder, "mail", embedded, &targets, &why), STATUS_NOT_FOUND);
    assert_non_null(strstr(why.text, "mail.csv"));
    snprintf(path, sizeof path, "%s/mail.csv", folder);
    FILE *file = fopen(path, "w");
    fputs(HEADER "web,,https,folder.example,443,/\n", file);
    fclose(file);
    assert_int_equal(service_targets_open(folder, "mail", embedded, &targets, &why), STATUS_OK);
    assert_string_equal(targets.items[0].host, "folder.example");
    service_targets_free(&targets);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_read),    cmocka_unit_test(test_broken_files_are_refused),
        cmocka_unit_test(test_too_many),         cmocka_unit_test(test_networks),
        cmocka_unit_test(test_folder_stands_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
