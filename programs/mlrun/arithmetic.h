/* The arithmetic of mlvm/spec.py: signed 64-bit numbers that wrap around. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline int64_t added(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static inline int64_t subtracted(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static inline int64_t multiplied(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

static inline int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A shift that many numbers share: by how many bits, and the half of 2^by that rounds. */
struct shift {
    int by;
    int64_t half;
};

static inline struct shift shift_of(int64_t bits)
{
    int by = bits < -63 ? -63 : bits > 63 ? 63 : (int)bits;
    return (struct shift){by, by > 0 ? (int64_t)1 << (by - 1) : 0};
}

/* number / 2^by, rounded to the nearest, halves up; times 2^-by, if it is negative. */
static inline int64_t shifted(int64_t number, struct shift shift)
{
    if (shift.by <= 0)
        return (int64_t)((uint64_t)number << -shift.by);
    number = added(number, shift.half);
    /* The same as below, but a third of the steps where words have 32 bits. */
    if (shift.by >= 32)
        return (int32_t)(number >> 32) >> (shift.by - 32);
    return number >> shift.by;
}

/* number · multiplier / 2^shift, rounded. */
static inline int64_t requantised(int64_t number, int32_t multiplier, struct shift shift)
{
    return shifted(multiplied(number, multiplier), shift);
}

/* number / divisor, rounded down; the divisor is not 0. */
uint64_t quotient(uint64_t number, uint64_t divisor);
int64_t floored(int64_t number, uint32_t divisor);

/* The largest number whose square is not larger. */
uint32_t square_root(uint64_t number);

/* How many bits a number has. */
int bit_length(uint64_t number);
