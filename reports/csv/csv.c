/* regions.csv, timeline.csv, events.csv, services.csv, signals.csv: RFC 4180, UTF-8, times in RFC 3339 UTC.
 * Owner: each table is gathered in one buffer, published, freed.
 * Why: most of who reports on shutdowns works in a spreadsheet. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "reports/format.h"
#include "reports/words.h"

/* Quoted always. What a spreadsheet would run as a formula gets an apostrophe before it: subjects come from
 * URLs that anybody chose. */
static void cell_text(struct buffer *out, const char *text)
{
    bool is_formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]);
    buffer_text(out, out->count > 0 && out->bytes[out->count - 1] != '\n' ? ",\"" : "\"");
    if (is_formula)
        buffer_text(out, "'");
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            buffer_text(out, "\"");
        buffer_append(out, c, 1);
    }
    buffer_text(out, "\"");
}

static void cell_number(struct buffer *out, int64_t number)
{
    bool is_first = out->count == 0 || out->bytes[out->count - 1] == '\n';
    buffer_printf(out, "%s%" PRId64, is_first ? "" : ",", number);
}

static void cell_count(struct buffer *out, struct report_count count)
{
    char text[COUNT_TEXT_BYTES];
    privacy_count_text(count, text);
    buffer_printf(out, ",%s", text);
}

static void cell_time(struct buffer *out, int64_t time_s)
{
    char text[TIME_TEXT_BYTES] = "";
    if (time_s != 0)
        time_format_utc(time_s * US_PER_S, text);
    buffer_printf(out, ",%s", text);
}

static void regions_table(const struct report_model *model, struct buffer *out)
{
    buffer_text(
        out,
        "region,name,is_emulated,state,state_since,probes,networks,measurements,first_seen,last_seen\r\n");
    for (size_t i = 0; i < model->region_count; i++) {
        const struct report_region *region = &model->regions[i];
        cell_text(out, region->code);
        cell_text(out, region->name);
        cell_number(out, region->is_emulated);
        cell_text(out, shown_state_name(region->state_now));
        cell_time(out, region->state_since_s);
        cell_count(out, region->probes);
        cell_count(out, region->networks_seen);
        cell_count(out, region->measurements);
        cell_time(out, region->first_s);
        cell_time(out, region->last_s);
        buffer_text(out, "\r\n");
    }
}

static void timeline_table(const struct report_model *model, struct buffer *out)
{
    buffer_text(out, "region,start,end,state,probes_seen_least,probes_seen_most\r\n");
    for (size_t i = 0; i < model->region_count; i++) {
        const struct strip *timeline = &model->regions[i].timeline;
        for (size_t j = 0; j < timeline->count; j++) {
            const struct strip_segment *segment = &timeline->segments[j];
            cell_text(out, model->regions[i].code);
            cell_time(out, segment->start_s);
            cell_time(out, segment->end_s);
            cell_text(out, shown_state_name((enum shown_state)segment->state));
            cell_count(out, segment->seen_least);
            cell_count(out, segment->seen_most);
            buffer_text(out, "\r\n");
        }
    }
}

static void event_line(const struct report_model *model, const struct report_event *event, bool is_latest,
                       struct buffer *out)
{
    cell_text(out, event->id);
    cell_number(out, event->revision);
    cell_number(out, is_latest);
    cell_text(out, event->region);
    cell_number(out, event->asn);
    cell_text(out, event_kind_name(event->kind));
    cell_text(out, event->subject);
    cell_text(out, layer_name(event->verdict.layer));
    cell_text(out, event->verdict.method);
    cell_text(out, shown_state_name(event->state));
    buffer_printf(out, ",%.4f", event->confidence);
    cell_time(out, event->onset_earliest_s);
    cell_time(out, event->onset_latest_s);
    cell_time(out, event->end_earliest_s);
    cell_time(out, event->end_latest_s);
    cell_count(out, event->probes);
    cell_count(out, event->networks);
    for (int i = CONFIDENCE_CERTAIN; i > CONFIDENCE_NONE; i--)
        cell_count(out, event->evidence[i]);
    cell_text(out, event->cause_hint);
    cell_text(out, event->explanation);
    cell_text(out, event->example == EVIDENCE_NONE ? "" : model->evidence[event->example].identity);
    buffer_text(out, "\r\n");
}

static void events_table(const struct report_model *model, struct buffer *out)
{
    buffer_text(out,
                "id,revision,is_latest,region,asn,kind,subject,layer,method,state,confidence_uncalibrated,"
                "onset_earliest,onset_latest,end_earliest,end_latest,probes,networks,evidence_certain,"
                "evidence_strong,evidence_medium,evidence_weak,cause_hint,explanation,example\r\n");
    for (size_t i = 0; i < model->event_count; i++) {
        const struct report_event *event = &model->events[i];
        event_line(model, event, true, out);
        for (size_t j = 0; j < event->revision_count; j++)
            if (event->revisions[j].revision != event->revision)
                event_line(model, &event->revisions[j], false, out);
    }
}

static void services_table(const struct report_model *model, struct buffer *out)
{
    buffer_text(out, "region,subject,start,end,state,probes_least,probes_most,is_unsigned\r\n");
    for (size_t i = 0; i < model->region_count; i++)
        for (size_t j = 0; j < model->regions[i].service_count; j++) {
            const struct report_service *service = &model->regions[i].services[j];
            for (size_t k = 0; k < service->strip.count; k++) {
                const struct strip_segment *segment = &service->strip.segments[k];
                if (segment->state == SERVICE_NO_DATA)
                    continue;
                cell_text(out, model->regions[i].code);
                cell_text(out, service->subject);
                cell_time(out, segment->start_s);
                cell_time(out, segment->end_s);
                cell_text(out, service_state_name((enum service_state)segment->state));
                cell_count(out, segment->seen_least);
                cell_count(out, segment->seen_most);
                cell_number(out, service->is_unsigned);
                buffer_text(out, "\r\n");
            }
        }
}

static void signals_table(const struct report_model *model, struct buffer *out)
{
    buffer_text(out, "region,signal,time,value\r\n");
    for (size_t i = 0; i < model->region_count; i++)
        for (size_t j = 0; j < model->regions[i].signal_count; j++) {
            const struct report_signal *signal = &model->regions[i].signals[j];
            for (size_t k = 0; k < signal->count; k++) {
                cell_text(out, model->regions[i].code);
                cell_text(out, signal->name);
                cell_time(out, signal->samples[k].time_s);
                buffer_printf(out, ",%.9g\r\n", signal->samples[k].value);
            }
        }
}

static enum status csv_write(const struct report_model *model, const char *folder, struct why *why)
{
    static const struct {
        const char *name;
        void (*fill)(const struct report_model *model, struct buffer *out);
    } tables[] = {
        {"regions.csv", regions_table},
        {"timeline.csv", timeline_table},
        {"events.csv", events_table},
        {"services.csv", services_table},
        {"signals.csv", signals_table},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && status == STATUS_OK; i++) {
        struct buffer text = {0};
        char *path = path_join(folder, tables[i].name);
        tables[i].fill(model, &text);
        status =
            path && !text.failed ? file_publish(path, text.bytes, text.count, 0644, why) : STATUS_NO_MEMORY;
        free(path);
        buffer_free(&text);
    }
    return status;
}

const struct report_format report_format_csv = {
    .name = "csv",
    .summary = "regions, timeline, events, services and outside signals as CSV",
    .write = csv_write,
};
