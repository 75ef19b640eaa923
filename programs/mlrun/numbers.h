/* Numbers of the four types, big-endian: mlvm/tasks.py, DType. */
#pragma once

#include <stdint.h>

#include "tasks.h"

/* A native build may be little-endian. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define BIG_16(x) (x)
#define BIG_32(x) (x)
#else
#define BIG_16(x) __builtin_bswap16(x)
#define BIG_32(x) __builtin_bswap32(x)
#endif

/* Numbers of more than a byte, at any address. */
typedef uint16_t __attribute__((aligned(1), may_alias)) loose_16;
typedef uint32_t __attribute__((aligned(1), may_alias)) loose_32;

static inline uint32_t size_of(uint32_t type)
{
    return type == I32 ? 4 : type == I16 ? 2 : 1;
}

static inline int32_t load_16(const uint8_t *at)
{
    return (int16_t)BIG_16(*(const loose_16 *)at);
}

static inline int32_t load_32(const uint8_t *at)
{
    return (int32_t)BIG_32(*(const loose_32 *)at);
}

static inline int32_t load(const uint8_t *at, uint32_t type)
{
    switch (type) {
    case I8: return (int8_t)*at;
    case U8: return *at;
    case I16: return load_16(at);
    default: return load_32(at);
    }
}

static inline int32_t lowest_of(uint32_t type)
{
    return type == I8 ? INT8_MIN : type == I16 ? INT16_MIN : type == U8 ? 0 : INT32_MIN;
}

static inline int32_t highest_of(uint32_t type)
{
    return type == I8 ? INT8_MAX : type == I16 ? INT16_MAX : type == U8 ? UINT8_MAX : INT32_MAX;
}

/* Copies bytes from any address to any other. Returns where the next go. */
static inline uint8_t *copy_bytes(uint8_t *to, const uint8_t *from, uint32_t count)
{
    for (; count >= 16; count -= 16, to += 16, from += 16) {
        loose_32 *words = (loose_32 *)to;
        const loose_32 *source = (const loose_32 *)from;
        uint32_t a = source[0], b = source[1], c = source[2], d = source[3];
        words[0] = a, words[1] = b, words[2] = c, words[3] = d;
    }
    for (; count; count--)
        *to++ = *from++;
    return to;
}

static inline uint8_t *zero_bytes(uint8_t *to, uint32_t count)
{
    for (; count; count--)
        *to++ = 0;
    return to;
}

/* Writes a number that its type has, at an address that is a multiple of its size. Returns where
 * the next one goes. */
static inline uint8_t *store(uint8_t *to, int32_t number, uint32_t type)
{
    switch (type) {
    case I16: *(uint16_t *)to = BIG_16((uint16_t)number); return to + 2;
    case I32: *(uint32_t *)to = BIG_32((uint32_t)number); return to + 4;
    default: *to = (uint8_t)number; return to + 1;
    }
}
