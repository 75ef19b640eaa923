/* LayerNorm and RMSNorm: mlvm/spec.py, norm. */
#include "checks.h"
#include "kernels.h"
#include "leaves.h"
#include "output.h"

enum { MAX_LENGTH = MAX_WRITTEN / 4 };

static int32_t row[MAX_LENGTH];

static int64_t mean_of(const struct norm *task)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < task->length; i++)
        sum += row[i];
    return task->centred ? floored(sum, task->length) : 0;
}

/* The largest distance of a number from the mean. */
static int64_t largest_of(const struct norm *task, int64_t mean)
{
    int32_t lowest = row[0], highest = row[0];
    for (uint32_t i = 1; i < task->length; i++) {
        lowest = row[i] < lowest ? row[i] : lowest;
        highest = row[i] > highest ? row[i] : highest;
    }
    int64_t above = highest - mean, below = mean - lowest;
    return larger(larger(above, -above), larger(below, -below));
}

/* The mean of the squares, in units of 2^-8, and epsilon. */
static uint64_t square_of(const struct norm *task, int drop)
{
    uint64_t epsilon = (uint64_t)task->epsilon_high << 32 | task->epsilon_low, sum = 0;
    for (uint32_t i = 0; i < task->length; i++)
        sum += (uint64_t)((int64_t)row[i] * row[i]);
    uint64_t square = quotient(sum << 8, task->length) + (epsilon >> 2 * drop);
    uint64_t limit = ((uint64_t)1 << 62) - 1;
    return square < 1 ? 1 : square > limit ? limit : square;
}

void norm(const void *record, uint8_t *out)
{
    const struct norm *task = record;
    struct output output = output_of(out, I32);
    struct shift gamma_shift = shift_of(task->shift);
    for (uint32_t index = 0; index < task->rows; index++) {
        numbers(row, &arena, task->a + index * task->a_stride, I32, task->length);
        int64_t mean = mean_of(task);
        /* As many bits as squares may have whose sum has 64. */
        int bits = bit_length((uint64_t)largest_of(task, mean)), drop = bits > 20 ? bits - 20 : 0;
        for (uint32_t i = 0; i < task->length; i++)
            row[i] = (int32_t)shifted(row[i] - mean, shift_of(drop));
        uint64_t square = square_of(task, drop);
        int up = (62 - bit_length(square)) / 2;
        uint32_t root = square_root(square << 2 * up);
        int64_t inverse = (int64_t)quotient((uint64_t)1 << 61, root);
        struct shift unit_shift = shift_of(37 - up);
        for (uint32_t i = 0; i < task->length; i++) {
            int64_t unit = shifted(multiplied(row[i], inverse), unit_shift);
            int32_t gamma = word_of(&blob, task->gamma, i), beta = word_of(&blob, task->beta, i);
            put(&output, added(requantised(unit, gamma, gamma_shift), beta));
        }
    }
}
