/* Reads the shared measuring flags and checks them against each other.
 * Owner: nothing is kept; text stays argv's.
 * Why: one reader, so that measure, check and run cannot drift apart. */
#include "probe/settings/options.h"

#include <stdio.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "tests-network/steps/raw.h"
#include "tests-network/target.h"
#include "probe/sandbox/sandbox.h"

static enum status controls_read(const struct cli_arguments *arguments, struct probe_options *out)
{
    const char *url;
    while ((url = cli_value_at(arguments, "control", out->control_count))) {
        struct why why = {0};
        if (target_url_check(url, &why) != STATUS_OK)
            return cli_complain(arguments, "control", url, "type an absolute URL, such as https://collector.example.org/v1/control");
        if (out->control_count == OPTIONS_CONTROLS_MAX)
            return cli_complain(arguments, "control", url, "that is one too many: give at most 8");
        out->control_urls[out->control_count++] = url;
    }
    return STATUS_OK;
}

static enum status region_read(const struct cli_arguments *arguments, struct vantage_point *out)
{
    const char *country = cli_value(arguments, "country");
    const char *subdivision = cli_value(arguments, "subdivision");
    if (country && !region_is_country(country))
        return cli_complain(arguments, "country", country, "type an ISO 3166-1 code of two capital letters, such as CD");
    if (subdivision && !region_is_subdivision(subdivision))
        return cli_complain(arguments, "subdivision", subdivision, "type an ISO 3166-2 code, such as CD-KN");
    if (country && subdivision && strncmp(country, subdivision, COUNTRY_BYTES - 1) != 0)
        return cli_complain(arguments, "subdivision", subdivision, "it lies in another country than --country says: correct either");
    snprintf(out->country, sizeof out->country, "%.2s",
             country ? country : (subdivision ? subdivision : COUNTRY_UNKNOWN));
    if (subdivision)
        snprintf(out->subdivision, sizeof out->subdivision, "%s", subdivision);
    return STATUS_OK;
}

static enum status asn_read(const struct cli_arguments *arguments, const char *text, uint32_t *out)
{
    uint64_t value = 0;
    const char *digits = strncmp(text, "AS", 2) == 0 ? text + 2 : text;
    bool is_number = digits[0] != '\0' && strlen(digits) <= 10;
    for (const char *at = digits; *at && is_number; at++) {
        is_number = *at >= '0' && *at <= '9';
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (!is_number || value > UINT32_MAX)
        return cli_complain(arguments, "asn", text, "type a number from 0 to 4294967295, such as 37447");
    *out = (uint32_t)value;
    return STATUS_OK;
}

static enum status network_read(const struct cli_arguments *arguments, struct vantage_point *out)
{
    const char *asn = cli_value(arguments, "asn");
    const char *name = cli_value(arguments, "network");
    const char *access = cli_value(arguments, "access");
    if (asn && asn_read(arguments, asn, &out->asn) != STATUS_OK)
        return STATUS_USAGE;
    if (name && (strlen(name) >= sizeof out->network_name || !utf8_is_valid(name, strlen(name))))
        return cli_complain(arguments, "network", name, "type a name of at most 63 bytes, in UTF-8");
    if (name)
        snprintf(out->network_name, sizeof out->network_name, "%s", name);
    if (access && (access_parse(access, &out->access) != STATUS_OK || out->access == ACCESS_UNKNOWN))
        return cli_complain(arguments, "access", access, "type fixed or mobile");
    return STATUS_OK;
}

static enum status others_read(const struct cli_arguments *arguments, struct probe_options *out)
{
    const char *text;
    for (size_t i = 0; (text = cli_value_at(arguments, "compare-resolver", i)); i++) {
        struct why why = {0};
        if (i == NETTEST_OTHERS_MAX)
            return cli_complain(arguments, "compare-resolver", text, "give it four times at most");
        if (nettest_resolver_parse(text, &out->others[i], &why) != STATUS_OK)
            return cli_complain(arguments, "compare-resolver", text, why.text);
        out->other_count = i + 1;
    }
    return STATUS_OK;
}

enum status options_read(const struct cli_arguments *arguments, struct probe_options *out)
{
    struct probe_options options = {
        .resolvers = cli_value(arguments, "resolver"),
        .ca_file = cli_value(arguments, "ca-file"),
        .anchors_file = cli_value(arguments, "anchors"),
        .services_folder = cli_value(arguments, "services"),
        .backend = cli_value(arguments, "backend"),
        .blockpages_file = cli_value(arguments, "blockpages"),
        .blockpages_false_file = cli_value(arguments, "blockpages-false"),
        .geo_db = cli_value(arguments, "geo-db"),
        .asn_db = cli_value(arguments, "asn-db"),
        .allow_private_targets = cli_value(arguments, "allow-private-targets") != NULL,
        .is_resolver_opaque = cli_value(arguments, "android-getaddrinfo") != NULL,
        .wants_quic = cli_value(arguments, "quic") != NULL,
        .no_capture = cli_value(arguments, "no-capture") != NULL,
    };
    struct sockaddr_storage backend;
    if (options.backend && raw_backend_parse(options.backend, &backend) != STATUS_OK)
        return cli_complain(arguments, "backend", options.backend, "type an address with or without a port, such as 192.0.2.7:80");
    enum status status = controls_read(arguments, &options);
    if (status == STATUS_OK)
        status = others_read(arguments, &options);
    if (status == STATUS_OK)
        status = region_read(arguments, &options.vantage);
    if (status == STATUS_OK)
        status = network_read(arguments, &options.vantage);
    if (status == STATUS_OK)
        status = cli_duration(arguments, "timeout", 10 * US_PER_MS, 3600 * US_PER_S, &options.timeout_us);
    if (status == STATUS_OK)
        status = cli_number(arguments, "parallel", 1, 1024, &options.parallel_count);
    if (status == STATUS_OK)
        *out = options;
    return status;
}

enum status options_format(const struct cli_arguments *arguments, bool has_both, enum options_format *out)
{
    const char *format = cli_value(arguments, "format");
    if (!format)
        return STATUS_OK;
    if (strcmp(format, "text") == 0)
        *out = FORMAT_TEXT;
    else if (strcmp(format, "json") == 0)
        *out = FORMAT_JSON;
    else if (has_both && strcmp(format, "both") == 0)
        *out = FORMAT_BOTH;
    else
        return cli_complain(arguments, "format", format, has_both ? "type both, text or json" : "type text or json");
    return STATUS_OK;
}

void options_read_paths(const struct probe_options *options, struct sandbox_plan *plan)
{
    const char *const paths[] = {options->ca_file,         options->anchors_file,          options->services_folder,
                                 options->blockpages_file, options->blockpages_false_file, options->geo_db,
                                 options->asn_db};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        sandbox_plan_read(plan, paths[i]);
}
