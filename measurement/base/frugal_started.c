/* Keeps a process small: nothing of its libraries that only starting needed.
 * Owner: nothing; mappings stay the loader's.
 * Why: constructors of libraries touch megabytes that a small machine could use. Apart from the buffers, because the
 * daemon, which needs this alone, links no libcurl. */
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "measurement/base/frugal.h"

static bool has_relocated_text(const struct dl_phdr_info *object)
{
    for (int i = 0; i < object->dlpi_phnum; i++) {
        if (object->dlpi_phdr[i].p_type != PT_DYNAMIC)
            continue;
        const ElfW(Dyn) *entry = (const void *)(uintptr_t)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL)))
                return true;
        }
    }
    return false;
}

/* Only what was mapped to run or read and never to write: its pages are the file's, and come back as they were. */
static int object_release(struct dl_phdr_info *object, size_t size, void *arg)
{
    (void)size;
    uintptr_t page_bytes = *(const uintptr_t *)arg;
    bool is_program = object->dlpi_name == NULL || object->dlpi_name[0] == '\0'; /* and the kernel's own page */
    if (is_program || has_relocated_text(object))
        return 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_W) != 0)
            continue;
        uintptr_t start = object->dlpi_addr + part->p_vaddr, end = start + part->p_memsz;
        start &= ~(page_bytes - 1);
        end &= ~(page_bytes - 1); /* the last page may be shared with what follows */
        if (end > start)
            (void)madvise((void *)start, end - start, MADV_DONTNEED); /* refused: nothing is lost */
    }
    return 0;
}

void frugal_started(void)
{
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    dl_iterate_phdr(object_release, &page_bytes);
}
