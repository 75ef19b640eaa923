/* Sum, mean, maximum and its place: mlvm/spec.py, reduce_. */
#include "kernels.h"
#include "leaves.h"
#include "output.h"

/* Of the numbers of a row that count. */
struct summary {
    uint32_t count, place;
    int32_t highest;
    int64_t sum;
};

static struct summary summary_of(const struct reduce *task, uint32_t row)
{
    struct summary summary = {0};
    uint32_t cell = task->a + row * task->row_stride;
    for (uint32_t i = 0; i < task->length; i++, cell += task->stride) {
        if (task->mask != NONE && word(&arena, task->mask + 4 * i) == 0)
            continue;
        int32_t found = number(&arena, cell, task->a_type);
        if (!summary.count++ || found > summary.highest) {
            summary.highest = found;
            summary.place = i;
        }
        summary.sum += found;
    }
    return summary;
}

static int64_t reduced(const struct reduce *task, const struct summary *summary)
{
    uint32_t count = summary->count;
    if (task->operation == ARGMAX)
        return summary->place;
    int64_t total = summary->sum - (int64_t)count * task->a_zero;
    if (task->operation == MAXIMUM)
        total = count ? (int64_t)summary->highest - task->a_zero : 0;
    else if (task->is_mean)
        total = floored(shifted(total, shift_of(-12)), count ? count : 1);
    return requantised(total, task->multiplier, shift_of(task->shift));
}

void reduce(const void *record, uint8_t *out)
{
    const struct reduce *task = record;
    struct output output = output_within(out, task->out_type, task->out_zero, task->out_lowest,
                                         task->out_highest);
    for (uint32_t row = 0; row < task->rows; row++) {
        struct summary summary = summary_of(task, row);
        put(&output, reduced(task, &summary));
    }
}
