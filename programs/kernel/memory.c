/* The address space: brk, mmap and what goes with them.
 *
 *     image | heap (brk) -> | mappings | guard | stack | signal page | kernel
 *
 * Mappings are placed from the top down. The machine protects nothing, so a mapping is only a
 * promise: that nobody else is given the addresses, and that they read as zero at first. */
#include "kernel.h"
#include "ranges.h"

/* Between mappings and the stack, so that a stack that overflows a little hits nothing. */
#define GUARD (1u << 20)

/* What is in use by mappings. */
static struct ranges mapped;
/* What may have been written to since it was zero. Reserving a gigabyte costs nothing as long as it
 * is not made writable; zeroing is for what may need it, and happens when it is mapped anew. */
static struct ranges written;

static u32 image_low, area_low, area_high, stack_low, stack_high;
static u32 heap_end; /* the program break; the heap is [area_low, heap_end) */

static u32 page_up(u32 address)
{
    return (address + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static u32 heap_high(void)
{
    return page_up(heap_end);
}

[[noreturn]] static void bad_image(void)
{
    struct message m;
    message_start(&m);
    message_text(&m, "the loader's boot block makes no sense");
    message_send(&m);
    program_exit(EXIT_BAD_IMAGE);
}

void memory_init(u32 image_from, u32 image_to, u32 stack_from, u32 stack_to)
{
    if (image_from < USER_LOW || image_to < image_from || stack_to < stack_from ||
        stack_to > SIGNAL_PAGE || stack_from < GUARD || page_up(image_to) > stack_from - GUARD)
        bad_image();
    image_low = image_from & ~(PAGE_SIZE - 1);
    stack_low = stack_from;
    stack_high = stack_to;
    area_low = heap_end = page_up(image_to);
    area_high = (stack_from - GUARD) & ~(PAGE_SIZE - 1);
}

/* ---- zeroing ---------------------------------------------------------------------------------- */

static void zero(u32 low, u32 high)
{
    for (u32 *word = (u32 *)low; word != (u32 *)high; word += 16) {
        word[0] = word[1] = word[2] = word[3] = 0;
        word[4] = word[5] = word[6] = word[7] = 0;
        word[8] = word[9] = word[10] = word[11] = 0;
        word[12] = word[13] = word[14] = word[15] = 0;
    }
}

/* Makes whole pages read as zero. */
static void clean(u32 low, u32 high)
{
    for (u32 i = ranges_find(&written, low); i < written.count && written.at[i].low < high; i++) {
        struct range r = written.at[i];
        zero(r.low > low ? r.low : low, r.high < high ? r.high : high);
    }
}

/* Whether the tables can take one change more. Checked before anything is changed. */
static bool have_room(void)
{
    return ranges_have_room(&mapped) && ranges_have_room(&written);
}

/* ---- brk -------------------------------------------------------------------------------------- */

/* As on Linux, the result is the break as it is now, moved or not. */
s32 sys_brk(struct thread *t)
{
    u32 wanted = argument(t, 0), high = heap_high();
    if (wanted < area_low || wanted > area_high)
        return heap_end;
    u32 wanted_high = page_up(wanted);
    if (wanted_high > high) {
        if (!have_room() || ranges_overlap(&mapped, high, wanted_high))
            return heap_end;
        clean(high, wanted_high);
        ranges_add(&written, high, wanted_high);
    }
    heap_end = wanted;
    return heap_end;
}

/* ---- mmap and munmap -------------------------------------------------------------------------- */

static bool is_in_area(u32 address, u32 size)
{
    return address >= heap_high() && address <= area_high && size <= area_high - address;
}

static bool is_free(u32 address, u32 size)
{
    return is_in_area(address, size) && !ranges_overlap(&mapped, address, address + size);
}

static s32 map(u32 low, u32 high, u32 protection)
{
    clean(low, high);
    ranges_add(&mapped, low, high);
    if (protection & PROT_WRITE)
        ranges_add(&written, low, high);
    else
        ranges_remove(&written, low, high);
    return low;
}

static s32 place(u32 hint, u32 size, u32 flags)
{
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (hint % PAGE_SIZE)
            return -EINVAL;
        if (!is_in_area(hint, size))
            return -ENOMEM;
        if (flags & MAP_FIXED_NOREPLACE && !is_free(hint, size))
            return -EEXIST;
        return hint;
    }
    hint &= ~(PAGE_SIZE - 1);
    if (hint && is_free(hint, size))
        return hint;
    u32 address = ranges_gap(&mapped, size, heap_high(), area_high);
    return address ? (s32)address : -ENOMEM;
}

/* mmap, and mmap2: they differ in the unit of the offset, and there is nothing to have one. */
s32 sys_mmap(struct thread *t)
{
    u32 size = argument(t, 1), protection = argument(t, 2), flags = argument(t, 3);
    u32 type = flags & MAP_TYPE;
    if (!(flags & MAP_ANONYMOUS))
        return -ENODEV;
    if (size == 0 || (type != MAP_PRIVATE && type != MAP_SHARED))
        return -EINVAL;
    if (size > USER_HIGH || !have_room())
        return -ENOMEM;
    size = page_up(size);
    s32 address = place(argument(t, 0), size, flags);
    return address < 0 ? address : map(address, address + size, protection);
}

s32 sys_munmap(struct thread *t)
{
    u32 address = argument(t, 0), size = argument(t, 1);
    if (address % PAGE_SIZE || size == 0 || size > USER_HIGH)
        return -EINVAL;
    size = page_up(size);
    if (!is_in_area(address, size))
        return -EINVAL;
    if (!have_room())
        return -ENOMEM;
    ranges_remove(&mapped, address, address + size);
    return 0;
}

s32 sys_mremap(struct thread *t)
{
    u32 address = argument(t, 0), old_size = argument(t, 1), new_size = argument(t, 2);
    if (address % PAGE_SIZE || old_size == 0 || new_size == 0 || argument(t, 3) & ~MREMAP_MAYMOVE)
        return -EINVAL;
    if (old_size > USER_HIGH || new_size > USER_HIGH || !have_room())
        return -ENOMEM;
    u32 old_high = address + page_up(old_size), new_high = address + page_up(new_size);
    if (!is_in_area(address, page_up(old_size)) || !ranges_contain(&mapped, address, old_high))
        return -EFAULT;
    if (new_high < old_high)
        ranges_remove(&mapped, new_high, old_high);
    if (new_high > old_high) {
        /* It never moves: copying is no cheaper here than in the C library. */
        if (!is_free(old_high, page_up(new_size) - page_up(old_size)))
            return -ENOMEM;
        map(old_high, new_high, PROT_WRITE);
    }
    return address;
}

/* ---- mprotect and madvise --------------------------------------------------------------------- */

static bool is_anonymous(u32 low, u32 high)
{
    return (low >= area_low && high <= heap_high()) || ranges_contain(&mapped, low, high);
}

static bool is_in_use(u32 low, u32 high)
{
    return (low >= image_low && high <= heap_high()) || (low >= stack_low && high <= stack_high) ||
           is_anonymous(low, high);
}

s32 sys_mprotect(struct thread *t)
{
    u32 address = argument(t, 0), size = argument(t, 1);
    if (address % PAGE_SIZE)
        return -EINVAL;
    if (size > USER_HIGH || address >= USER_HIGH || !have_room())
        return -ENOMEM;
    u32 high = address + page_up(size);
    if (high == address)
        return 0;
    if (!is_in_use(address, high))
        return -ENOMEM;
    if (argument(t, 2) & PROT_WRITE && is_in_area(address, high - address))
        ranges_add(&written, address, high);
    return 0;
}

s32 sys_madvise(struct thread *t)
{
    u32 address = argument(t, 0), size = argument(t, 1), advice = argument(t, 2);
    if (address % PAGE_SIZE || size > USER_HIGH)
        return -EINVAL;
    u32 high = address + page_up(size);
    if (size == 0)
        return 0;
    if (address >= USER_HIGH || !is_anonymous(address, high))
        return -ENOMEM;
    /* Programs rely on discarded pages reading as zero. All other advice is about speed; MADV_FREE
     * lets the kernel keep the contents, and it does. */
    if (advice == MADV_DONTNEED)
        clean(address, high);
    return 0;
}
