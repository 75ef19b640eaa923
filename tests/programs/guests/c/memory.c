// mmap and its relatives, against a model of what each page must hold.
#include <sys/mman.h>

#include "guest.h"

enum { PAGE = 4096, MOST_PAGES = 1500, WORDS = PAGE / 4 };

// The pages that are mapped, and the word that the first and last word of each hold.
static struct {
    u32 address, value;
} pages[MOST_PAGES];
static u32 page_count;

static void check_page(u32 address, u32 value)
{
    const volatile u32 *words = (const u32 *)address;
    CHECK(words[0] == value);
    CHECK(words[WORDS - 1] == value);
    CHECK(words[WORDS / 2] == 0);
}

static void fill_page(u32 i)
{
    volatile u32 *words = (u32 *)pages[i].address;
    words[0] = words[WORDS - 1] = pages[i].value = random_word();
}

static int find_page(u32 address)
{
    for (u32 i = 0; i < page_count; i++)
        if (pages[i].address == address)
            return i;
    return -1;
}

extern char __executable_start[], end[];

// The new pages must be nobody's, and zero.
static void adopt(u32 address, u32 count)
{
    u32 here = (u32)__builtin_frame_address(0), high = address + count * PAGE;
    CHECK(address % PAGE == 0 && high <= 0x80000000);
    CHECK(address >= (u32)sbrk(0) && high <= here - 65536);
    for (u32 i = 0; i < count; i++) {
        CHECK(find_page(address + i * PAGE) < 0);
        check_page(address + i * PAGE, 0);
        pages[page_count].address = address + i * PAGE;
        pages[page_count].value = 0;
        if (random_below(4))
            fill_page(page_count);
        page_count++;
    }
}

static void forget(u32 address, u32 count)
{
    for (u32 i = 0; i < page_count;)
        if (pages[i].address - address < count * PAGE)
            pages[i] = pages[--page_count];
        else
            i++;
}

static u32 some_page(void)
{
    return pages[random_below(page_count)].address;
}

static bool all_mapped(u32 address, u32 count)
{
    for (u32 i = 0; i < count; i++)
        if (find_page(address + i * PAGE) < 0)
            return false;
    return true;
}

static void map_anywhere(u32 count)
{
    u32 hint = 0;
    if (page_count && random_below(2))
        hint = some_page() + (random_below(9) - 4) * PAGE + random_below(3);
    void *p = mmap((void *)hint, count * PAGE - random_below(PAGE), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    adopt((u32)p, count);
}

static void map_fixed(u32 count)
{
    u32 address = some_page();
    void *p = mmap((void *)address, count * PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (p == MAP_FAILED) {
        // Only where the mappings end.
        CHECK(errno == ENOMEM && address + count * PAGE > (u32)&p - (10 << 20));
        return;
    }
    CHECK((u32)p == address);
    forget(address, count);
    adopt(address, count);
}

static void unmap(u32 count)
{
    u32 address = some_page();
    if (address + count * PAGE > 0x7f000000)
        return;
    CHECK(munmap((void *)address, count * PAGE) == 0);
    forget(address, count);
}

static void discard(u32 count)
{
    u32 address = some_page();
    bool mapped = all_mapped(address, count);
    CHECK((madvise((void *)address, count * PAGE, MADV_DONTNEED) == 0) == mapped);
    for (u32 i = 0; mapped && i < count; i++)
        pages[find_page(address + i * PAGE)].value = 0;
}

static void resize(u32 count)
{
    u32 address = some_page(), old = 1 + random_below(4);
    if (!all_mapped(address, old))
        return;
    void *p = mremap((void *)address, old * PAGE, count * PAGE, 0);
    if (p == MAP_FAILED) {
        CHECK(errno == ENOMEM && count > old);
        return;
    }
    CHECK((u32)p == address);
    if (count < old)
        forget(address + count * PAGE, old - count);
    else if (count > old)
        adopt(address + old * PAGE, count - old);
}

// What is protected keeps its contents, and must still be zero when it is first made accessible.
static void protect(u32 count)
{
    u32 address = some_page();
    bool mapped = all_mapped(address, count);
    CHECK((mprotect((void *)address, count * PAGE, PROT_NONE) == 0) == mapped);
    CHECK((mprotect((void *)address, count * PAGE, PROT_READ | PROT_WRITE) == 0) == mapped);

    u32 size = count * PAGE;
    void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED && mprotect(p, size, PROT_READ | PROT_WRITE) == 0);
    adopt((u32)p, count);
}

void mappings(void)
{
    random_seed();
    for (u32 round = 0; round < 600; round++) {
        u32 count = 1 + random_below(12);
        if (page_count == 0 || (page_count < MOST_PAGES - 100 && random_below(3) == 0))
            map_anywhere(count);
        else
            switch (random_below(5)) {
            case 0:
                if (page_count < MOST_PAGES - 100)
                    map_fixed(count);
                break;
            case 1:
                unmap(count);
                break;
            case 2:
                discard(count);
                break;
            case 3:
                if (page_count < MOST_PAGES - 100)
                    resize(count);
                break;
            default:
                if (page_count < MOST_PAGES - 100)
                    protect(count);
                break;
            }
        if (round % 20 == 0)
            for (u32 i = 0; i < page_count; i++)
                check_page(pages[i].address, pages[i].value);
    }
}

#define MAP(address, size, flags)                                                                  \
    ((long)mmap((void *)(address), size, PROT_READ | PROT_WRITE, flags, -1, 0))

void refusals(void)
{
    const int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    static u32 data = 0x12345678;
    u32 local = 0x9abcdef0, page = ~(u32)(PAGE - 1);
    u32 *block = malloc(100); // in the heap or a mapping
    *block = 42;

    FAILS(ENOMEM, MAP((u32)&data & page, PAGE, fixed));             // image
    FAILS(ENOMEM, MAP((u32)&refusals & page, PAGE, fixed));         // code
    FAILS(ENOMEM, MAP((u32)&local & page, PAGE, fixed));            // stack
    FAILS(ENOMEM, MAP(0x7ffff000, PAGE, fixed));                    // signal page
    FAILS(ENOMEM, MAP(0x80000000, PAGE, fixed));                    // kernel
    FAILS(ENOMEM, MAP(0x80000000, 0x7ffff000, fixed));
    FAILS(ENOMEM, MAP(0, PAGE, fixed));                             // null pointers
    FAILS(ENOMEM, MAP(0x7f000000, 0x00900000, fixed));              // into the stack
    FAILS(ENOMEM, MAP(0x40000000, 0x60000000, fixed));              // into the kernel
    FAILS(ENOMEM, MAP(0x40000000, 0x7ffffff0, fixed));
    FAILS(EINVAL, MAP(0x40000001, PAGE, fixed));
    FAILS(EINVAL, MAP(0x40000000, 0, fixed));
    FAILS(EINVAL, MAP(0, PAGE, MAP_ANONYMOUS));
    FAILS(ENODEV, MAP(0, PAGE, MAP_PRIVATE));
    FAILS(ENOMEM, MAP(0, 0x7fffffff, MAP_PRIVATE | MAP_ANONYMOUS));

    // A hint that cannot be had is only a hint.
    for (u32 hint = 0x1000; hint; hint <<= 1) {
        long p = MAP(hint, PAGE, MAP_PRIVATE | MAP_ANONYMOUS);
        CHECK(p != -1 && *(u32 *)p == 0);
        CHECK(munmap((void *)p, PAGE) == 0);
    }

    long taken = MAP(0x50000000, 4 * PAGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE);
    CHECK(taken == 0x50000000);
    FAILS(EEXIST, MAP(0x50003000, PAGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE));
    CHECK(MAP(0x50004000, PAGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE) == 0x50004000);

    FAILS(EINVAL, munmap((void *)((u32)&data & page), PAGE));
    FAILS(EINVAL, munmap((void *)((u32)&local & page), PAGE));
    FAILS(EINVAL, munmap((void *)0x80000000, PAGE));
    FAILS(EINVAL, munmap((void *)0x50000001, PAGE));
    FAILS(EINVAL, munmap((void *)0x50000000, 0));
    FAILS(ENOMEM, mprotect((void *)0x60000000, PAGE, PROT_READ));
    FAILS(ENOMEM, madvise((void *)0x60000000, PAGE, MADV_DONTNEED));
    FAILS(EFAULT, (long)mremap((void *)0x60000000, PAGE, 2 * PAGE, 0));
    CHECK(mprotect((void *)((u32)&refusals & page), PAGE, PROT_READ | PROT_EXEC) == 0);

    // Address space runs out, cleanly, and comes back.
    enum { CHUNK = 128 << 20 };
    u32 chunks = 0;
    long first = 0, p;
    while ((p = (long)mmap(NULL, CHUNK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != -1) {
        if (chunks++ == 0)
            first = p;
    }
    CHECK(errno == ENOMEM && chunks >= 8 && chunks <= 16);
    CHECK(munmap((void *)first, CHUNK) == 0);
    CHECK(MAP(0, CHUNK, MAP_PRIVATE | MAP_ANONYMOUS) == first);

    CHECK(data == 0x12345678 && local == 0x9abcdef0 && *block == 42);
}

void table_limit(void)
{
    enum { COUNT = 3000 };
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    u8 *area = mmap(NULL, COUNT * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    CHECK(area != MAP_FAILED);
    for (u32 i = 0; i < COUNT; i++)
        area[i * PAGE] = i % 251 + 1;
    // Holes until the kernel cannot remember more; a refusal changes nothing.
    u32 holes = 0;
    while (munmap(area + (2 * holes + 1) * PAGE, PAGE) == 0)
        holes++;
    CHECK(errno == ENOMEM && holes > 900 && holes < COUNT / 2);
    FAILS(ENOMEM, (long)mmap(NULL, PAGE, PROT_READ, flags, -1, 0));
    FAILS(ENOMEM, (long)mmap(area, PAGE, PROT_READ, flags | MAP_FIXED, -1, 0));
    for (u32 i = 0; i < COUNT; i++)
        CHECK(area[i * PAGE] == i % 251 + 1);
}

void heap(void)
{
    u8 *low = sbrk(0);
    CHECK(syscall(SYS_brk, low + 3 * PAGE) == (long)low + 3 * PAGE && sbrk(0) == low + 3 * PAGE);
    for (u32 i = 0; i < 3 * PAGE; i++)
        CHECK(low[i] == 0);
    memset(low, 0xaa, 3 * PAGE);
    // Pages that were given back and taken again are zero.
    CHECK(syscall(SYS_brk, low + 10) == (long)low + 10);
    CHECK(syscall(SYS_brk, low + 3 * PAGE) == (long)low + 3 * PAGE);
    u32 next = PAGE - (u32)low % PAGE;
    for (u32 i = next; i < 3 * PAGE; i++)
        CHECK(low[i] == 0);
    CHECK(low[0] == 0xaa);
    // The break stays where it cannot move: into a mapping, below the heap, into the stack.
    u32 above = ((u32)low + 64 * PAGE) & ~(u32)(PAGE - 1);
    CHECK(MAP(above, PAGE, MAP_PRIVATE | MAP_ANONYMOUS) == (long)above);
    const u32 bad[] = {above + 1, above + PAGE, 1, 0, 0x10000, 0x7fff0000, 0x80000000, ~0u};
    for (u32 i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(syscall(SYS_brk, bad[i]) == (long)low + 3 * PAGE);
    CHECK(syscall(SYS_brk, above) == (long)above);
    // The heap is nobody's to map.
    FAILS(ENOMEM, MAP(((u32)low + PAGE) & ~(u32)(PAGE - 1), PAGE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED));
    for (u32 i = 0; i < 2000; i++) {
        u32 size = i * 7919 % 100000;
        u8 *p = malloc(size + 1);
        CHECK(p);
        p[0] = p[size] = i;
        if (i % 3)
            free(p);
    }
}
