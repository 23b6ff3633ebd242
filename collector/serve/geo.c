/* Country and network of an address, from MaxMind databases.
 * Owner: the open databases.
 * Why: a probe that does not know where it is can ask; the answer goes to it alone. */
#include <maxminddb.h>
#include <stdlib.h>
#include <string.h>

#include "collector/serve/parts.h"

struct geo {
    MMDB_s country;
    MMDB_s network;
    bool has_country;
    bool has_network;
};

static enum status database_open(const char *path, MMDB_s *out, bool *out_has, struct why *why)
{
    if (!path) {
        return STATUS_OK;
    }
    int code = MMDB_open(path, MMDB_MODE_MMAP, out);
    if (code != MMDB_SUCCESS) {
        why_set(why, "%s cannot be used: %s; give a database in MaxMind's mmdb format", path,
                MMDB_strerror(code));
        return STATUS_USAGE;
    }
    *out_has = true;
    return STATUS_OK;
}

enum status geo_open(const char *geo_path, const char *asn_path, struct geo **out, struct why *why)
{
    struct geo *geo = calloc(1, sizeof *geo);
    if (!geo) {
        return STATUS_NO_MEMORY;
    }
    enum status status = database_open(geo_path, &geo->country, &geo->has_country, why);
    if (status == STATUS_OK) {
        status = database_open(asn_path, &geo->network, &geo->has_network, why);
    }
    if (status == STATUS_OK) {
        *out = geo;
    } else {
        geo_free(geo);
    }
    return status;
}

void geo_free(struct geo *geo)
{
    if (!geo) {
        return;
    }
    if (geo->has_country) {
        MMDB_close(&geo->country);
    }
    if (geo->has_network) {
        MMDB_close(&geo->network);
    }
    free(geo);
}

static bool entry_find(const MMDB_s *database, const char *address, const char *const *path,
                       MMDB_entry_data_s *out)
{
    int address_error = 0;
    int error = MMDB_SUCCESS;
    MMDB_lookup_result_s found = MMDB_lookup_string(database, address, &address_error, &error);
    return address_error == 0 && error == MMDB_SUCCESS && found.found_entry &&
           MMDB_aget_value(&found.entry, out, path) == MMDB_SUCCESS && out->has_data;
}

void geo_find(const struct geo *geo, const char *address, char country[COUNTRY_BYTES], uint32_t *asn)
{
    static const char *const country_path[] = {"country", "iso_code", NULL};
    static const char *const network_path[] = {"autonomous_system_number", NULL};
    MMDB_entry_data_s data;
    char code[COUNTRY_BYTES] = "";
    memcpy(country, COUNTRY_UNKNOWN, COUNTRY_BYTES);
    *asn = 0;
    if (geo->has_country && entry_find(&geo->country, address, country_path, &data) &&
        data.type == MMDB_DATA_TYPE_UTF8_STRING && data.data_size == COUNTRY_BYTES - 1) {
        memcpy(code, data.utf8_string, COUNTRY_BYTES - 1);
        if (region_is_country(code)) {
            memcpy(country, code, COUNTRY_BYTES);
        }
    }
    if (geo->has_network && entry_find(&geo->network, address, network_path, &data) &&
        data.type == MMDB_DATA_TYPE_UINT32) {
        *asn = data.uint32;
    }
}
