/* The two functions of the C library that compilers call by themselves. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if (((uintptr_t)t | (uintptr_t)f) % 4 == 0)
        for (; size >= 4; size -= 4, t += 4, f += 4)
            *(uint32_t *)t = *(const uint32_t *)f;
    for (; size > 0; size--)
        *t++ = *f++;
    return to;
}

void *memset(void *at, int value, size_t size)
{
    uint8_t *t = at;
    uint32_t word = (uint8_t)value * 0x01010101u;
    if ((uintptr_t)t % 4 == 0)
        for (; size >= 4; size -= 4, t += 4)
            *(uint32_t *)t = word;
    for (; size > 0; size--)
        *t++ = value;
    return at;
}
