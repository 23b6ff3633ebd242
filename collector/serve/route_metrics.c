/* GET /metrics: counters in OpenMetrics text.
 * Owner: the text lives for one answer.
 * Why: numbers of the whole service only; a label for a probe or a caller would be a trace of a person. */
#include <event2/http.h>
#include <inttypes.h>
#include <sys/resource.h>

#include "collector/serve/parts.h"
#include "collector/serve/routes.h"

#define CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

static void family(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

static void answers_write(struct metrics *metrics, struct buffer *out)
{
    family(out, "dialtone_http_responses", "counter", "Answers by route and class of code.");
    for (size_t route = 0; route < routes_count(); route++) {
        const char *path = routes_at(route)->path;
        for (size_t class = 1; class < METRICS_CODES; class++) {
            uint64_t count = atomic_load_explicit(&metrics->answers[route][class], memory_order_relaxed);
            if (count > 0) {
                buffer_printf(out, "dialtone_http_responses_total{route=\"%s\",code=\"%zuxx\"} %" PRIu64 "\n",
                              path[0] ? path : "pages", class, count);
            }
        }
    }
}

static void bundles_write(struct metrics *metrics, struct buffer *out)
{
    family(out, "dialtone_bundles", "counter", "Bundles that came over the network, by what became of them.");
    for (size_t status = 0; status < METRICS_STATUSES_MOST; status++) {
        uint64_t count = atomic_load_explicit(&metrics->bundles[status], memory_order_relaxed);
        if (count > 0 || status == STATUS_OK) {
            buffer_printf(out, "dialtone_bundles_total{result=\"%s\"} %" PRIu64 "\n", status_name((enum status)status),
                          count);
        }
    }
    family(out, "dialtone_measurements", "counter", "Measurements in them: new ones, and ones that were there.");
    buffer_printf(out,
                  "dialtone_measurements_total{result=\"accepted\"} %" PRIu64 "\n"
                  "dialtone_measurements_total{result=\"duplicate\"} %" PRIu64 "\n",
                  (uint64_t)atomic_load_explicit(&metrics->measurements_accepted, memory_order_relaxed),
                  (uint64_t)atomic_load_explicit(&metrics->measurements_duplicate, memory_order_relaxed));
    family(out, "dialtone_unsigned_measurements", "counter", "Measurements that came by OONI's protocol.");
    buffer_printf(out, "dialtone_unsigned_measurements_total %" PRIu64 "\n",
                  (uint64_t)atomic_load_explicit(&metrics->unsigned_measurements, memory_order_relaxed));
}

static void gauge(struct buffer *out, const char *name, const char *help, double value)
{
    family(out, name, "gauge", help);
    buffer_printf(out, "%s %.17g\n", name, value);
}

static void process_write(struct buffer *out)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return;
    }
    double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    family(out, "process_cpu_seconds", "counter", "Processor time of the collector.");
    buffer_printf(out, "process_cpu_seconds_total %.6f\n", seconds);
    gauge(out, "process_peak_memory_bytes", "Most memory that the collector has held.",
          (double)usage.ru_maxrss * 1024.0);
}

void route_metrics(struct server *server, struct evhttp_request *request, const char *rest)
{
    struct service *service = server->service;
    struct buffer out = {0};
    (void)rest;
    answers_write(&service->metrics, &out);
    bundles_write(&service->metrics, &out);
    gauge(&out, "dialtone_pipeline_bundles", "Bundles on their way into the store.",
          (double)pipeline_count(service->pipeline));
    gauge(&out, "dialtone_held_bytes", "Bytes of requests that are not answered yet.",
          (double)atomic_load(&service->held_bytes));
    gauge(&out, "dialtone_connections", "Connections of the loop that answers this.",
          (double)connections_count(server->connections));
    process_write(&out);
    family(&out, "dialtone_build", "info", "What runs here.");
    buffer_text(&out, "dialtone_build_info{version=\"" DIALTONE_VERSION "\"} 1\n# EOF\n");
    reply_header(request, "Cache-Control", "no-store");
    reply_bytes(request, 200, CONTENT_TYPE, &out);
}
