/* Maximum and mean over windows: mlvm/spec.py, pool. */
#include "checks.h"
#include "kernels.h"
#include "leaves.h"
#include "output.h"
#include "picture.h"

static struct run runs[MAX_TAPS];
/* By channel: the largest number, or the sum, of what the window sees. */
static int32_t highest[MAX_WRITTEN];
static int64_t sums[MAX_WRITTEN];

static const struct run *locate_taps(const struct pool *task, uint32_t pixel)
{
    struct picture picture = {
        .a = task->a,
        .a_stride = task->channels * size_of(task->a_type),
        .height = task->height,
        .width = task->width,
        .kernel_height = task->kernel_height,
        .kernel_width = task->kernel_width,
        .stride_y = task->stride_y,
        .stride_x = task->stride_x,
        .dilation_y = 1,
        .dilation_x = 1,
        .pad_top = task->pad_top,
        .pad_left = task->pad_left,
        .out_width = task->out_width,
    };
    return locate(&picture, pixel, runs);
}

/* Adds what a tap sees. */
static void look(const struct pool *task, uint32_t offset)
{
    static int32_t row[MAX_WRITTEN];
    numbers(row, &arena, offset, task->a_type, task->channels);
    if (task->is_mean) {
        for (uint32_t i = 0; i < task->channels; i++)
            sums[i] += row[i];
    } else {
        for (uint32_t i = 0; i < task->channels; i++)
            highest[i] = row[i] > highest[i] ? row[i] : highest[i];
    }
}

/* Adds up what the window sees. Returns how many of its taps are inside of the picture. */
static uint32_t look_through(const struct pool *task, const struct run *end)
{
    uint32_t stride = task->channels * size_of(task->a_type), seen = 0;
    for (uint32_t i = 0; i < task->channels; i++)
        highest[i] = INT32_MIN, sums[i] = 0;
    for (const struct run *run = runs; run != end; run++) {
        for (uint32_t i = 0; run->is_inside && i < run->taps; i++, seen++)
            look(task, run->offset + i * stride);
    }
    return seen;
}

/* What the window makes of a channel, `seen` numbers of which are inside of the picture. */
static int64_t pooled(const struct pool *task, uint32_t channel, uint32_t seen)
{
    if (!task->is_mean)
        return seen ? (int64_t)highest[channel] - task->a_zero : 0;
    int64_t total = sums[channel] - (int64_t)seen * task->a_zero;
    uint32_t divisor = task->divisor ? task->divisor : seen ? seen : 1;
    return floored(shifted(total, shift_of(-12)), divisor);
}

void pool(const void *record, uint8_t *out)
{
    const struct pool *task = record;
    struct output output = output_within(out, task->out_type, task->out_zero, task->out_lowest,
                                         task->out_highest);
    struct shift shift = shift_of(task->shift);
    for (uint32_t i = 0; i < task->pixels; i++) {
        uint32_t seen = look_through(task, locate_taps(task, task->first_pixel + i));
        for (uint32_t channel = 0; channel < task->channels; channel++) {
            int64_t number = pooled(task, channel, seen);
            put(&output, requantised(number, task->multiplier, shift));
        }
    }
}
