/* Certificates of the lab: OpenSSL's own verifier accepts the right name by the right authority, and nothing
 * else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "measurement/base/file.h"
#include "tests/lab/certificates.h"
#include "tests/lab/workspace.h"

#define NOW_S INT64_C(1780000000)
#define DAY_S 86400

static X509 *certificate_load(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(certificate);
    return certificate;
}

static int verify(const char *root_path, const char *leaf_path, const char *name, const char *address,
                  int64_t now_s)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *root = certificate_load(root_path), *leaf = certificate_load(leaf_path);
    X509_STORE_add_cert(store, root);
    X509_STORE_CTX_init(context, store, leaf, NULL);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(param, (time_t)now_s);
    if (name)
        X509_VERIFY_PARAM_set1_host(param, name, 0);
    if (address)
        X509_VERIFY_PARAM_set1_ip_asc(param, address);
    X509_verify_cert(context);
    int error = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_free(leaf);
    X509_free(root);
    return error;
}

static void test_only_the_right_name_authority_and_time_pass(void **state)
{
    (void)state;
    struct authority *trusted = NULL, *other = NULL;
    struct why why = {0};
    char *folder = NULL;
    assert_int_equal(workspace_make(&folder, &why), STATUS_OK);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(authority_make("Lab CA", NOW_S, &trusted, &why), STATUS_OK);
    assert_int_equal(authority_make("Other CA", NOW_S, &other, &why), STATUS_OK);
    assert_int_equal(authority_publish(trusted, "ca.pem", &why), STATUS_OK);
    assert_int_equal(authority_publish(other, "other.pem", &why), STATUS_OK);
    struct certificate_plan plan = {
        .names = "www.example.com example.com 192.0.2.7", .start_s = NOW_S - DAY_S, .end_s = NOW_S + DAY_S};
    assert_int_equal(certificate_publish(trusted, &plan, "leaf.crt", "leaf.key", &why), STATUS_OK);
    assert_int_equal(access("leaf.key", R_OK), 0);
    assert_int_equal(verify("ca.pem", "leaf.crt", "www.example.com", NULL, NOW_S), X509_V_OK);
    assert_int_equal(verify("ca.pem", "leaf.crt", "example.com", NULL, NOW_S), X509_V_OK);
    assert_int_equal(verify("ca.pem", "leaf.crt", NULL, "192.0.2.7", NOW_S), X509_V_OK);
    assert_int_equal(verify("ca.pem", "leaf.crt", "www.example.org", NULL, NOW_S),
                     X509_V_ERR_HOSTNAME_MISMATCH);
    assert_int_equal(verify("ca.pem", "leaf.crt", NULL, "192.0.2.8", NOW_S), X509_V_ERR_IP_ADDRESS_MISMATCH);
    assert_int_equal(verify("ca.pem", "leaf.crt", "example.com", NULL, NOW_S + 2 * DAY_S),
                     X509_V_ERR_CERT_HAS_EXPIRED);
    assert_int_not_equal(verify("other.pem", "leaf.crt", "example.com", NULL, NOW_S), X509_V_OK);
    authority_free(other);
    authority_free(trusted);
    assert_int_equal(chdir("/"), 0);
    workspace_clear(folder);
    assert_int_not_equal(access(folder, F_OK), 0);
    free(folder);
}

static void test_every_kind_of_key(void **state)
{
    (void)state;
    struct authority *trusted = NULL;
    struct why why = {0};
    char *folder = NULL;
    assert_int_equal(workspace_make(&folder, &why), STATUS_OK);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(authority_make("Lab CA", NOW_S, &trusted, &why), STATUS_OK);
    assert_int_equal(authority_publish(trusted, "ca.pem", &why), STATUS_OK);
    for (int key = 0; key < CERTIFICATE_KEY_COUNT; key++) {
        struct certificate_plan plan = {.names = "www.example.com",
                                        .start_s = NOW_S - DAY_S,
                                        .end_s = NOW_S + DAY_S,
                                        .key = (enum certificate_key)key};
        assert_int_equal(certificate_publish(trusted, &plan, "leaf.crt", "leaf.key", &why), STATUS_OK);
        assert_int_equal(verify("ca.pem", "leaf.crt", "www.example.com", NULL, NOW_S), X509_V_OK);
    }
    authority_free(trusted);
    assert_int_equal(chdir("/"), 0);
    workspace_clear(folder);
    free(folder);
}

/* Without the one in between, which comes with the leaf, nobody knows who signed it. */
static void test_an_authority_in_between(void **state)
{
    (void)state;
    struct authority *trusted = NULL, *between = NULL;
    struct why why = {0};
    struct buffer bytes = {0};
    char *folder = NULL;
    assert_int_equal(workspace_make(&folder, &why), STATUS_OK);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(authority_make("Lab CA", NOW_S, &trusted, &why), STATUS_OK);
    assert_int_equal(authority_issue(trusted, "Between", NOW_S, &between, &why), STATUS_OK);
    assert_int_equal(authority_publish(trusted, "ca.pem", &why), STATUS_OK);
    assert_int_equal(authority_publish(between, "between.pem", &why), STATUS_OK);
    struct certificate_plan plan = {
        .names = "www.example.com", .start_s = NOW_S - DAY_S, .end_s = NOW_S + DAY_S};
    assert_int_equal(certificate_publish(between, &plan, "leaf.crt", "leaf.key", &why), STATUS_OK);
    assert_int_equal(verify("ca.pem", "leaf.crt", "www.example.com", NULL, NOW_S),
                     X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    assert_int_equal(verify("ca.pem", "between.pem", NULL, NULL, NOW_S), X509_V_OK);
    assert_int_equal(file_read("leaf.crt", 65536, &bytes, &why), STATUS_OK);
    buffer_append(&bytes, "", 1);
    const char *first = strstr((const char *)bytes.bytes, "BEGIN CERTIFICATE");
    assert_true(first && strstr(first + 1, "BEGIN CERTIFICATE"));
    buffer_free(&bytes);
    authority_free(between);
    authority_free(trusted);
    assert_int_equal(chdir("/"), 0);
    workspace_clear(folder);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_only_the_right_name_authority_and_time_pass),
                                       cmocka_unit_test(test_every_kind_of_key),
                                       cmocka_unit_test(test_an_authority_in_between)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
