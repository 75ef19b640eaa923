/* Rows of a table by index: mlvm/spec.py, gather. */
#include "checks.h"
#include "kernels.h"
#include "leaves.h"
#include "output.h"

void gather(const void *record, uint8_t *out)
{
    static int32_t numbers_of_row[MAX_WRITTEN];
    const struct gather *task = record;
    const struct bytes *table = source_of(task->table_source);
    struct shift shift = shift_of(task->shift);
    struct output output = output_of(out, task->out_type);
    for (uint32_t i = 0; i < task->count; i++) {
        /* A negative index is larger than any table. */
        uint32_t row = (uint32_t)word(&arena, task->indices + 4 * i);
        row = row < task->table_rows ? row : 0;
        int32_t multiplier = word_of(&blob, task->multipliers, row);
        numbers(numbers_of_row, table, task->table + row * task->table_stride, task->table_type,
                task->length);
        for (uint32_t column = 0; column < task->length; column++)
            put(&output, requantised(numbers_of_row[column], multiplier, shift));
    }
}
