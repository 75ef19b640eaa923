/* Blob and arena, as the task sees them: bytes at offsets, zeros beyond. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "numbers.h"
#include "tasks.h"

enum { LEAF_SHIFT = 10, LEAF_SIZE = 1 << LEAF_SHIFT };

struct hash;

struct bytes {
    uint8_t *window;     /* the byte at offset n is at window[n], once its leaf is present */
    uint8_t *present;    /* by leaf; for those beyond the last, too */
    struct hash *nodes;  /* of the byte tree: 1 is the root, those of n are 2n and 2n + 1 */
    uint32_t leaves;     /* a power of two */
};

extern struct bytes blob, arena;

/* Brings a leaf in. */
void fetch(const struct bytes *bytes, uint32_t leaf);

static inline const struct bytes *source_of(uint32_t source)
{
    return source == ARENA ? &arena : &blob;
}

/* The `size` bytes at an offset, at most a leaf; NULL is zeros. */
static inline const uint8_t *bytes_at(const struct bytes *bytes, uint32_t offset, uint32_t size)
{
    uint32_t leaf = offset >> LEAF_SHIFT;
    if (leaf >= bytes->leaves)
        return 0;
    if (!bytes->present[leaf])
        fetch(bytes, leaf);
    uint32_t last = (offset + size - 1) >> LEAF_SHIFT;
    if (last != leaf && last < bytes->leaves && !bytes->present[last])
        fetch(bytes, last);
    return bytes->window + offset;
}

/* The number at an offset. */
static inline int32_t number(const struct bytes *bytes, uint32_t offset, uint32_t type)
{
    const uint8_t *at = bytes_at(bytes, offset, size_of(type));
    return at ? load(at, type) : 0;
}

/* The word of 32 bits at an offset, at none 0. (Nothing is there to be read.) */
static inline int32_t word(const struct bytes *bytes, uint32_t offset)
{
    return number(bytes, offset, I32);
}

/* The same of a table, if there is the table. */
static inline int32_t word_of(const struct bytes *bytes, uint32_t table, uint32_t index)
{
    return table == NONE ? 0 : word(bytes, table + 4 * index);
}

/* Numbers that lie together: how many, and where; NULL if they are zeros. */
struct stretch {
    const uint8_t *at;
    uint32_t count;
};

/* The first of `count` numbers from an offset on. */
struct stretch stretch(const struct bytes *bytes, uint32_t offset, uint32_t size, uint32_t count);

/* Reads `count` numbers from an offset on. */
void numbers(int32_t *to, const struct bytes *bytes, uint32_t offset, uint32_t type,
             uint32_t count);

/* The same with numbers `stride` bytes apart. */
void strided_numbers(int32_t *to, const struct bytes *bytes, uint32_t offset, uint32_t type,
                     int32_t stride, uint32_t count);
