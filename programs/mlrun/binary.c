/* Sum, product, maximum, minimum of two tensors: mlvm/spec.py, binary. */
#include "checks.h"
#include "kernels.h"
#include "leaves.h"
#include "output.h"

/* A dimension: its size, a place in it, and how far apart the operands' numbers are. */
struct dimension {
    uint32_t size, place;
    int32_t a_stride, b_stride;
};

/* The last is what a row is of. */
enum { DIMENSIONS = 4, LAST = DIMENSIONS - 1 };

/* The dimensions, each at the place of number `first`. */
static void lay_out(const struct binary *task, struct dimension *dimensions)
{
    const uint32_t endless = UINT32_MAX;
    struct dimension all[] = {
        {endless, 0, task->a_stride_1, task->b_stride_1},
        {task->size_2, 0, task->a_stride_2, task->b_stride_2},
        {task->size_3, 0, task->a_stride_3, task->b_stride_3},
        {task->size_4, 0, task->a_stride_4, task->b_stride_4},
    };
    /* Where the last dimensions have one place, rows are made of those before: they are longer. */
    int used = DIMENSIONS;
    while (all[used - 1].size == 1)
        used--;
    uint32_t rest = task->first;
    for (int i = LAST; i >= 0; i--) {
        int from = i - (DIMENSIONS - used);
        dimensions[i] = from < 0 ? (struct dimension){.size = endless} : all[from];
        dimensions[i].place = rest % dimensions[i].size;
        rest /= dimensions[i].size;
    }
}

/* To the beginning of the next row. */
static void advance(struct dimension *dimensions)
{
    dimensions[LAST].place = 0;
    for (int i = LAST - 1; i >= 0; i--) {
        if (++dimensions[i].place < dimensions[i].size)
            return;
        dimensions[i].place = 0;
    }
}

/* `count` numbers of each operand. */
static void read_rows(const struct binary *task, const struct dimension *dimensions,
                      uint32_t count, int32_t *left, int32_t *right)
{
    uint32_t a = task->a, b = task->b;
    for (int i = 0; i < DIMENSIONS; i++) {
        a += dimensions[i].place * (uint32_t)dimensions[i].a_stride;
        b += dimensions[i].place * (uint32_t)dimensions[i].b_stride;
    }
    strided_numbers(left, &arena, a, task->a_type, dimensions[LAST].a_stride, count);
    strided_numbers(right, source_of(task->b_source), b, task->b_type, dimensions[LAST].b_stride,
                    count);
}

static int64_t combined(const struct binary *task, struct shift shift, int64_t a, int64_t b)
{
    if (task->operation == MUL)
        return requantised(multiplied(a, b), task->multiplier, shift);
    a = multiplied(a, task->a_multiplier);
    b = multiplied(b, task->b_multiplier);
    if (task->operation == ADD)
        return shifted(added(a, b), shift);
    return shifted(task->operation == MAX ? larger(a, b) : smaller(a, b), shift);
}

void binary(const void *record, uint8_t *out)
{
    static int32_t left[MAX_WRITTEN], right[MAX_WRITTEN];
    const struct binary *task = record;
    struct output output = output_within(out, task->out_type, task->out_zero, task->out_lowest,
                                         task->out_highest);
    struct shift shift = shift_of(task->shift);
    struct dimension dimensions[DIMENSIONS];
    lay_out(task, dimensions);
    for (uint32_t rest = task->count, now; rest; rest -= now) {
        now = dimensions[LAST].size - dimensions[LAST].place;
        now = now < rest ? now : rest;
        read_rows(task, dimensions, now, left, right);
        for (uint32_t i = 0; i < now; i++) {
            int64_t a = (int64_t)left[i] - task->a_zero, b = (int64_t)right[i] - task->b_zero;
            put(&output, combined(task, shift, a, b));
        }
        advance(dimensions);
    }
}
