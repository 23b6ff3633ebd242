/* The server name of a TLS ClientHello.
 * Owner: nothing is allocated; the name is copied to the caller.
 * Why: the censor's SNI rules need it, also where the hello is split over segments or records. */
#include "tests/lab/client_hello.h"

#include <string.h>

#include "measurement/base/bytes.h"

#define RECORD_HANDSHAKE       22
#define HANDSHAKE_CLIENT_HELLO 1
#define EXTENSION_SERVER_NAME  0

/* Joins the bodies of handshake records; BUSY where the last is not whole, with what is there joined too. */
static enum status records_join(struct reader reader, uint8_t *out, size_t room, size_t *out_count)
{
    *out_count = 0;
    while (reader.left_bytes > 0) {
        struct reader start = reader;
        uint8_t type = reader_u8(&reader);
        uint16_t version = reader_u16be(&reader);
        size_t length_bytes = reader_u16be(&reader);
        if (type != RECORD_HANDSHAKE)
            return *out_count > 0 ? STATUS_OK : STATUS_MALFORMED;
        if (start.left_bytes < 5)
            return STATUS_BUSY;
        if (version >> 8 != 3)
            return STATUS_MALFORMED;
        size_t here = length_bytes < reader.left_bytes ? length_bytes : reader.left_bytes;
        if (*out_count + here > room)
            return STATUS_MALFORMED;
        reader_copy(&reader, out + *out_count, here);
        *out_count += here;
        if (here < length_bytes)
            return STATUS_BUSY;
    }
    return STATUS_BUSY;
}

/* Skips to the extensions: version, random, session, suites, compression. */
static struct reader extensions_of(struct reader hello)
{
    reader_skip(&hello, 2 + 32);
    reader_skip(&hello, reader_u8(&hello));
    reader_skip(&hello, reader_u16be(&hello));
    reader_skip(&hello, reader_u8(&hello));
    return reader_take(&hello, reader_u16be(&hello));
}

static enum status name_copy(struct reader extension, char out[SERVER_NAME_BYTES])
{
    struct reader list = reader_take(&extension, reader_u16be(&extension));
    uint8_t type = reader_u8(&list);
    size_t length_bytes = reader_u16be(&list);
    if (list.failed || type != 0 || length_bytes == 0 || length_bytes >= SERVER_NAME_BYTES)
        return STATUS_MALFORMED;
    char name[SERVER_NAME_BYTES] = "";
    reader_copy(&list, name, length_bytes);
    if (list.failed || memchr(name, '\0', length_bytes) != NULL)
        return STATUS_MALFORMED;
    for (size_t i = 0; i < length_bytes; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] = (char)(name[i] + ('a' - 'A'));
    memcpy(out, name, sizeof name);
    return STATUS_OK;
}

static enum status name_find(struct reader hello, char out[SERVER_NAME_BYTES])
{
    struct reader extensions = extensions_of(hello);
    while (!extensions.failed && extensions.left_bytes > 0) {
        uint16_t type = reader_u16be(&extensions);
        struct reader extension = reader_take(&extensions, reader_u16be(&extensions));
        if (!extensions.failed && type == EXTENSION_SERVER_NAME)
            return name_copy(extension, out);
    }
    return extensions.failed ? STATUS_MALFORMED : STATUS_NOT_FOUND;
}

enum status client_hello_server_name(const void *bytes, size_t count, char out[SERVER_NAME_BYTES])
{
    uint8_t joined[CLIENT_HELLO_BYTES_MAX];
    size_t joined_bytes = 0;
    enum status status = records_join(reader_of(bytes, count), joined, sizeof joined, &joined_bytes);
    return status == STATUS_MALFORMED ? status : client_hello_name(joined, joined_bytes, out);
}

enum status client_hello_name(const void *bytes, size_t count, char out[SERVER_NAME_BYTES])
{
    const uint8_t *message = bytes;
    if (count > 0 && message[0] != HANDSHAKE_CLIENT_HELLO)
        return STATUS_MALFORMED;
    if (count < 4)
        return STATUS_BUSY;
    size_t hello_bytes = (size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3];
    if (hello_bytes > CLIENT_HELLO_BYTES_MAX)
        return STATUS_MALFORMED;
    if (count - 4 < hello_bytes)
        return STATUS_BUSY;
    return name_find(reader_of(message + 4, hello_bytes), out);
}
