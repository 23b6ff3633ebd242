/* Outside signals: times, tables and outages; good, odd and hostile files; and the real series where they are at hand.
 * Owner: each test owns its tables.
 * Why: these files come from strangers, and a wrong column or zone would accuse the wrong hour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/signal/seasonal.h"
#include "collector/signal/signal_store.h"
#include "collector/signal/signal_time.h"
#include "measurement/base/file.h"
#include "measurement/base/random.h"
#include "tests/unit/skipped.h"

#define DAY_S   INT64_C(86400)
#define START_S INT64_C(1577836800) /* 2020-01-01 */

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time_s;
    } cases[] = {
        {"1573430400", 1573430400},
        {"1573430400000", 1573430400},
        {"1573430400.0", 1573430400},
        {"2019-11-11", 1573430400},
        {"2019-11-11 00:00:00", 1573430400},
        {"2019-11-11T00:00:00Z", 1573430400},
        {"2019-11-11T03:30:00+03:30", 1573430400},
        {"2019-11-10T19:00:00.123-0500", 1573430400},
        {"2019-11-11 00:00 UTC", 1573430400},
        {"11-Nov-2019 00:00:00", 1573430400},
        {"11/11/2019 12:00 AM", 1573430400},
        {"20191111", 1573430400},
        {"20191111T000000Z", 1573430400},
        {"1573430400000000", 1573430400},
        {"1573430400000000000", 1573430400},
        {"11 Nov 2019", 1573430400},
        {"11 November 2019 00:00", 1573430400},
        {"Nov 11, 2019", 1573430400},
        {"November 11, 2019, 12:00 AM", 1573430400},
        {"Mon, 11 Nov 2019 00:00:00 GMT", 1573430400},
        {"11.11.2019 00:00", 1573430400},
        {"30.11.2019", 1575072000},
        {"2019.11.11", 1573430400},
        {"2019-11-11 03:00:00+03", 1573430400},
        {"Mon 2019-11-11", 1573430400},
        {"Nov 2019", -1},
        {"Nox 11, 2019", -1},
        {"", -1},
        {"noon", -1},
        {"2019-13-01", -1},
        {"2019-02-29", -1},
        {"2019-11-11T25:00:00Z", -1},
        {"2019-11-11T00:00:00+99:00", -1},
        {"2019-11-11 00:00 and more", -1},
        {"99999999999999999999", -1},
        {"0001-01-01", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t time_s = -1;
        enum status status = signal_time_parse(cases[i].text, ORDER_MONTH_FIRST, &time_s);
        assert_int_equal(status, cases[i].time_s < 0 ? STATUS_MALFORMED : STATUS_OK);
        assert_int_equal(time_s, cases[i].time_s);
    }
}

static enum status table_of(const char *name, const char *text, struct signal_table *out, struct why *why)
{
    return signal_table_read(name, text, strlen(text), out, why);
}

static void test_tables(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *region;
        size_t regions, samples, skipped;
        double first;
    } cases[] = {
        {"a.csv", "time,region,value\n1573430400,IR,7\n", "IR", 1, 1, 0, 7},
        {"a.csv", "Value;Country;Timestamp\n7;IR;2019-11-11\n", "IR", 1, 1, 0, 7},
        {"a.csv", "\xef\xbb\xbftime,region,value\r\n2019-11-11,\"Ardebil, \"\"North\"\"\",50%\r\n", "Ardebil, \"North\"", 1,
         1, 0, 50},
        {"a.csv", "time,region,value\n2019-11-12,IR,1\n2019-11-11,IR,4\n2019-11-11,IR,6\n", "IR", 1, 2, 0, 5},
        {"a.csv", "time,region,value\n2019-11-11,IR,nan\nx,IR,1\n2019-11-11,,1\n2019-11-11,IR,3\n", "IR", 1, 1, 3, 3},
        {"a.csv", "datetime,IR,SY\n2019-11-11,1,2\n2019-11-12,,4\n", "IR", 2, 1, 0, 1},
        {"ooni-data-mm.csv", ",ok,dns,http,tls,error,date,total\n0,3,1,2,3,9,2021-01-01,18\n", "MM", 1, 1, 0, 6},
        {"a.csv", "date,value\n11/12/2019,1\n13/11/2019,2\n", "", 1, 2, 0, 2},
        {"a.csv", "date,value\n11/12/2019,1\n11/13/2019,2\n", "", 1, 2, 0, 1},
        {"a.csv", "Serie: main.timestamps,main.values\n2019-11-11T00:00:00Z,7\n", "", 1, 1, 0, 7},
        {"zones.csv", "time,region,value\n2019-11-11T03:30:00+03:30,IR,1\n2019-11-11T00:00:00Z,IR,3\n"
                      "2019-11-11T01:00+01:00,IR,5\n2019-11-11 00:00,IR,7\n", "IR", 1, 1, 0, 4},
        {"order.csv", "time,region,value\n2019-11-13,IR,5\n2019-11-11,IR,1\n2019-11-12,IR,3\n2019-11-11,IR,1\n", "IR", 1, 3,
         0, 1},
        {"odd.csv", "time,region,value\n2019-11-11,Nowhere,1\n2019-11-11,IR,inf\n2019-11-11,IR,1e999\n2019-11-11,IR,NaN\n"
                    "2019-11-11,\"a\x01""b\",1\n2019-11-11,\xff\xfe,1\n", "Nowhere", 1, 1, 5, 1},
        {"tor.csv", ",date,country,users,lower,upper,frac\n0,2019-11-11,ir,35889,563.0,23278.0,86\n", "ir", 1, 1, 0, 35889},
        {"http-data-mm.csv", ",date,measurements,ok,anomalies,ratio\n0,2019-11-11,10,7,3,0.3\n", "MM", 1, 1, 0, 3},
        {"a.csv", "anomaly_count,confirmed_count,failure_count,measurement_count,measurement_start_day,ok_count,probe_cc\n"
                  "5,2,9,100,2019-11-11,84,MM\n", "MM", 1, 1, 0, 7},
        {"ioda.csv", ",time,bgp,ping-slash24,merit-nt,datetime\n0,1573430400,9,8,,2019-11-11\n", "bgp", 2, 1, 0, 9},
        {"a.csv", "datetime,bgp\n1573430400,9\n", "", 1, 1, 0, 9},
        {"delay.csv", "country_iso_name,adm1_name,adm1_unique_identifier,timezone_offset,timezone_name,time_local,latency_indx\n"
                      "Russia,Kursk,RUS-42,3,Europe/Moscow,01-Dec-2021 06:00:00,100.8\n", "Kursk", 1, 1, 0, 100.8},
        {"a.csv", "\xef\xbb\xbf\"Region\";\"Date\";\"Value\"\r\nIR;11.11.2019;0,53\r\n", "IR", 1, 1, 0, 0.53},
        {"a.tsv", "TIME\tREGION\tVALUE\n2019-11-11\tIR\t1,234,567\n", "IR", 1, 1, 0, 1234567},
        {"a.csv", "time,region,value\n2019-11-11,IR,\"12,345.5\"\n2019-11-12,IR,\"1,23\"\n", "IR", 1, 1, 1, 12345.5},
        {"a.csv", "time,region,value\n2019-11-11,IR,1 234 %\n2019-11-12,IR,\n2019-11-13,IR,NULL\n", "IR", 1, 1, 2, 1234},
        {"mlab.csv", "date,country_code,n_tests,median_download_mbps\n2019-11-11,SY,400,5.5\n", "SY", 1, 1, 0, 400},
        {"ioda.json", "{\"data\":[[{\"entityType\":\"country\",\"entityCode\":\"IR\",\"datasource\":\"bgp\",\"from\":1573430400,"
                      "\"step\":300,\"values\":[7,null,9]}]]}", "IR", 1, 2, 1, 7},
        {"ioda.json", "{\"data\":[[{\"entityType\":\"region\",\"entityName\":\"Fars\",\"datasource\":\"bgp\",\"from\":1573430400,\"step\":300,"
                      "\"values\":[7]},{\"entityName\":\"Fars\",\"datasource\":\"gtr\",\"from\":1573430400,\"step\":300,\"values\":[8]}]]}",
         "Fars bgp", 2, 1, 0, 7},
        {"radar-ir.json", "{\"result\":{\"serie_0\":{\"timestamps\":[\"2019-11-11T00:00:00Z\",\"2019-11-11T01:00:00Z\"],"
                          "\"values\":[\"0.5\",\"0.6\"]}}}", "IR", 1, 2, 0, 0.5},
        {"a.json", "{\"serie_0\":{\"timestamps\":[\"2019-11-11\"],\"desktop\":[1],\"mobile\":[2]}}", "desktop", 2, 1, 0, 1},
        {"a.csv", "Post ID,Survey,Post Date,Location\n1,x,2019-11-11,Kabul\n2,x,2019-11-11,Kabul\n", "Kabul", 1, 1, 0, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct signal_table table;
        struct why why = {""};
        assert_int_equal(table_of(cases[i].name, cases[i].text, &table, &why), STATUS_OK);
        assert_int_equal(table.count, cases[i].regions);
        assert_string_equal(table.series[0].region, cases[i].region);
        assert_int_equal(table.series[0].count, cases[i].samples);
        assert_int_equal(table.skipped_count, cases[i].skipped);
        assert_true(table.series[0].samples[0].value == cases[i].first);
        signal_table_free(&table);
    }
}

static void test_refused_tables(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n\n",
        "time\n2019-11-11\n",
        "region,value\nIR,1\n",
        "time,region\n2019-11-11,IR\n",
        "time,region,up,down\n2019-11-11,IR,1,2\n",
        "{\"data\":[]}",
        "{\"data\":[",
        "[[[[[[[[[[{\"timestamps\":[1],\"values\":[1]}]]]]]]]]]]",
        "{\"from\":-5,\"step\":1,\"values\":[1]}",
        "time,region,value\n",
        "time,region,value\nx,y,z\n",
        "time,region,value\n13/01/2026,IR,1\n01/14/2026,IR,2\n",
    };
    struct signal_table table;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct why why = {""};
        assert_int_equal(table_of("a.csv", texts[i], &table, &why), STATUS_MALFORMED);
        assert_true(strlen(why.text) > 10);
    }
    struct buffer columns = {0};
    struct why why = {""};
    for (int i = 0; i < 1000000; i++)
        buffer_text(&columns, "1,");
    assert_int_equal(signal_table_read("a.csv", columns.bytes, columns.count, &table, &why), STATUS_TOO_LARGE);
    assert_non_null(strstr(why.text, "longer than"));
    columns.count = 2000;
    assert_int_equal(signal_table_read("a.csv", columns.bytes, columns.count, &table, &why), STATUS_TOO_LARGE);
    assert_non_null(strstr(why.text, "columns"));
    buffer_free(&columns);
}

/* A year-like diurnal series, with noise; `value` of an hour outside [from, until) days is usual, within it `share`. */
static void diurnal(struct series *series, int64_t step_s, int days, double from_day, double until_day, double share,
                    uint64_t seed)
{
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, seed);
    size_t count = (size_t)(days * DAY_S / step_s);
    *series = (struct series){.region = "XA", .samples = calloc(count, sizeof *series->samples), .count = count};
    for (size_t i = 0; i < count; i++) {
        int64_t time_s = START_S + (int64_t)i * step_s;
        double day = (double)(time_s - START_S) / (double)DAY_S;
        double usual = (100 + 60 * sin(2 * acos(-1.0) * day)) * (((int)day % 7) >= 5 ? 0.78 : 1);
        double noise = 1 + 0.06 * (random_unit(&random) - 0.5);
        series->samples[i] = (struct sample){time_s, usual * noise * (day >= from_day && day < until_day ? share : 1), 0};
    }
}

static void test_outages_of_made_series(void **state)
{
    (void)state;
    static const struct {
        int64_t step_s;
        int days;
        double from_day, until_day, share;
        size_t events;
    } cases[] = {
        {3600, 60, 0, 0, 1, 0},          /* nights and weekends are no outages */
        {600, 30, 0, 0, 1, 0},
        {3600, 40, 30.5, 32.0, 0.1, 1},
        {600, 30, 20.75, 21.0, 0.2, 1},
        {3600, 60, 30, 51, 0.05, 1},     /* three weeks are not learnt as normal */
        {3600, 60, 30.25, 30.75, 0.9, 0}, /* a tenth less is no outage */
        {86400, 60, 40, 44, 0.2, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct series series;
        struct signal_table table = {.series = &series, .count = 1};
        struct outages outages;
        diurnal(&series, cases[i].step_s, cases[i].days, cases[i].from_day, cases[i].until_day, cases[i].share, i + 1);
        assert_int_equal(seasonal_detect(&table, &outages), STATUS_OK);
        if (outages.count != cases[i].events)
            print_message("case %zu: %zu events\n", i, outages.count);
        assert_int_equal(outages.count, cases[i].events);
        if (cases[i].events > 0) {
            int64_t onset_s = START_S + (int64_t)(cases[i].from_day * (double)DAY_S);
            int64_t end_s = START_S + (int64_t)(cases[i].until_day * (double)DAY_S);
            int64_t slack_s = cases[i].step_s > 3600 ? cases[i].step_s : 3600;
            assert_true(llabs(outages.items[0].onset_s - onset_s) <= slack_s);
            assert_true(llabs(outages.items[0].end_s - end_s) <= slack_s);
            assert_true(fabs(outages.items[0].depth - (1 - cases[i].share)) < 0.1);
        }
        outages_free(&outages);
        free(series.samples);
    }
}

static bool file_table(const char *path, struct signal_table *out)
{
    struct buffer bytes = {0};
    bool found = file_read(path, SIGNAL_BYTES_MOST, &bytes, NULL) == STATUS_OK;
    if (found)
        assert_int_equal(signal_table_read(path, bytes.bytes, bytes.count, out, NULL), STATUS_OK);
    buffer_free(&bytes);
    return found;
}

static int time_compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void test_iran_november_2019(void **state)
{
    (void)state;
    struct signal_table table;
    struct outages outages;
    if (!file_table(SHARED_DATA "/series/monash/irn-2019-11-11_gif.csv", &table))
        skip_because(SKIPPED_WITHOUT_DATA);
    assert_int_equal(seasonal_detect(&table, &outages), STATUS_OK);
    int64_t onsets[64];
    assert_true(outages.count >= 27 && outages.count <= 33);
    for (size_t i = 0; i < outages.count; i++)
        onsets[i] = outages.items[i].onset_s;
    qsort(onsets, outages.count, sizeof *onsets, time_compare);
    size_t near = 0;
    for (size_t i = 0; i < outages.count; i++)
        near += llabs(outages.items[i].onset_s - onsets[outages.count / 2]) <= 3 * 3600 &&
                outages.items[i].pattern == PATTERN_HELD_DOWN;
    assert_int_equal(table.count, 30);
    assert_true(near >= 27);
    outages_free(&outages);
    signal_table_free(&table);
}

static void test_venezuela_july_2019_returns_gradually(void **state)
{
    (void)state;
    struct signal_table table;
    struct outages outages;
    if (!file_table(SHARED_DATA "/series/monash/ven-2019-07-22_gif.csv", &table))
        skip_because(SKIPPED_WITHOUT_DATA);
    assert_int_equal(seasonal_detect(&table, &outages), STATUS_OK);
    assert_true(outages.count >= 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(outages.items[i].pattern, PATTERN_GRADUAL_RETURN);
    outages_free(&outages);
    signal_table_free(&table);
}

static void test_myanmar_february_2021(void **state)
{
    (void)state;
    struct signal_table table;
    struct outages outages;
    if (!file_table(SHARED_DATA "/series/acsac/ooni-data-mm.csv", &table))
        skip_because(SKIPPED_WITHOUT_DATA);
    assert_int_equal(seasonal_detect(&table, &outages), STATUS_OK);
    assert_true(outages.count > 0);
    assert_string_equal(table.series[0].region, "MM");
    assert_in_range(outages.items[0].onset_s, 1612137600, 1614556799); /* February 2021 */
    outages_free(&outages);
    signal_table_free(&table);
}

static void test_kept_signals_merge(void **state)
{
    (void)state;
    char folder[] = "/tmp/dialtone-signal-XXXXXX", path[128], command[96];
    assert_non_null(mkdtemp(folder));
    struct signal_kept kept;
    struct why why = {""};
    snprintf(path, sizeof path, "%s/in.csv", folder);
    static const char first[] = "time,region,value\n2019-11-11,Ukraine,1\n2019-11-12,UA-46,2\n";
    static const char second[] = "time,region,value\n2019-11-12,UA-46,3\n2019-11-13,Nowhere,4\n";
    assert_int_equal(file_publish(path, first, strlen(first), 0644, NULL), STATUS_OK);
    assert_int_equal(signal_keep(folder, "ioda", path, &kept, &why), STATUS_OK);
    assert_int_equal(kept.sample_count, 2);
    assert_int_equal(kept.unknown_region_count, 0);
    assert_int_equal(signal_keep(folder, "ioda", path, &kept, &why), STATUS_OK);
    assert_int_equal(kept.sample_count, 2);
    assert_int_equal(file_publish(path, second, strlen(second), 0644, NULL), STATUS_OK);
    assert_int_equal(signal_keep(folder, "ioda", path, &kept, &why), STATUS_OK);
    assert_int_equal(kept.sample_count, 3);
    assert_int_equal(kept.unknown_region_count, 1);
    assert_int_equal(signal_keep(folder, "../ioda", path, &kept, &why), STATUS_USAGE);
    struct buffer text = {0};
    snprintf(path, sizeof path, "%s/signals/ioda.csv", folder);
    assert_int_equal(file_read(path, 10000, &text, NULL), STATUS_OK);
    char *lines = buffer_take_text(&text);
    assert_non_null(strstr(lines, "2019-11-12T00:00:00Z,\"UA-46\",UA-46,3\n"));
    assert_non_null(strstr(lines, "\"Ukraine\",UA,1\n"));
    free(lines);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void test_names_become_codes(void **state)
{
    (void)state;
    static const struct {
        const char *word, *code;
    } cases[] = {{"ua", "UA"}, {"UA-46", "UA-46"}, {"Ukraine", "UA"}, {"Tehran", "IR-23"}, {"ZULIA", "VE-V"},
                 {"Bol\xc3\xadvar", ""}, {"M\xc3\xa9xico", "MX"}, {"Nowhere", ""}, {"", ""}, {"ZZ", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char code[REGION_BYTES] = "";
        assert_int_equal(signal_region_code(cases[i].word, code), cases[i].code[0] != '\0');
        if (strcmp(cases[i].word, "Tehran") == 0)
            assert_memory_equal(code, cases[i].code, 3); /* subdivisions are renumbered at times */
        else
            assert_string_equal(code, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_refused_tables),
        cmocka_unit_test(test_outages_of_made_series),
        cmocka_unit_test(test_iran_november_2019),
        cmocka_unit_test(test_venezuela_july_2019_returns_gradually),
        cmocka_unit_test(test_myanmar_february_2021),
        cmocka_unit_test(test_kept_signals_merge),
        cmocka_unit_test(test_names_become_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
