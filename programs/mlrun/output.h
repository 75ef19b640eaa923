/* Where a kernel writes: number after number, each the nearest that its type has. */
#pragma once

#include "arithmetic.h"
#include "numbers.h"

struct output {
    uint8_t *at;
    uint32_t type;
    int32_t lowest, highest, zero;
    /* The limits before the zero point is added, if they have 32 bits. */
    bool is_narrow;
    int32_t narrow_lowest, narrow_highest;
};

static inline int32_t bounded(int32_t number, int32_t lowest, int32_t highest)
{
    number = number < highest ? number : highest;
    return number > lowest ? number : lowest;
}

/* Limits that come before those of the type are one pair of limits. */
static inline struct output output_within(uint8_t *at, uint32_t type, int32_t zero, int32_t lowest,
                                          int32_t highest)
{
    lowest = bounded(lowest, lowest_of(type), highest_of(type));
    highest = bounded(highest, lowest_of(type), highest_of(type));
    int64_t low = (int64_t)lowest - zero, high = (int64_t)highest - zero;
    return (struct output){
        .at = at,
        .type = type,
        .lowest = lowest,
        .highest = highest,
        .zero = zero,
        .is_narrow = low == (int32_t)low && high == (int32_t)high,
        .narrow_lowest = (int32_t)low,
        .narrow_highest = (int32_t)high,
    };
}

static inline struct output output_of(uint8_t *at, uint32_t type)
{
    return output_within(at, type, 0, INT32_MIN, INT32_MAX);
}

/* The end of many tasks: zero point, limits, type. */
static inline void put(struct output *output, int64_t number)
{
    int32_t nearest;
    if (output->is_narrow && number == (int32_t)number) {
        nearest = bounded((int32_t)number, output->narrow_lowest, output->narrow_highest);
        nearest += output->zero;
    } else {
        number = larger(INT32_MIN, smaller(added(number, output->zero), INT32_MAX));
        nearest = bounded((int32_t)number, output->lowest, output->highest);
    }
    output->at = store(output->at, nearest, output->type);
}
