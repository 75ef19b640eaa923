/* e^x / Σ e^x: mlvm/spec.py, softmax. */
#include "checks.h"
#include "kernels.h"
#include "leaves.h"
#include "output.h"

/* What is known of a number of the row. */
struct logit {
    int64_t number;
    bool counts;
};

static struct logit row[MAX_WRITTEN];
static int64_t powers[MAX_WRITTEN];

/* The numbers of a row, in units of 2^-16, and the highest of those that count; 0 if none does. */
static int64_t read_logits(const struct softmax *task, uint32_t index)
{
    static int32_t numbers_of_row[MAX_WRITTEN];
    uint64_t valid = task->valid + (uint64_t)index * task->valid_step;
    struct shift shift = shift_of(task->shift);
    int64_t highest = INT64_MIN;
    bool any = false;
    numbers(numbers_of_row, &arena, task->a + index * task->a_stride, task->a_type, task->length);
    for (uint32_t i = 0; i < task->length; i++) {
        bool is_masked = task->mask != NONE && word(&arena, task->mask + 4 * i) == 0;
        row[i].counts = i < valid && !is_masked;
        if (!row[i].counts)
            continue;
        row[i].number = requantised(numbers_of_row[i], task->multiplier, shift);
        highest = larger(highest, row[i].number);
        any = true;
    }
    return any ? highest : 0;
}

/* e^(-below / 2^16), in units of 2^-30. */
static int64_t exponential(const struct softmax *task, int64_t below)
{
    if (below < 0 || below >= 16 << 16)
        return 0;
    const struct shift by_30 = shift_of(30);
    uint32_t place = (uint32_t)below;
    int64_t whole = word(&blob, task->table + 4 * (place >> 16));
    int64_t high = word(&blob, task->table + 4 * (16 + (place >> 8 & 255)));
    int64_t low = word(&blob, task->table + 4 * (272 + (place & 255)));
    return shifted(multiplied(shifted(whole * high, by_30), low), by_30);
}

void softmax(const void *record, uint8_t *out)
{
    const struct softmax *task = record;
    struct output output = output_of(out, task->out_type);
    for (uint32_t index = 0; index < task->rows; index++) {
        int64_t highest = read_logits(task, index), total = 0;
        for (uint32_t i = 0; i < task->length; i++) {
            int64_t below = subtracted(highest, row[i].number);
            powers[i] = row[i].counts ? exponential(task, below) : 0;
            total += powers[i];
        }
        int64_t inverse = total > 0 ? (int64_t)quotient((uint64_t)1 << 61, (uint64_t)total) : 0;
        for (uint32_t i = 0; i < task->length; i++)
            put(&output, shifted(multiplied(powers[i], inverse), shift_of(46)));
    }
}
