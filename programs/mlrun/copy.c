/* Transpose, slice, pad, concatenate: mlvm/spec.py, copy. */
#include "arithmetic.h"
#include "checks.h"
#include "kernels.h"
#include "leaves.h"

/* A dimension: its places, from the first on; how far apart they are; and the box, beyond which
 * there is padding. */
struct dimension {
    uint32_t first, size;
    int32_t stride, low, high;
};

/* The last is what a row is of. */
enum { DIMENSIONS = 5, LAST = DIMENSIONS - 1 };

static void lay_out(const struct copy *task, struct dimension *dimensions)
{
    struct dimension all[] = {
        {task->first, task->count, task->stride_1, task->low_1, task->high_1},
        {0, task->size_2, task->stride_2, task->low_2, task->high_2},
        {0, task->size_3, task->stride_3, task->low_3, task->high_3},
        {0, task->size_4, task->stride_4, task->low_4, task->high_4},
        {0, task->size_5, task->stride_5, task->low_5, task->high_5},
    };
    /* Dimensions of one place may lie anywhere. In front, they leave the longest rows. */
    int used = DIMENSIONS;
    while (used > 1 && all[used - 1].size == 1)
        used--;
    for (int i = 0; i < DIMENSIONS; i++)
        dimensions[i] = all[(i + used) % DIMENSIONS];
}

static uint32_t type_of_size(uint32_t size)
{
    return size == 1 ? U8 : size == 2 ? I16 : I32;
}

static uint8_t *pad(const struct copy *task, uint8_t *to, uint32_t count)
{
    for (uint32_t type = type_of_size(task->size); count; count--)
        to = store(to, task->pad_value, type);
    return to;
}

/* Numbers that lie together. */
static uint8_t *copy_together(const struct copy *task, uint8_t *to, uint32_t at, uint32_t count)
{
    while (count) {
        struct stretch next = stretch(source_of(task->a_source), at, task->size, count);
        uint32_t size = next.count * task->size;
        to = next.at ? copy_bytes(to, next.at, size) : zero_bytes(to, size);
        at += size;
        count -= next.count;
    }
    return to;
}

static uint8_t *copy_strided(const struct copy *task, uint8_t *to, uint32_t at, uint32_t stride,
                             uint32_t count)
{
    const struct bytes *source = source_of(task->a_source);
    for (uint32_t type = type_of_size(task->size); count; count--, at += stride)
        to = store(to, number(source, at, type), type);
    return to;
}

/* How many of the first places of a dimension are below a limit. */
static uint32_t places_below(const struct dimension *dimension, int32_t limit)
{
    int64_t places = (int64_t)limit - dimension->first;
    return (uint32_t)larger(0, smaller(places, dimension->size));
}

/* A row that is inside of the box but for its ends. */
static uint8_t *copy_row(const struct copy *task, uint8_t *to, const struct dimension *row,
                         uint32_t at)
{
    uint32_t low = places_below(row, row->low), high = places_below(row, row->high);
    high = high < low ? low : high;
    to = pad(task, to, low);
    at += (row->first + low) * (uint32_t)row->stride;
    if (row->stride == (int32_t)task->size)
        to = copy_together(task, to, at, high - low);
    else
        to = copy_strided(task, to, at, (uint32_t)row->stride, high - low);
    return pad(task, to, row->size - high);
}

/* All that lies at one place of the dimensions before number `depth`. */
static uint8_t *copy_dimension(const struct copy *task, uint8_t *to,
                               const struct dimension *dimensions, int depth, uint32_t at,
                               bool is_inside)
{
    const struct dimension *dimension = &dimensions[depth];
    if (depth == LAST)
        return is_inside ? copy_row(task, to, dimension, at) : pad(task, to, dimension->size);
    for (uint32_t i = dimension->first; i < dimension->first + dimension->size; i++) {
        bool is_still = is_inside && dimension->low <= (int64_t)i && (int64_t)i < dimension->high;
        to = copy_dimension(task, to, dimensions, depth + 1,
                            at + i * (uint32_t)dimension->stride, is_still);
    }
    return to;
}

void copy(const void *record, uint8_t *out)
{
    const struct copy *task = record;
    struct dimension dimensions[DIMENSIONS];
    lay_out(task, dimensions);
    copy_dimension(task, out, dimensions, 0, task->a, true);
}
