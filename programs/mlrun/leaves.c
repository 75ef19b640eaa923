#include "leaves.h"

#include <stddef.h>

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* How many numbers from an offset on are outside: up to where offsets begin again. */
static uint32_t outside(uint32_t offset, uint32_t size, uint32_t count)
{
    /* One that begins outside and ends behind the last offset is outside, too. */
    uint32_t before_wrap = (0u - offset - 1) / size + 1;
    return lesser(count, before_wrap);
}

struct stretch stretch(const struct bytes *bytes, uint32_t offset, uint32_t size, uint32_t count)
{
    uint32_t leaf = offset >> LEAF_SHIFT;
    if (leaf >= bytes->leaves)
        return (struct stretch){NULL, outside(offset, size, count)};
    uint32_t end = bytes->leaves << LEAF_SHIFT;
    count = lesser(count, (end - offset - 1) / size + 1);
    uint32_t last = lesser((offset + count * size - 1) >> LEAF_SHIFT, bytes->leaves - 1);
    for (; leaf <= last; leaf++) {
        if (!bytes->present[leaf])
            fetch(bytes, leaf);
    }
    return (struct stretch){bytes->window + offset, count};
}

#define READ(name, type)                                                                           \
    static void name(int32_t *to, const uint8_t *at, uint32_t count)                               \
    {                                                                                              \
        for (; count >= 4; count -= 4, to += 4, at += 4 * SIZE) {                                  \
            int32_t a = type(at), b = type(at + SIZE), c = type(at + 2 * SIZE);                    \
            int32_t d = type(at + 3 * SIZE);                                                       \
            to[0] = a, to[1] = b, to[2] = c, to[3] = d;                                            \
        }                                                                                          \
        for (; count; count--, at += SIZE)                                                         \
            *to++ = type(at);                                                                      \
    }

static inline int32_t load_i8(const uint8_t *at)
{
    return (int8_t)*at;
}

static inline int32_t load_u8(const uint8_t *at)
{
    return *at;
}

#define SIZE 1
READ(read_i8, load_i8)
READ(read_u8, load_u8)
#undef SIZE
#define SIZE 2
READ(read_i16, load_16)
#undef SIZE
#define SIZE 4
READ(read_i32, load_32)
#undef SIZE

static void zero(int32_t *to, uint32_t count)
{
    for (; count; count--)
        *to++ = 0;
}

void numbers(int32_t *to, const struct bytes *bytes, uint32_t offset, uint32_t type,
             uint32_t count)
{
    static void (*const readers[])(int32_t *, const uint8_t *, uint32_t) = {
        [I8] = read_i8, [I16] = read_i16, [I32] = read_i32, [U8] = read_u8,
    };
    uint32_t size = size_of(type), leaf = offset >> LEAF_SHIFT;
    bool is_short = offset % LEAF_SIZE + count * size <= LEAF_SIZE;
    if (is_short && leaf < bytes->leaves && bytes->present[leaf]) {
        readers[type](to, bytes->window + offset, count);
        return;
    }
    while (count) {
        struct stretch next = stretch(bytes, offset, size, count);
        if (next.at)
            readers[type](to, next.at, next.count);
        else
            zero(to, next.count);
        to += next.count;
        offset += next.count * size;
        count -= next.count;
    }
}

void strided_numbers(int32_t *to, const struct bytes *bytes, uint32_t offset, uint32_t type,
                     int32_t stride, uint32_t count)
{
    if (stride == (int32_t)size_of(type)) {
        numbers(to, bytes, offset, type, count);
        return;
    }
    for (; count; count--, offset += (uint32_t)stride)
        *to++ = number(bytes, offset, type);
}
