/* dialtone-collector offload: raw bundles into object storage.
 * Owner: nothing stays open.
 * Why: disks are small and evidence is kept for years; a collector does the same by itself while it serves. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>

#include "collector/commands/commands.h"
#include "collector/folder.h"
#include "collector/raw/raw_store.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"

#define REGION_USUAL   "us-east-1"
#define KEY_BYTES_MAX  1024
#define TRIAL_NAME     "dialtone-trial"

static const struct cli_option options[] = {
    {"data", "DIR", "the collector's data folder"},
    {"to", "URL", "the bucket from now on: https://HOST/BUCKET[/FOLDER]"},
    {"region", "NAME", "its region (" REGION_USUAL ")"},
    {"key", "FILE", "two lines, the key's name and its secret; mode 0600"},
    {"age", "SECONDS", "leave in the folder what is younger (60)"},
    {0},
};

/* The first two lines of the file. */
static enum status key_take(const char *path, struct object_place *place, struct why *why)
{
    char text[KEY_BYTES_MAX];
    size_t count = 0;
    enum status status = file_read_private(path, text, sizeof text - 1, &count, why);
    if (status == STATUS_OK) {
        text[count] = 0;
        char *secret = strchr(text, '\n');
        bool is_good = secret && (size_t)(secret - text) < sizeof place->key_id && strcspn(secret + 1, "\r\n") > 0 &&
                       strcspn(secret + 1, "\r\n") < sizeof place->secret;
        status = is_good ? STATUS_OK : STATUS_USAGE;
        if (is_good) {
            snprintf(place->key_id, sizeof place->key_id, "%.*s", (int)strcspn(text, "\r\n"), text);
            snprintf(place->secret, sizeof place->secret, "%.*s", (int)strcspn(secret + 1, "\r\n"), secret + 1);
        } else {
            why_set(why, "%s holds no key; write its name and its secret, each on a line", path);
        }
    }
    OPENSSL_cleanse(text, sizeof text);
    return status;
}

/* Whether the bucket is there and the key may write, read and remove; before anything depends on it. */
static enum status place_try(const struct object_place *place, struct why *why)
{
    struct object_store *objects = NULL;
    struct buffer back = {0};
    enum status status = object_store_open(place, &objects, why);
    if (status == STATUS_OK) {
        status = object_put(objects, TRIAL_NAME, TRIAL_NAME, strlen(TRIAL_NAME), why);
    }
    if (status == STATUS_OK) {
        status = object_read(objects, TRIAL_NAME, KEY_BYTES_MAX, &back, why);
    }
    if (status == STATUS_OK && (back.count != strlen(TRIAL_NAME) || memcmp(back.bytes, TRIAL_NAME, back.count) != 0)) {
        why_set(why, "the bucket at %.120s gives back another object than was put there; look into that server",
                place->url);
        status = STATUS_IO;
    }
    if (status == STATUS_OK) {
        status = object_remove(objects, TRIAL_NAME, why);
    }
    buffer_free(&back);
    object_store_free(objects);
    return status;
}

static enum status place_choose(const struct cli_arguments *arguments, const char *data, struct why *why)
{
    struct object_place place = {0};
    const char *url = cli_value(arguments, "to"), *region = cli_value(arguments, "region");
    const char *key = cli_value(arguments, "key");
    if (!url) {
        return STATUS_OK;
    }
    if (!key || strlen(url) >= sizeof place.url || (region && strlen(region) >= sizeof place.region)) {
        why_set(why, key ? "the address or the region is too long" : "--to needs --key FILE, the key of the bucket");
        return STATUS_USAGE;
    }
    snprintf(place.url, sizeof place.url, "%s", url);
    snprintf(place.region, sizeof place.region, "%s", region ? region : REGION_USUAL);
    enum status status = key_take(key, &place, why);
    if (status == STATUS_OK) {
        status = place_try(&place, why);
    }
    if (status == STATUS_OK) {
        status = raw_store_choose(data, &place, why);
    }
    OPENSSL_cleanse(&place, sizeof place);
    return status;
}

static enum status move(const char *data, int64_t age_s, struct raw_moved *moved, struct why *why)
{
    struct raw_store *raw = NULL;
    struct clock clock = clock_system();
    enum status status = raw_store_open(data, &raw, why);
    if (status == STATUS_OK && !raw_store_has_objects(raw)) {
        why_set(why, "%s names no object store yet; type --to URL --key FILE", data);
        status = STATUS_USAGE;
    }
    if (status == STATUS_OK) {
        status = raw_store_move(raw, clock_wall_us(&clock) / US_PER_S - age_s, SIZE_MAX, moved, why);
    }
    raw_store_free(raw);
    return status;
}

static enum exit_status run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    const char *data = NULL;
    int64_t age_s = RAW_AGE_S;
    struct raw_moved moved = {0};
    struct why why = {""};
    enum exit_status result = EXIT_USAGE;
    enum status status = cli_parse(&command_offload, options, argc, argv, &arguments);
    if (status != STATUS_OK) {
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    }
    if (command_data_folder(&command_offload, arguments, &data) != STATUS_OK ||
        cli_number(arguments, "age", 0, 86400 * 365, &age_s) != STATUS_OK) {
        goto done;
    }
    status = place_choose(arguments, data, &why);
    if (status == STATUS_OK) {
        status = move(data, age_s, &moved, &why);
    }
    if (status != STATUS_OK) {
        result = cli_fail(exit_of_status(status), "offload: %s", why.text[0] ? why.text : status_name(status));
        goto done;
    }
    printf("moved %zu files, %lld bytes\n", moved.file_count, (long long)moved.byte_count);
    result = EXIT_NOTHING_WRONG;
done:
    cli_free(arguments);
    return result;
}

const struct cli_command command_offload = {
    .name = "offload",
    .summary = "move raw bundles into S3-compatible object storage",
    .help = "usage: dialtone-collector offload --data DIR [--to URL --key FILE [--region NAME]] [--age SECONDS]\n"
            "\n"
            "Puts the raw bundles and signatures of the folder into the bucket, and removes them from the folder "
            "once they\n"
            "are there. A collector that serves the folder does so every minute from then on. Who reads a bundle "
            "brings it\n"
            "back; fsck and verify check those in the bucket too. The key is kept in DIR/raw.key, mode 0600.\n"
            "\n"
            "Exit status: 0 done; 2 usage; 3 the bucket or the folder cannot be used; what is left stays where it "
            "is.\n"
            "\n"
            "Example:\n"
            "  dialtone-collector offload --data /var/lib/dialtone --to https://s3.example.org/dialtone --key "
            "bucket.key\n",
    .run = run,
};
