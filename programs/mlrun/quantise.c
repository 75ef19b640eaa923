/* Rows of 32 bits as rows of 16, each with its exponent: mlvm/spec.py, quantise. */
#include "checks.h"
#include "kernels.h"
#include "leaves.h"
#include "output.h"

static uint32_t magnitude(int32_t number)
{
    return number < 0 ? 0u - (uint32_t)number : (uint32_t)number;
}

void quantise(const void *record, uint8_t *out)
{
    static int32_t row[MAX_WRITTEN / 2];
    const struct quantise *task = record;
    for (uint32_t index = 0; index < task->rows; index++) {
        numbers(row, &arena, task->a + index * task->a_stride, I32, task->length);
        uint32_t largest = 0;
        for (uint32_t i = 0; i < task->length; i++) {
            uint32_t size = magnitude(row[i]);
            largest = size > largest ? size : largest;
        }
        int bits = bit_length(largest), exponent = bits > 15 ? bits - 15 : 0;
        struct shift shift = shift_of(exponent);
        struct output output = output_of(store(out, exponent, I32), I16);
        for (uint32_t i = 0; i < task->length; i++)
            put(&output, shifted(row[i], shift));
        out = task->length % 2 ? store(output.at, 0, I16) : output.at;
    }
}
