/* The published description against the service that runs: every route is in it, and every operation, parameter and code in it
 * is met by a real answer.
 * Owner: the scene has two servers in child processes, on data folders of their own.
 * Why: others write their clients from the description. */
#include "tests/unit/collector/fixture.h"

#include <curl/curl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "collector/raw/raw_store.h"
#include "collector/serve/openapi.h"
#include "collector/serve/routes.h"
#include "measurement/base/json.h"

#define HASH_NONE "0000000000000000000000000000000000000000000000000000000000000000"
#define MET_MOST  64

struct place {
    char *folder;
    pid_t pid;
    int port;
};

struct scene {
    struct place full;  /* with targets, pages and a bundle */
    struct place empty; /* with nothing */
    char bundle[2 * SHA256_BYTES + 1];
    char measurement[2 * SHA256_BYTES + 1];
    char report[160];
    char code[TRUST_CODE_BYTES];
    long last_code;
    char etag[64];
    struct buffer body;
    struct {
        int codes[OPENAPI_CODES_MOST];
        bool parameters[OPENAPI_PARAMETERS_MOST];
    } met[MET_MOST]; /* of each operation: what was seen */
};

static void serve(const char *path, bool is_full, int told)
{
    struct collector_folder folder = {0};
    struct service *service = NULL;
    struct why why = {""};
    struct service_config config = {.listen = "127.0.0.1:0", .loop_count = 1, .resolvers = "127.0.0.1:9"};
    config.log.clock = clock_system();
    config.targets_path = is_full ? path_join(path, "targets.csv") : NULL;
    config.site_folder = is_full ? path_join(path, "site") : NULL;
    enum status status = collector_folder_open(path, 1, &folder, &why);
    if (status == STATUS_OK) {
        status = service_open(&config, &folder, &service, &why);
    }
    if (status != STATUS_OK) {
        fprintf(stderr, "%s\n", why.text);
        _exit(9);
    }
    int port = service_port(service);
    if (write(told, &port, sizeof port) != sizeof port) {
        _exit(8);
    }
    close(told);
    status = service_run(service);
    service_free(service);
    collector_folder_close(&folder);
    free((char *)config.targets_path);
    free((char *)config.site_folder);
    exit(status == STATUS_OK ? 0 : 7);
}

static void file_put(const char *folder, const char *name, const char *text)
{
    char *path = path_join(folder, name);
    assert_int_equal(file_publish(path, text, strlen(text), 0644, NULL), STATUS_OK);
    free(path);
}

static void place_start(struct place *place, bool is_full)
{
    int ends[2];
    place->folder = fixture_folder();
    if (is_full) {
        char *site = path_join(place->folder, "site");
        assert_int_equal(folder_make(site, 0755, NULL), STATUS_OK);
        file_put(site, "index.html", "<!doctype html><title>x</title>");
        file_put(place->folder, "targets.csv", "url,category_code\nhttps://www.example.org/,NEWS\n");
        free(site);
    }
    assert_int_equal(pipe(ends), 0);
    place->pid = fork();
    if (place->pid == 0) {
        close(ends[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves no server behind */
        serve(place->folder, is_full, ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &place->port, sizeof place->port), sizeof place->port);
    close(ends[0]);
}

static void place_stop(struct place *place)
{
    int status = 0;
    kill(place->pid, SIGTERM);
    assert_int_equal(waitpid(place->pid, &status, 0), place->pid);
    fixture_folder_free(place->folder);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static size_t keep_body(char *bytes, size_t size, size_t count, void *arg)
{
    buffer_append(arg, bytes, size * count);
    return size * count;
}

static size_t keep_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct scene *scene = arg;
    if (size * count > 6 && strncasecmp(bytes, "ETag: ", 6) == 0) {
        snprintf(scene->etag, sizeof scene->etag, "%.*s", (int)(size * count) - 8, bytes + 6);
    }
    return size * count;
}

/* `path` begins with ! for the empty server. */
static void ask(struct scene *scene, const char *method, const char *path, struct curl_slist *headers, const void *body,
                size_t count)
{
    char url[1024];
    bool is_empty = path[0] == '!';
    CURL *curl = curl_easy_init();
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", is_empty ? scene->empty.port : scene->full.port, path + is_empty);
    scene->etag[0] = 0;
    buffer_free(&scene->body);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, strcmp(method, "post") == 0 ? "POST" : "GET");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &scene->body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, scene);
    if (body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        fail_msg("%s %s: %s", method, path, curl_easy_strerror(code));
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &scene->last_code);
    curl_easy_cleanup(curl);
}

static size_t operation_find(const char *method, const char *path)
{
    for (size_t i = 0; i < openapi_count(); i++) {
        if (strcmp(openapi_at(i)->path, path) == 0 && strcmp(openapi_at(i)->method, method) == 0) {
            return i;
        }
    }
    fail_msg("%s %s is not described", method, path);
    return 0;
}

static void code_note(struct scene *scene, size_t operation, int code)
{
    const struct openapi_operation *row = openapi_at(operation);
    for (size_t i = 0; i < OPENAPI_CODES_MOST && row->codes[i]; i++) {
        if (row->codes[i] == code) {
            scene->met[operation].codes[i] = 1;
            return;
        }
    }
    fail_msg("%s %s answers %d, which is not described: %.*s", row->method, row->path, code, (int)scene->body.count,
             (const char *)scene->body.bytes);
}

static void parameters_note(struct scene *scene, size_t operation, const char *path, struct curl_slist *headers)
{
    const struct openapi_operation *row = openapi_at(operation);
    const char *query = strchr(path, '?');
    for (size_t i = 0; i < OPENAPI_PARAMETERS_MOST && row->parameters[i].name; i++) {
        const struct openapi_parameter *parameter = &row->parameters[i];
        size_t length = strlen(parameter->name);
        bool is_met = parameter->place == OPENAPI_PATH;
        for (const char *at = query; at && parameter->place == OPENAPI_QUERY; at = strchr(at + 1, '&')) {
            is_met = is_met || (strncmp(at + 1, parameter->name, length) == 0 && at[1 + length] == '=');
        }
        for (struct curl_slist *at = headers; at && parameter->place == OPENAPI_HEADER; at = at->next) {
            is_met = is_met || strncmp(at->data, parameter->name, length) == 0;
        }
        scene->met[operation].parameters[i] = scene->met[operation].parameters[i] || is_met;
    }
}

/* Asks, holds the answer to the description, and asks again with the tag where that is described. */
static void try(struct scene *scene, const char *method, const char *described, const char *path, int code,
                struct curl_slist *headers, const void *body, size_t count)
{
    size_t operation = operation_find(method, described);
    ask(scene, method, path, headers, body, count);
    if (scene->last_code != code) {
        fail_msg("%s %s answers %ld, not %d: %.*s", method, path, scene->last_code, code, (int)scene->body.count,
                 (const char *)scene->body.bytes);
    }
    code_note(scene, operation, code);
    parameters_note(scene, operation, path, headers);
    if (code >= 400) {
        json_t *error = NULL;
        assert_int_equal(json_read((const char *)scene->body.bytes, scene->body.count, &error, NULL), STATUS_OK);
        assert_non_null(json_member_text(error, "error"));
        assert_non_null(json_member_text(error, "detail"));
        json_decref(error);
    } else if (code == 200 && scene->etag[0] && strcmp(method, "get") == 0) {
        char header[96];
        snprintf(header, sizeof header, "If-None-Match: %s", scene->etag);
        struct curl_slist *tagged = curl_slist_append(NULL, header);
        ask(scene, method, path, tagged, NULL, 0);
        assert_int_equal(scene->last_code, 304);
        assert_int_equal(scene->body.count, 0);
        code_note(scene, operation, 304);
        curl_slist_free_all(tagged);
    }
}

static void get(struct scene *scene, const char *described, const char *path, int code)
{
    try(scene, "get", described, path, code, NULL, NULL, 0);
}

static struct curl_slist *signed_headers_of(const struct secret_key *key, const void *minisig, size_t count)
{
    struct buffer text = {0};
    char key_text[PUBLIC_KEY_TEXT_BYTES];
    public_key_format(&key->public_key, key_text);
    buffer_text(&text, "Dialtone-Signature: ");
    base64url_append(&text, minisig, count);
    char *line = buffer_take_text(&text);
    struct curl_slist *headers = curl_slist_append(NULL, line);
    buffer_printf(&text, "Dialtone-Key: %s", key_text);
    char *second = buffer_take_text(&text);
    headers = curl_slist_append(headers, second);
    free(line);
    free(second);
    return headers;
}

static void bundle_post(struct scene *scene, int seed, int64_t sequence, int first, int code)
{
    struct secret_key key = fixture_key((uint64_t)seed);
    struct buffer lines = {0};
    fixture_lines_add(first, 3, &lines);
    struct fixture_bundle made = fixture_bundle(&key, sequence, &lines);
    struct curl_slist *headers = signed_headers_of(&key, made.minisig.bytes, made.minisig.count);
    try(scene, "post", "/v1/bundles", "/v1/bundles", code, headers, made.packed.bytes, made.packed.count);
    if (code == 201) {
        struct reader reader = reader_of(lines.bytes, lines.count);
        struct reader line;
        uint8_t hash[SHA256_BYTES];
        sha256(made.packed.bytes, made.packed.count, hash);
        hex_encode(hash, SHA256_BYTES, scene->bundle);
        reader_line(&reader, &line);
        sha256(line.bytes, line.left_bytes, hash);
        hex_encode(hash, SHA256_BYTES, scene->measurement);
    }
    curl_slist_free_all(headers);
    fixture_bundle_free(&made);
    buffer_free(&lines);
}

static void bundles_try(struct scene *scene)
{
    struct secret_key key = fixture_key(1);
    struct curl_slist *headers = signed_headers_of(&key, "x", 1);
    char *huge = calloc(1, BUNDLE_PACKED_BYTES_MAX + 1);
    bundle_post(scene, 1, 1, 0, 201);
    bundle_post(scene, 1, 1, 0, 200);
    bundle_post(scene, 1, 1, 100, 409);
    bundle_post(scene, 9, 1, 900, 403); /* revoked before the server started */
    try(scene, "post", "/v1/bundles", "/v1/bundles", 400, headers, "", 0);
    try(scene, "post", "/v1/bundles", "/v1/bundles", 401, NULL, "\x28\xb5\x2f\xfd", 4);
    try(scene, "post", "/v1/bundles", "/v1/bundles", 413, headers, huge, BUNDLE_PACKED_BYTES_MAX + 1);
    try(scene, "post", "/v1/bundles", "/v1/bundles", 415, headers, "nonsense", 8);
    free(huge);
    curl_slist_free_all(headers);
}

static void statement_post(struct scene *scene, const struct secret_key *key, json_t *root, int code)
{
    struct buffer text = {0};
    struct buffer minisig = {0};
    assert_int_equal(json_write(root, &text), STATUS_OK);
    json_decref(root);
    assert_int_equal(minisig_sign(key, text.bytes, text.count, "x", &minisig), STATUS_OK);
    struct curl_slist *headers = signed_headers_of(key, minisig.bytes, minisig.count);
    try(scene, "post", "/v1/probes", "/v1/probes", code, headers, text.bytes, text.count);
    curl_slist_free_all(headers);
    buffer_free(&text);
    buffer_free(&minisig);
}

static void probes_try(struct scene *scene)
{
    struct secret_key a = fixture_key(2), b = fixture_key(3), c = fixture_key(4);
    struct clock clock = clock_system();
    char now[TIME_TEXT_BYTES], text[3][PUBLIC_KEY_TEXT_BYTES];
    char *huge = calloc(1, 4096);
    public_key_format(&a.public_key, text[0]);
    public_key_format(&b.public_key, text[1]);
    public_key_format(&c.public_key, text[2]);
    time_format_utc(clock_wall_us(&clock), now);
#define ENROL(code) json_pack("{s:i, s:s, s:s, s:s}", "dialtone_enrolment", 1, "key", text[0], "time", now, "invitation", code)
    statement_post(scene, &a, ENROL("wrong"), 403);
    statement_post(scene, &a, ENROL(scene->code), 201);
    statement_post(scene, &a, ENROL(scene->code), 200);
    statement_post(scene, &a, json_pack("{}"), 400);
    statement_post(scene, &b, ENROL(scene->code), 401);
#define ROTATE(new) json_pack("{s:i, s:s, s:s, s:s}", "dialtone_rotation", 1, "old_key", text[0], "new_key", new, "time", now)
    statement_post(scene, &a, ROTATE(text[1]), 201);
    statement_post(scene, &a, ROTATE(text[2]), 409);
    memset(huge, 'x', 4095);
    statement_post(scene, &a, json_pack("{s:s}", "x", huge), 413);
    free(huge);
}

static void control_try(struct scene *scene)
{
    static const char good[] = "{\"http_request\":\"http://www.example.invalid/\",\"http_request_headers\":{},\"tcp_connect\":[]}";
    static const char inside[] = "{\"http_request\":\"http://127.0.0.1/\",\"http_request_headers\":{},\"tcp_connect\":[]}";
    char *huge = calloc(1, 70000);
    get(scene, "/v1/control", "/v1/control", 200);
    try(scene, "post", "/v1/control", "/v1/control", 200, NULL, good, sizeof good - 1);
    try(scene, "post", "/v1/control", "/v1/control", 400, NULL, "nonsense", 8);
    try(scene, "post", "/v1/control", "/v1/control", 403, NULL, inside, sizeof inside - 1);
    memset(huge, ' ', 69999);
    try(scene, "post", "/v1/control", "/v1/control", 413, NULL, huge, 69999);
    free(huge);
}

static void reports_try(struct scene *scene)
{
    static const char head[] = "{\"format\":\"json\",\"probe_asn\":\"AS64500\",\"probe_cc\":\"XD\",\"test_name\":\"web_connectivity\"}";
    struct curl_slist *packed = curl_slist_append(NULL, "Content-Encoding: br");
    struct clock clock = clock_system();
    struct buffer text = {0};
    char now[TIME_TEXT_BYTES], path[256];
    json_t *answer = NULL;
    char *huge = calloc(1, (5u << 20) - 100);
    memset(huge, ' ', (5u << 20) - 100);
    try(scene, "post", "/report", "/report", 200, NULL, head, sizeof head - 1);
    json_read((const char *)scene->body.bytes, scene->body.count, &answer, NULL);
    snprintf(scene->report, sizeof scene->report, "%s", json_member_text(answer, "report_id"));
    json_decref(answer);
    try(scene, "post", "/report", "/report", 400, NULL, "{}", 2);
    try(scene, "post", "/report", "/report", 413, NULL, huge, 20000);
    try(scene, "post", "/report", "/report", 415, packed, head, sizeof head - 1);
    snprintf(path, sizeof path, "/report/%s", scene->report);
    time_format_ooni(clock_wall_us(&clock), now);
    buffer_printf(&text,
                  "{\"format\":\"json\",\"content\":{\"test_name\":\"web_connectivity\",\"probe_cc\":\"XD\",\"probe_asn\":\"AS64500\","
                  "\"measurement_start_time\":\"%s\",\"test_start_time\":\"%s\",\"software_name\":\"miniooni\",\"software_version\":"
                  "\"3.19.0\",\"test_version\":\"0.4.3\",\"test_runtime\":1.0,\"data_format_version\":\"0.2.0\",\"input\":null,"
                  "\"annotations\":{},\"test_keys\":{}}}",
                  now, now);
    try(scene, "post", "/report/{id}", path, 200, NULL, text.bytes, text.count);
    try(scene, "post", "/report/{id}", path, 400, NULL, "{}", 2);
    try(scene, "post", "/report/{id}", path, 413, NULL, huge, (5u << 20) - 100);
    try(scene, "post", "/report/{id}", path, 415, packed, text.bytes, text.count);
    strcat(path, "/close");
    try(scene, "post", "/report/{id}/close", path, 200, NULL, "", 0);
    curl_slist_free_all(packed);
    buffer_free(&text);
    free(huge);
}

static void reads_try(struct scene *scene)
{
    static const struct {
        const char *described, *path;
        int code;
    } rows[] = {
        {"/v1/keys", "/v1/keys", 200},
        {"/v1/targets", "/v1/targets?cc=CD", 200},
        {"/v1/targets", "/v1/targets?cc=nonsense", 400},
        {"/v1/targets", "!/v1/targets", 404},
        {"/v1/whoami", "/v1/whoami", 200},
        {"/v1/pace", "/v1/pace", 200},
        {"/api/v1/regions", "/api/v1/regions?format=csv", 200},
        {"/api/v1/regions", "/api/v1/regions?format=xml", 400},
        {"/api/v1/timeline", "/api/v1/timeline?region=XD&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&format=json", 200},
        {"/api/v1/timeline", "/api/v1/timeline?region=XD&asn=64500&format=csv", 404},
        {"/api/v1/timeline", "/api/v1/timeline", 400},
        {"/api/v1/timeline", "/api/v1/timeline?region=CD", 404},
        {"/api/v1/signals", "/api/v1/signals?region=XD&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&format=csv", 200},
        {"/api/v1/signals", "/api/v1/signals?region=nowhere", 400},
        {"/api/v1/events", "/api/v1/events?region=XD&asn=64500&kind=full_shutdown&state=confirmed&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&format=csv", 200},
        {"/api/v1/events", "/api/v1/events?format=rss", 200},
        {"/api/v1/events", "/api/v1/events?format=pdf", 400},
        {"/api/v1/events", "/api/v1/events?format=cap&id=none", 404},
        {"/api/v1/measurements", "/api/v1/measurements?region=XD&subject=example.org&test_name=web_connectivity&outcome=ok&from=2020-01-01T00:00:00Z&to=2036-01-01T00:00:00Z&limit=2&offset=1&format=csv", 200},
        {"/api/v1/measurements", "/api/v1/measurements?limit=0", 400},
        {"/api/v1/measurements", "/api/v1/measurements?id=" HASH_NONE, 404},
        {"/api/v1/measurements/{id}", "/api/v1/measurements/" HASH_NONE, 404},
        {"/api/v1/measurements/{id}", "/api/v1/measurements/nonsense", 400},
        {"/api/v1/evidence", "/api/v1/evidence?id=" HASH_NONE, 404},
        {"/api/v1/evidence", "/api/v1/evidence", 400},
        {"/api/v1/log", "/api/v1/log", 200},
        {"/api/v1/log/proof", "/api/v1/log/proof?bundle=" HASH_NONE, 404},
        {"/api/v1/log/proof", "/api/v1/log/proof?bundle=x", 400},
        {"/api/v1/log/consistency", "/api/v1/log/consistency?from=1&to=2", 200},
        {"/api/v1/log/consistency", "/api/v1/log/consistency?from=2&to=1", 400},
        {"/api/v1/log/leaves", "/api/v1/log/leaves?from=1&limit=1", 200},
        {"/api/v1/log/leaves", "/api/v1/log/leaves?limit=0", 400},
        {"/api/v1/openapi.json", "/api/v1/openapi.json", 200},
        {"/metrics", "/metrics", 200},
        {"/healthz", "/healthz", 200},
        {"/{page}", "/index.html", 200},
        {"/{page}", "/nothing.html", 404},
        {"/{page}", "!/index.html", 404},
    };
    char path[256];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        get(scene, rows[i].described, rows[i].path, rows[i].code);
    }
    snprintf(path, sizeof path, "/api/v1/measurements/%s", scene->measurement);
    get(scene, "/api/v1/measurements/{id}", path, 200);
    snprintf(path, sizeof path, "/api/v1/evidence?id=%s", scene->measurement);
    get(scene, "/api/v1/evidence", path, 200);
    snprintf(path, sizeof path, "/api/v1/log/proof?bundle=%s&size=1", scene->bundle);
    get(scene, "/api/v1/log/proof", path, 200);
}

/* The bundle is said to be in object storage, and that is out of reach: port 1 has no server. */
static void evidence_away_try(struct scene *scene)
{
    struct object_place place = {"http://127.0.0.1:1/evidence", "us-east-1", "name", "secret"};
    struct why why = {""};
    char path[256];
    snprintf(path, sizeof path, "%s/bundles/%s.jsonl.zst", scene->full.folder, scene->bundle);
    assert_int_equal(remove(path), 0);
    assert_int_equal(raw_store_choose(scene->full.folder, &place, &why), STATUS_OK);
    snprintf(path, sizeof path, "/api/v1/evidence?id=%s", scene->measurement);
    get(scene, "/api/v1/evidence", path, 503);
}

/* What the parent says before the server starts. */
static void trust_prepare(struct scene *scene)
{
    struct collector_folder folder = {0};
    struct trust_config config = trust_config_default();
    struct trust *trust = NULL;
    struct random_source random = random_system();
    struct secret_key revoked = fixture_key(9);
    struct why why = {""};
    char name[KEY_NAME_BYTES];
    public_key_name(&revoked.public_key, name);
    assert_int_equal(collector_folder_open(scene->full.folder, 1, &folder, &why), STATUS_OK);
    assert_int_equal(trust_open(&folder, &config, false, &trust, &why), STATUS_OK);
    assert_int_equal(trust_invite(trust, "x", 1, 0, &random, scene->code, &why), STATUS_OK);
    assert_int_equal(trust_revoke(trust, name, 1, "", &why), STATUS_OK);
    trust_free(trust);
    collector_folder_close(&folder);
}

/* OpenMetrics' shape, no caller and no probe in it. */
static void metrics_check(struct scene *scene)
{
    struct secret_key key = fixture_key(1);
    char name[KEY_NAME_BYTES];
    struct reader reader, line;
    bool has_bundle = false;
    public_key_name(&key.public_key, name);
    ask(scene, "get", "/metrics", NULL, NULL, 0);
    reader = reader_of(scene->body.bytes, scene->body.count);
    assert_null(memmem(scene->body.bytes, scene->body.count, name, strlen(name)));
    assert_null(memmem(scene->body.bytes, scene->body.count, "127.0.0.1", 9));
    assert_memory_equal(scene->body.bytes + scene->body.count - 6, "# EOF\n", 6);
    while (reader_line(&reader, &line)) {
        const char *text = (const char *)line.bytes;
        size_t words = 1;
        for (size_t i = 0; i < line.left_bytes; i++) {
            words += text[i] == ' ';
        }
        assert_true(text[0] == '#' || words == 2); /* a name with its labels, and a number */
        has_bundle = has_bundle || strncmp(text, "dialtone_bundles_total{result=\"ok\"} 1\n", 38) == 0;
    }
    assert_true(has_bundle);
}

static void test_everything_described_is_met(void **state)
{
    (void)state;
    struct scene *scene = calloc(1, sizeof *scene);
    assert_true(openapi_count() <= MET_MOST);
    place_start(&scene->full, true);
    place_start(&scene->empty, false);
    trust_prepare(scene);
    bundles_try(scene);
    probes_try(scene);
    control_try(scene);
    reports_try(scene);
    reads_try(scene);
    metrics_check(scene);
    evidence_away_try(scene);
    for (size_t i = 0; i < openapi_count(); i++) {
        const struct openapi_operation *row = openapi_at(i);
        for (size_t k = 0; k < OPENAPI_CODES_MOST && row->codes[k]; k++) {
            if (!scene->met[i].codes[k]) {
                print_error("%s %s: %d is described, and was never answered\n", row->method, row->path, row->codes[k]);
                fail();
            }
        }
        for (size_t k = 0; k < OPENAPI_PARAMETERS_MOST && row->parameters[k].name; k++) {
            if (!scene->met[i].parameters[k]) {
                print_error("%s %s: %s is described, and was never given\n", row->method, row->path, row->parameters[k].name);
                fail();
            }
        }
    }
    place_stop(&scene->full);
    place_stop(&scene->empty);
    buffer_free(&scene->body);
    free(scene);
}

static void test_every_route_is_described(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count(); i++) {
        const struct route *route = routes_at(i);
        int methods = 0;
        for (size_t k = 0; k < openapi_count(); k++) {
            if (strcmp(openapi_at(k)->route, route->path) == 0) {
                methods |= strcmp(openapi_at(k)->method, "post") == 0 ? (int)EVHTTP_REQ_POST : (int)ROUTE_METHOD_READ;
            }
        }
        if (methods != route->methods) {
            fail_msg("%s: methods %d are described, %d are taken", route->path, methods, route->methods);
        }
    }
    for (size_t k = 0; k < openapi_count(); k++) {
        const struct openapi_operation *row = openapi_at(k);
        assert_string_equal(routes_find(row->path, NULL)->path, row->route);
        assert_null(row->parameters[OPENAPI_PARAMETERS_MOST - 1].name);
        assert_int_equal(row->codes[OPENAPI_CODES_MOST - 1], 0);
    }
}

/* What tools that read OpenAPI insist on. */
static void test_document_is_well_formed(void **state)
{
    (void)state;
    json_t *document = openapi_document();
    const char *path;
    json_t *item;
    assert_non_null(document);
    assert_string_equal(json_member_text(document, "openapi"), "3.0.3");
    json_object_foreach(json_object_get(document, "paths"), path, item) {
        const char *method;
        json_t *operation;
        json_object_foreach(item, method, operation) {
            const json_t *parameters = json_member_array(operation, "parameters");
            size_t templates = 0;
            size_t i;
            json_t *parameter;
            assert_true(path[0] == '/');
            assert_non_null(json_member_object(json_member_object(operation, "responses"), "default"));
            for (const char *at = path; (at = strchr(at, '{')) != NULL; at++) {
                templates++;
            }
            json_array_foreach(parameters, i, parameter) {
                templates -= strcmp(json_member_text(parameter, "in"), "path") == 0;
                assert_non_null(json_member_text(json_member_object(parameter, "schema"), "type"));
            }
            assert_int_equal(templates, 0);
        }
    }
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_is_described),
        cmocka_unit_test(test_document_is_well_formed),
        cmocka_unit_test(test_everything_described_is_met),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
