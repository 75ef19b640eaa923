/* Rotary positions: mlvm/spec.py, rotate. */
#include "checks.h"
#include "kernels.h"
#include "leaves.h"
#include "output.h"

enum { MAX_LENGTH = MAX_WRITTEN / 4 };

void rotate(const void *record, uint8_t *out)
{
    static int32_t row[MAX_LENGTH], table[MAX_LENGTH];
    const struct rotate *task = record;
    uint32_t half = task->length / 2;
    for (uint32_t index = 0; index < task->rows; index++) {
        uint32_t turn = task->table + index / task->repeat * task->table_stride;
        numbers(row, &arena, task->a + index * task->a_stride, I32, task->length);
        numbers(table, &blob, turn, I32, task->length);
        struct output first = output_of(out, I32), second = output_of(out + 4 * half, I32);
        for (uint32_t i = 0; i < half; i++) {
            int64_t x = row[i], y = row[half + i], cosine = table[i], sine = table[half + i];
            put(&first, shifted(subtracted(x * cosine, y * sine), shift_of(30)));
            put(&second, shifted(added(x * sine, y * cosine), shift_of(30)));
        }
        out += 4 * task->length;
    }
}
