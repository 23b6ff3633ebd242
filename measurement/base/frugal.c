/* Keeps a process small: buffers by what is used of them.
 * Owner: nothing; mappings stay the allocator's.
 * Why: TLS and HTTP/2 ask for much more than they use, and a hundred connections at once are usual. */
#include "measurement/base/frugal.h"

#include <curl/curl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A buffer of its own mapping costs microseconds, and takes memory only page by page as it is written. */
#define MAPPED_BYTES_LEAST 12288
#define TRIM_BYTES_LEAST   (512 << 10) /* at the end of the heap before it is given back: less, and it is taken again at once */

#if defined(__SANITIZE_ADDRESS__)
#define IS_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_WATCHED 1
#endif
#endif

#ifndef IS_WATCHED /* AddressSanitizer watches the allocator itself, and must see all of it */

/* In front of a mapped buffer. It lies where a page begins, and tells its own place: nothing else looks like it. */
struct mapping {
    _Alignas(16) uint64_t magic[2];
    struct mapping *self;
    size_t count; /* of the whole mapping */
    uint64_t unused[4];
};
#define MAGIC_0 UINT64_C(0x9d1a17e0f5a6c3b1)
#define MAGIC_1 UINT64_C(0x42f0e1eba9ea3693)
#define PAGE_BYTES_LEAST 4096u

static struct mapping *mapping_of(void *bytes)
{
    struct mapping *mapping = (struct mapping *)bytes - 1;
    if (((uintptr_t)bytes & (PAGE_BYTES_LEAST - 1)) != sizeof *mapping)
        return NULL;
    return mapping->magic[0] == MAGIC_0 && mapping->magic[1] == MAGIC_1 && mapping->self == mapping ? mapping : NULL;
}

static void *buffer_take(size_t count)
{
    if (count < MAPPED_BYTES_LEAST || count > SIZE_MAX - sizeof(struct mapping))
        return malloc(count);
    size_t whole = count + sizeof(struct mapping);
    struct mapping *mapping = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return malloc(count);
    *mapping = (struct mapping){.magic = {MAGIC_0, MAGIC_1}, .self = mapping, .count = whole};
    return mapping + 1;
}

static void buffer_give(void *bytes)
{
    struct mapping *mapping = bytes ? mapping_of(bytes) : NULL;
    if (!mapping)
        free(bytes);
    else
        (void)munmap(mapping, mapping->count);
}

static void *buffer_resize(void *bytes, size_t count)
{
    struct mapping *mapping = bytes ? mapping_of(bytes) : NULL;
    if (!mapping && count < MAPPED_BYTES_LEAST)
        return realloc(bytes, count);
    size_t old = mapping ? mapping->count - sizeof *mapping : malloc_usable_size(bytes);
    void *grown = buffer_take(count);
    if (!grown)
        return NULL;
    if (old > 0)
        memcpy(grown, bytes, old < count ? old : count);
    buffer_give(bytes);
    return grown;
}

static char *text_copy(const char *text)
{
    size_t count = strlen(text) + 1;
    char *copy = buffer_take(count);
    return copy ? memcpy(copy, text, count) : NULL;
}

static void *items_take(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    if (total < MAPPED_BYTES_LEAST)
        return calloc(count, size);
    void *bytes = buffer_take(total);
    if (bytes && !mapping_of(bytes))
        memset(bytes, 0, total);
    return bytes;
}

static void *crypto_take(size_t count, const char *file, int line)
{
    (void)file;
    (void)line;
    return count > 0 ? buffer_take(count) : NULL;
}

static void *crypto_resize(void *bytes, size_t count, const char *file, int line)
{
    (void)file;
    (void)line;
    return buffer_resize(bytes, count);
}

static void crypto_give(void *bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    buffer_give(bytes);
}

/* Refused where these libraries have taken memory already: then only more is used. */
static void libraries_tell(void)
{
    (void)CRYPTO_set_mem_functions(crypto_take, crypto_resize, crypto_give);
    (void)curl_global_init_mem(CURL_GLOBAL_DEFAULT, buffer_take, buffer_give, buffer_resize, text_copy, items_take);
}

#else

static void libraries_tell(void)
{
}

#endif

void frugal_begin(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES_LEAST); /* refused: only more memory is used */
    (void)mallopt(M_TRIM_THRESHOLD, TRIM_BYTES_LEAST);
    libraries_tell();
}
