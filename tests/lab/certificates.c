/* A certificate authority of the lab's own.
 * Owner: the caller owns the authority; OpenSSL objects live within a call or within it.
 * Why: probes must meet real chains, right and wrong ones, without a key ever being kept in the tree. */
#include "tests/lab/certificates.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/bytes.h"
#include "measurement/base/file.h"

#define DAY_S      86400
#define NAME_BYTES 256

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
    EVP_PKEY *rsa_keys[CERTIFICATE_KEY_COUNT]; /* NULL: not made yet */
    bool is_between;
};

static enum status complain(const char *what, struct why *why)
{
    char text[160];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    why_set(why, "cannot make a certificate (%s): %s", what, text);
    return STATUS_IO;
}

static bool serial_set(X509 *certificate)
{
    unsigned char bytes[8];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] = (bytes[0] & 0x3f) | 0x40; /* positive and of constant length */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool is_set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return is_set;
}

static bool extension_add(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool is_added = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static bool subject_set(X509 *certificate, const char *common_name)
{
    return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) == 1;
}

/* What all certificates share; NULL on failure. */
static X509 *certificate_start(EVP_PKEY *key, const char *common_name, int64_t start_s, int64_t end_s)
{
    X509 *certificate = X509_new();
    if (certificate && X509_set_version(certificate, 2) == 1 && serial_set(certificate) &&
        ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)start_s) != NULL &&
        ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)end_s) != NULL &&
        X509_set_pubkey(certificate, key) == 1 && subject_set(certificate, common_name))
        return certificate;
    X509_free(certificate);
    return NULL;
}

static bool authority_extend(X509 *certificate, X509 *issuer)
{
    return extension_add(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE") &&
           extension_add(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           extension_add(certificate, certificate, NID_subject_key_identifier, "hash");
}

enum status authority_make(const char *common_name, int64_t now_s, struct authority **out, struct why *why)
{
    struct authority *authority = calloc(1, sizeof *authority);
    if (!authority)
        return STATUS_NO_MEMORY;
    authority->key = EVP_EC_gen("P-256");
    if (authority->key)
        authority->certificate =
            certificate_start(authority->key, common_name, now_s - DAY_S, now_s + 30 * DAY_S);
    X509 *certificate = authority->certificate;
    if (!certificate || X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) != 1 ||
        !authority_extend(certificate, certificate) ||
        X509_sign(certificate, authority->key, EVP_sha256()) == 0) {
        authority_free(authority);
        return complain(common_name, why);
    }
    *out = authority;
    return STATUS_OK;
}

enum status authority_issue(const struct authority *issuer, const char *common_name, int64_t now_s,
                            struct authority **out, struct why *why)
{
    struct authority *authority = calloc(1, sizeof *authority);
    if (!authority)
        return STATUS_NO_MEMORY;
    authority->is_between = true;
    authority->key = EVP_EC_gen("P-256");
    if (authority->key)
        authority->certificate =
            certificate_start(authority->key, common_name, now_s - DAY_S, now_s + 30 * DAY_S);
    X509 *certificate = authority->certificate;
    if (!certificate || X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate)) != 1 ||
        !authority_extend(certificate, issuer->certificate) ||
        X509_sign(certificate, issuer->key, EVP_sha256()) == 0) {
        authority_free(authority);
        return complain(common_name, why);
    }
    *out = authority;
    return STATUS_OK;
}

void authority_free(struct authority *authority)
{
    if (!authority)
        return;
    for (size_t i = 0; i < CERTIFICATE_KEY_COUNT; i++)
        EVP_PKEY_free(authority->rsa_keys[i]);
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
    free(authority);
}

static enum status bio_publish(BIO *bio, const char *path, mode_t mode, struct why *why)
{
    char *bytes = NULL;
    long count = BIO_get_mem_data(bio, &bytes);
    if (count <= 0)
        return complain(path, why);
    return file_publish(path, bytes, (size_t)count, mode, why);
}

/* The certificate, and the one that signed it where that is not in everybody's hands (NULL: it is). */
static enum status certificate_write(X509 *certificate, X509 *between, const char *path, struct why *why)
{
    BIO *bio = BIO_new(BIO_s_mem());
    enum status status = STATUS_NO_MEMORY;
    if (bio && PEM_write_bio_X509(bio, certificate) == 1 &&
        (!between || PEM_write_bio_X509(bio, between) == 1))
        status = bio_publish(bio, path, 0644, why);
    BIO_free(bio);
    return status;
}

static enum status key_write(EVP_PKEY *key, const char *path, struct why *why)
{
    BIO *bio = BIO_new(BIO_s_mem());
    enum status status = STATUS_NO_MEMORY;
    if (bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        status = bio_publish(bio, path, 0600, why);
    BIO_free(bio);
    return status;
}

enum status authority_publish(const struct authority *authority, const char *path, struct why *why)
{
    return certificate_write(authority->certificate, NULL, path, why);
}

/* "DNS:a,IP:192.0.2.1" of the names in the plan. */
static char *alternative_names(const char *names)
{
    struct buffer text = {0};
    char name[NAME_BYTES];
    int used = 0;
    for (const char *at = names; sscanf(at, " %255s%n", name, &used) == 1; at += used) {
        unsigned char binary[16];
        bool is_address = inet_pton(AF_INET, name, binary) == 1 || inet_pton(AF_INET6, name, binary) == 1;
        buffer_printf(&text, "%s%s:%s", text.count > 0 ? "," : "", is_address ? "IP" : "DNS", name);
    }
    return buffer_take_text(&text);
}

static X509 *leaf_make(const struct authority *authority, const struct certificate_plan *plan, EVP_PKEY *key)
{
    char first[65] = ""; /* the most a common name may hold (RFC 5280 appendix A.1) */
    sscanf(plan->names, " %64s", first);
    char *names = alternative_names(plan->names);
    X509 *issuer = authority->certificate;
    X509 *leaf = names ? certificate_start(key, first, plan->start_s, plan->end_s) : NULL;
    bool is_whole = leaf && X509_set_issuer_name(leaf, X509_get_subject_name(issuer)) == 1 &&
                    extension_add(leaf, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                    extension_add(leaf, issuer, NID_ext_key_usage, "serverAuth") &&
                    extension_add(leaf, issuer, NID_subject_alt_name, names) &&
                    extension_add(leaf, issuer, NID_authority_key_identifier, "keyid") &&
                    X509_sign(leaf, authority->key, EVP_sha256()) != 0;
    free(names);
    if (is_whole)
        return leaf;
    X509_free(leaf);
    return NULL;
}

/* A key of the caller's own; NULL on failure. */
static EVP_PKEY *key_make(struct authority *authority, enum certificate_key kind)
{
    EVP_PKEY **kept = &authority->rsa_keys[kind];
    switch (kind) {
    case CERTIFICATE_P256:
        return EVP_EC_gen("P-256");
    case CERTIFICATE_P384:
        return EVP_EC_gen("P-384");
    case CERTIFICATE_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case CERTIFICATE_RSA_2048:
    case CERTIFICATE_RSA_3072:
        if (!*kept)
            *kept = EVP_RSA_gen(kind == CERTIFICATE_RSA_2048 ? 2048 : 3072);
        if (*kept && EVP_PKEY_up_ref(*kept) != 1)
            return NULL;
        return *kept;
    case CERTIFICATE_KEY_COUNT:
        break;
    }
    return NULL;
}

enum status certificate_publish(struct authority *authority, const struct certificate_plan *plan,
                                const char *certificate_path, const char *key_path, struct why *why)
{
    enum status status = STATUS_OK;
    EVP_PKEY *key = key_make(authority, plan->key);
    X509 *leaf = key ? leaf_make(authority, plan, key) : NULL;
    if (!leaf)
        status = complain(plan->names, why);
    if (status == STATUS_OK)
        status = certificate_write(leaf, authority->is_between ? authority->certificate : NULL,
                                   certificate_path, why);
    if (status == STATUS_OK)
        status = key_write(key, key_path, why);
    X509_free(leaf);
    EVP_PKEY_free(key);
    return status;
}
