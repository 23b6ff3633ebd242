/* The file that names a data folder's store.
 * Owner: nothing is kept.
 * Why: serve, import, detect and reports must all open the same store, whichever was chosen when the folder
 * was made. */
#include "collector/store/setting.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "measurement/base/random.h"

#define SETTING_BYTES_MAX 1024
#define TOKEN_BYTES       16
#define DEFAULT_FILE      "store." STORE_DEFAULT_NAME

static bool is_there(const char *folder, const char *name)
{
    char *path = path_join(folder, name);
    bool found = path && access(path, F_OK) == 0;
    free(path);
    return found;
}

/* The next line into `out`; false where there is none, it does not fit, or it holds what is not printable. */
static bool word_take(struct reader *reader, char *out, size_t out_bytes)
{
    bool is_word = reader_line_text(reader, out, out_bytes);
    for (const char *at = out; is_word && *at; at++) {
        is_word = *at > ' ' && *at < 0x7f;
    }
    return is_word;
}

static enum status setting_parse(const struct buffer *text, struct store_setting *out, struct why *why)
{
    struct store_setting setting = {0};
    char name[32];
    struct reader reader = reader_of(text->bytes, text->count);
    if (!word_take(&reader, name, sizeof name)) {
        why_set(why,
                "the file named store in the data folder does not begin with a store's name; restore it");
        return STATUS_MALFORMED;
    }
    setting.store = store_find(name);
    if (!setting.store) {
        why_set(why,
                "the data folder keeps its rows in a store named %s, which this program lacks; use one that "
                "has it",
                name);
        return STATUS_UNSUPPORTED;
    }
    if (setting.store->check_address && (!word_take(&reader, setting.address, sizeof setting.address) ||
                                         !word_take(&reader, setting.token, sizeof setting.token))) {
        why_set(why,
                "the file named store in the data folder lacks the address or the token of %s; restore it",
                name);
        return STATUS_MALFORMED;
    }
    *out = setting;
    return STATUS_OK;
}

enum status store_setting_read(const char *folder, struct store_setting *out, struct why *why)
{
    struct buffer text = {0};
    if (!is_there(folder, STORE_SETTING_FILE)) {
        *out = (struct store_setting){.store = store_find(STORE_DEFAULT_NAME)};
        return STATUS_OK;
    }
    char *path = path_join(folder, STORE_SETTING_FILE);
    enum status status = path ? file_read(path, SETTING_BYTES_MAX, &text, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = setting_parse(&text, out, why);
    }
    buffer_free(&text);
    free(path);
    return status;
}

/* "NAME[=ADDRESS]", checked. */
static enum status choice_parse(const char *choice, struct store_setting *out, struct why *why)
{
    char name[32] = "";
    size_t length = strcspn(choice, "=");
    const char *address = choice[length] ? choice + length + 1 : "";
    memcpy(name, choice, length < sizeof name ? length : sizeof name - 1);
    *out = (struct store_setting){.store = store_find(name)};
    if (!out->store) {
        why_set(why,
                "--store %s: there is no such store; type sqlite or clickhouse=http://HOST:8123/DATABASE",
                name);
        return STATUS_USAGE;
    }
    if (!out->store->check_address) {
        if (address[0]) {
            why_set(why, "--store %s: it takes no address; it keeps its rows in the data folder", name);
        }
        return address[0] ? STATUS_USAGE : STATUS_OK;
    }
    if (strlen(address) >= sizeof out->address) {
        why_set(why, "--store %s: the address is too long; it may have %zu characters", name,
                sizeof out->address - 1);
        return STATUS_USAGE;
    }
    memcpy(out->address, address, strlen(address) + 1);
    return out->store->check_address(address, why);
}

static enum status setting_write(const char *folder, const struct store_setting *setting, struct why *why)
{
    struct buffer text = {0};
    struct random_source random = random_system();
    uint8_t bytes[TOKEN_BYTES];
    char token[STORE_TOKEN_BYTES];
    random_fill(&random, bytes, sizeof bytes);
    hex_encode(bytes, sizeof bytes, token);
    buffer_printf(&text, "%s\n%s\n%s\n", setting->store->name, setting->address, token);
    char *path = path_join(folder, STORE_SETTING_FILE);
    enum status status =
        path && !text.failed ? file_publish(path, text.bytes, text.count, 0640, why) : STATUS_NO_MEMORY;
    buffer_free(&text);
    free(path);
    return status;
}

enum status store_setting_choose(const char *folder, const char *choice, struct why *why)
{
    struct store_setting chosen;
    struct store_setting stored;
    enum status status = choice_parse(choice, &chosen, why);
    if (status == STATUS_OK) {
        status = store_setting_read(folder, &stored, why);
    }
    if (status != STATUS_OK) {
        return status;
    }
    bool is_fresh = !is_there(folder, STORE_SETTING_FILE) && !is_there(folder, DEFAULT_FILE);
    if (stored.store == chosen.store && strcmp(stored.address, chosen.address) == 0) {
        return STATUS_OK;
    }
    if (!is_fresh) {
        why_set(why,
                "the data folder keeps its rows in %s already, or at another address; leave --store away, or "
                "import "
                "its bundles into a new folder",
                stored.store->name);
        return STATUS_CONFLICT;
    }
    status = folder_make(folder, 0750, why);
    return status == STATUS_OK ? setting_write(folder, &chosen, why) : status;
}
