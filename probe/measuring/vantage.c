/* Country and network of this probe, from databases or from a collector's answer.
 * Owner: databases are open only during a lookup.
 * Why: a record without a place is of little use, and a record with an address is a danger. */
#include "probe/measuring/vantage.h"

#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/address.h"
#include "measurement/base/json.h"

static enum status database_open(const char *path, MMDB_s *out, struct why *why)
{
    int code = MMDB_open(path, MMDB_MODE_MMAP, out);
    if (code == MMDB_SUCCESS)
        return STATUS_OK;
    why_set(why, "cannot use %s as a database: %s; give a .mmdb file", path, MMDB_strerror(code));
    return code == MMDB_FILE_OPEN_ERROR ? STATUS_NOT_FOUND : STATUS_MALFORMED;
}

static bool value_take(MMDB_lookup_result_s *found, const char *const *path, MMDB_entry_data_s *out)
{
    return found->found_entry && MMDB_aget_value(&found->entry, out, path) == MMDB_SUCCESS && out->has_data;
}

static void country_take(MMDB_lookup_result_s *found, struct vantage_point *vantage)
{
    MMDB_entry_data_s data;
    char code[COUNTRY_BYTES];
    if (!value_take(found, (const char *const[]){"country", "iso_code", NULL}, &data) ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size != 2)
        return;
    memcpy(code, data.utf8_string, 2);
    code[2] = '\0';
    if (region_is_country(code))
        memcpy(vantage->country, code, sizeof code);
}

static void network_take(MMDB_lookup_result_s *found, struct vantage_point *vantage)
{
    MMDB_entry_data_s data;
    if (!value_take(found, (const char *const[]){"autonomous_system_number", NULL}, &data) ||
        data.type != MMDB_DATA_TYPE_UINT32)
        return;
    vantage->asn = data.uint32;
    if (!vantage->network_name[0] &&
        value_take(found, (const char *const[]){"autonomous_system_organization", NULL}, &data) &&
        data.type == MMDB_DATA_TYPE_UTF8_STRING && data.data_size < sizeof vantage->network_name &&
        utf8_is_valid(data.utf8_string, data.data_size)) {
        memcpy(vantage->network_name, data.utf8_string, data.data_size);
        vantage->network_name[data.data_size] = '\0';
    }
}

static enum status database_ask(const char *path, const struct sockaddr *address,
                                void (*take)(MMDB_lookup_result_s *, struct vantage_point *),
                                struct vantage_point *vantage, struct why *why)
{
    MMDB_s database;
    enum status status = database_open(path, &database, why);
    if (status != STATUS_OK)
        return status;
    int code = MMDB_SUCCESS;
    MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&database, address, &code);
    if (code == MMDB_SUCCESS) {
        take(&found, vantage);
    } else if (code != MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR) {
        why_set(why, "%s is damaged: %s; fetch it again", path, MMDB_strerror(code));
        status = STATUS_MALFORMED;
    }
    MMDB_close(&database);
    return status;
}

static bool has_country(const struct vantage_point *vantage)
{
    return vantage->country[0] && strcmp(vantage->country, COUNTRY_UNKNOWN) != 0;
}

enum status vantage_lookup(const char *geo_db, const char *asn_db, const struct sockaddr *address,
                           struct vantage_point *vantage, struct why *why)
{
    enum status status = STATUS_OK;
    if (geo_db && !has_country(vantage))
        status = database_ask(geo_db, address, country_take, vantage, why);
    if (status == STATUS_OK && asn_db && vantage->asn == 0)
        status = database_ask(asn_db, address, network_take, vantage, why);
    return status;
}

enum status vantage_lookup_own(const char *geo_db, const char *asn_db, const struct scrub_addresses *own,
                               struct vantage_point *vantage, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < own->count && status == STATUS_OK; i++) {
        const struct sockaddr *address = (const struct sockaddr *)&own->addresses[i];
        if (address_is_public(address))
            status = vantage_lookup(geo_db, asn_db, address, vantage, why);
    }
    return status;
}

enum status vantage_read_whoami(const void *body, size_t count, struct vantage_point *vantage,
                                struct scrub_addresses *own)
{
    json_t *answer = NULL;
    enum status status = json_read(body, count, &answer, NULL);
    if (status != STATUS_OK)
        return status;
    const char *country = json_member_text(answer, "cc");
    const char *network_name = json_member_text(answer, "network_name");
    const char *address = json_member_text(answer, "address");
    int64_t asn = json_member_int(answer, "asn", -1);
    if (!json_is_object(answer) || !country || asn < 0 || asn > UINT32_MAX) {
        json_decref(answer);
        return STATUS_MALFORMED;
    }
    if (!has_country(vantage) && region_is_country(country))
        memcpy(vantage->country, country, COUNTRY_BYTES);
    if (vantage->asn == 0) {
        vantage->asn = (uint32_t)asn;
        if (!vantage->network_name[0] && network_name && strlen(network_name) < sizeof vantage->network_name)
            memcpy(vantage->network_name, network_name, strlen(network_name) + 1);
    }
    if (address)
        (void)scrub_add_text(own, address);
    json_decref(answer);
    return STATUS_OK;
}

char *vantage_whoami_url(const char *collector_url)
{
    static const char control[] = "/v1/control";
    size_t length = strlen(collector_url), control_length = sizeof control - 1;
    struct buffer url = {0};
    if (length >= control_length && strcmp(collector_url + length - control_length, control) == 0)
        length -= control_length;
    while (length > 0 && collector_url[length - 1] == '/')
        length--;
    buffer_append(&url, collector_url, length);
    buffer_text(&url, "/v1/whoami");
    return buffer_take_text(&url);
}
