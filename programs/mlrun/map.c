/* A function of one number, by table: mlvm/spec.py, map_. */
#include "checks.h"
#include "kernels.h"
#include "leaves.h"
#include "output.h"

static int64_t interpolated(const struct map *task, int32_t number)
{
    int64_t offset = (int64_t)number - task->low;
    int64_t end = (int64_t)task->segments << task->step;
    if (offset < 0)
        return word(&blob, task->table);
    if (offset >= end) {
        int64_t beyond = multiplied(offset - end, task->slope);
        return added(word(&blob, task->table + 4 * task->segments), shifted(beyond, shift_of(16)));
    }
    uint32_t at = (uint32_t)(offset >> task->step);
    uint32_t rest = (uint32_t)offset & ((1u << task->step) - 1);
    int64_t left = word(&blob, task->table + 4 * at);
    int64_t right = word(&blob, task->table + 4 * at + 4);
    return added(left, shifted(multiplied(right - left, rest), shift_of(task->step)));
}

void map(const void *record, uint8_t *out)
{
    static int32_t row[MAX_WRITTEN], table[256];
    const struct map *task = record;
    struct output output = output_of(out, task->out_type);
    numbers(row, &arena, task->a, task->a_type, task->count);
    if (size_of(task->a_type) > 1) {
        for (uint32_t i = 0; i < task->count; i++)
            put(&output, interpolated(task, row[i]));
        return;
    }
    numbers(table, &blob, task->table, I32, 256);
    for (uint32_t i = 0; i < task->count; i++)
        put(&output, table[(uint8_t)row[i]]);
}
