/* Signal's verdict and keys by a table, and the authority that it carries. */
#include "tests/unit/tests-network/service_rows.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests-network/signal/signal.h"
#include "tests-network/steps/tls.h"

#define OK_KEYS       "{'signal_backend_status':'ok','signal_backend_failure':null}"
#define BLOCKED(word) "{'signal_backend_status':'blocked','signal_backend_failure':'" word "'}"

static const struct row rows[] = {
    {"all works", {{0}}, ROW_WORKING, ROW_OK, .keys = OK_KEYS},
    {"the lookup that no app needs fails",
     {AT("uptime", 0, DNS, FAILURE_NXDOMAIN)},
     ROW_WORKING,
     ROW_OK,
     .keys = OK_KEYS},
    {"one server times out, no control",
     {AT("cdn2", 0, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     ROW_UNKNOWN,
     .keys = BLOCKED("generic_timeout_error")},
    {"one server times out, the control cannot tell",
     {AT("cdn2", 0, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TCP, "connection_timeout", WEAK),
     .keys = BLOCKED("generic_timeout_error")},
    {"one server is reset in TLS, the control completes a handshake",
     {AT("chat", 0, TLS, FAILURE_RESET, .opinion = OPINION_REACHES)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TLS, "tls_reset", STRONG),
     .keys = BLOCKED("connection_reset")},
    {"a certificate by somebody else, no control, and nobody knows whose the address is",
     {AT("chat", 0, TLS, FAILURE_TLS_AUTHORITY)},
     ROW_WORKING,
     ROW_UNKNOWN,
     .keys = BLOCKED("ssl_unknown_authority")},
    {"a certificate by somebody else",
     {AT("chat", 0, TLS, FAILURE_TLS_AUTHORITY)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TLS, "tls_bad_certificate", MEDIUM),
     .keys = BLOCKED("ssl_unknown_authority")},
    {"a wrong clock makes all certificates bad, no control",
     {AT("*", 0, TLS, FAILURE_TLS_INVALID)},
     ROW_WORKING,
     ROW_UNKNOWN},
    {"a wrong clock makes all certificates bad",
     {AT("*", 0, TLS, FAILURE_TLS_INVALID)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TLS, "tls_bad_certificate", MEDIUM)},
    {"one server is down",
     {AT("sfu", 0, TCP, FAILURE_REFUSED, .opinion = OPINION_FAILS)},
     ROW_WORKING,
     .has_control = true,
     ROW_DOWN,
     .keys = BLOCKED("connection_refused")},
    {"all names answer REFUSED, the ladder works",
     {AT("*", 0, DNS, FAILURE_DNS_REFUSED)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(DNS, "dns_refused", MEDIUM)},
    {"all in a shutdown",
     {AT("*", 0, DNS, FAILURE_TIMEOUT)},
     .connectivity = CONNECTIVITY_FULL_SHUTDOWN,
     ROW_OFFLINE},
    {"all fails, nobody climbed", {AT("*", 0, TLS, FAILURE_EOF)}, ROW_UNKNOWN},
    {"nothing could be measured",
     {{.role = "*", .is_untried = true}},
     ROW_WORKING,
     ROW_UNKNOWN,
     .keys = "{'signal_backend_status':null,'signal_backend_failure':null}"},
};

static void test_rows(void **state)
{
    (void)state;
    ROWS_CHECK(&service_signal, rows);
}

/* An authority that has run out would call all of Signal blocked. */
static void test_authority(void **state)
{
    (void)state;
    BIO *text = BIO_new_mem_buf(service_signal.authorities, -1);
    X509 *authority = PEM_read_bio_X509(text, NULL, NULL, NULL);
    assert_non_null(authority);
    assert_int_equal(X509_verify(authority, X509_get0_pubkey(authority)), 1);
    assert_true(X509_check_ca(authority) > 0);
    assert_true(X509_cmp_current_time(X509_get0_notAfter(authority)) > 0);
    X509_free(authority);
    BIO_free(text);
}

static void test_trust_add(void **state)
{
    (void)state;
    struct tls_trust *trust = NULL;
    struct why why = {0};
    char path[] = "/tmp/dialtone-test-pem-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    fputs(service_signal.authorities, file);
    fclose(file);
    assert_int_equal(tls_trust_open(path, &trust, &why), STATUS_OK);
    assert_int_equal(tls_trust_add(trust, service_signal.authorities, &why),
                     STATUS_OK); /* twice does no harm */
    assert_int_equal(tls_trust_add(trust, "", &why), STATUS_MALFORMED);
    assert_int_equal(tls_trust_add(trust, "-----BEGIN CERTIFICATE-----\nAAAA\n", &why), STATUS_MALFORMED);
    assert_true(why.text[0] != '\0');
    tls_trust_free(trust);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_authority),
                                       cmocka_unit_test(test_trust_add)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
