/* Convolution and matrix product: mlvm/spec.py, dot.
 *
 * What an output pixel sees of the picture is read once, into a patch of words; its product with
 * the weights of a channel, which lie together, is then one loop. */
#include <stddef.h>

#include "checks.h"
#include "kernels.h"
#include "leaves.h"
#include "output.h"
#include "picture.h"
#include "products.h"

/* Numbers that a patch may have: more of them cost too much. */
enum { MAX_PATCH = 1 << 20 };

/* Two pixels in one: their numbers are added up so many bits apart, and so may be the sums of
 * their products, as long as these are below 2^22. */
enum { PAIR_SHIFT = 23 };

struct channel {
    const uint8_t *weights;
    int32_t multiplier;
    int64_t bias, exponent;
};

static struct channel channels[MAX_WRITTEN];
static struct run runs[MAX_TAPS], second_runs[MAX_TAPS];
static int32_t patch[MAX_PATCH], second_patch[MAX_PATCH];
/* Copies of weights that do not lie as the loops want them. */
static uint8_t copies[4 * MAX_PATCH] __attribute__((aligned(4)));

/* --- Patches --- */

static void fill(int32_t *to, int32_t value, uint32_t count)
{
    for (; count; count--)
        *to++ = value;
}

static uint32_t taps_of(const struct dot *task)
{
    return task->kernel_height * task->kernel_width;
}

static const struct run *locate_taps(const struct dot *task, uint32_t pixel, struct run *to)
{
    struct picture picture = {
        .a = task->a,
        .a_stride = task->a_stride,
        .height = task->height,
        .width = task->width,
        .kernel_height = task->kernel_height,
        .kernel_width = task->kernel_width,
        .stride_y = task->stride_y,
        .stride_x = task->stride_x,
        .dilation_y = task->dilation_y,
        .dilation_x = task->dilation_x,
        .pad_top = task->pad_top,
        .pad_left = task->pad_left,
        .out_width = task->out_width,
    };
    return locate(&picture, pixel, to);
}

/* Reads what the taps of some runs see: `count` numbers each, of the channels from `first` on. */
static void read_patch(const struct dot *task, const struct run *run, const struct run *end,
                       int32_t *to, uint32_t first, uint32_t count)
{
    const struct bytes *a = source_of(task->a_source);
    uint32_t size = size_of(task->a_type), stride = task->a_stride;
    for (; run != end; run++) {
        uint32_t offset = run->offset + first * size, all = run->taps * count;
        if (!run->is_inside)
            fill(to, task->pad_value, all);
        else if (stride == count * size)
            numbers(to, a, offset, task->a_type, all);
        else
            for (uint32_t i = 0; i < run->taps; i++, offset += stride)
                numbers(to + i * count, a, offset, task->a_type, count);
        to += all;
    }
}

/* --- Weights --- */

static int64_t wide_word_of(uint32_t table, uint32_t index)
{
    const uint8_t *at = table == NONE ? NULL : bytes_at(&blob, table + 8 * index, 8);
    return at ? (int64_t)load_32(at) << 32 | (uint32_t)load_32(at + 4) : 0;
}

static uint32_t weights_of(const struct dot *task)
{
    return taps_of(task) * task->group_size;
}

/* The weights from an offset on, in one piece and aligned: where they are, or else, copied, at
 * `to`. */
static const uint8_t *weights_at(const struct dot *task, uint32_t offset, uint8_t *to)
{
    const struct bytes *b = source_of(task->b_source);
    uint32_t count = weights_of(task), size = size_of(task->b_type);
    struct stretch next = stretch(b, offset, size, count);
    if (next.at && next.count == count && (uintptr_t)next.at % size == 0)
        return next.at;
    const uint8_t *copy = to;
    for (;;) {
        uint32_t bytes = next.count * size;
        to = next.at ? copy_bytes(to, next.at, bytes) : zero_bytes(to, bytes);
        count -= next.count;
        if (!count)
            return copy;
        offset += bytes;
        next = stretch(b, offset, size, count);
    }
}

/* Looks up all that is known of each channel. */
static void find_channels(const struct dot *task)
{
    uint8_t *room = copies;
    for (uint32_t i = 0; i < task->channels; i++) {
        uint32_t index = task->first_channel + i, offset = task->b + index * task->b_stride;
        struct channel *channel = &channels[i];
        channel->bias = wide_word_of(task->bias, index);
        channel->multiplier = word_of(&blob, task->multipliers, index);
        channel->exponent = task->b_exponents ? word(source_of(task->b_source), offset - 4) : 0;
        channel->weights = weights_at(task, offset, room);
        room += weights_of(task) * size_of(task->b_type);
    }
}

/* --- Products --- */

static int64_t product_of(const int32_t *a, const uint8_t *b, uint32_t type, uint32_t count)
{
    switch (type) {
    case I8: return product_i8(a, b, count);
    case U8: return product_u8(a, b, count);
    case I16: return product_i16(a, b, count);
    default: return product_i32(a, b, count);
    }
}

/* --- Outputs --- */

/* The outputs of a pixel, and the shift of those whose channel has no exponent. */
struct row {
    struct output output;
    int64_t bits;
    struct shift shift;
};

static struct row row_of(const struct dot *task, uint8_t *out, uint32_t pixel)
{
    uint32_t start = (pixel - task->first_pixel) * task->channels * size_of(task->out_type);
    uint32_t exponent = task->a + pixel * task->a_stride - 4;
    int64_t bits = task->shift;
    if (task->a_exponents)
        bits -= word(source_of(task->a_source), exponent);
    return (struct row){
        .output = output_within(out + start, task->out_type, task->out_zero, task->out_lowest,
                                task->out_highest),
        .bits = bits,
        .shift = shift_of(bits),
    };
}

static void put_total(struct row *row, const struct channel *channel, int64_t total)
{
    struct shift shift = row->shift;
    if (channel->exponent)
        shift = shift_of(row->bits - channel->exponent);
    total = added(total, channel->bias);
    put(&row->output, requantised(total, channel->multiplier, shift));
}

/* How many of the task's channels, from number i on, are of one group; which is its number. */
static uint32_t channels_of_group(const struct dot *task, uint32_t i, uint32_t *group)
{
    uint32_t channel = task->first_channel + i;
    uint32_t left = task->channels - i;
    *group = channel / task->channels_per_group;
    uint32_t of_group = (*group + 1) * task->channels_per_group - channel;
    return of_group < left ? of_group : left;
}

static void pixel_outputs(const struct dot *task, uint32_t pixel, uint8_t *out)
{
    struct row row = row_of(task, out, pixel);
    uint32_t count = weights_of(task);
    const struct run *last = locate_taps(task, pixel, runs);
    for (uint32_t i = 0, group; i < task->channels;) {
        uint32_t end = i + channels_of_group(task, i, &group);
        read_patch(task, runs, last, patch, group * task->group_size, task->group_size);
        for (; i < end; i++) {
            const uint8_t *weights = channels[i].weights;
            put_total(&row, &channels[i], product_of(patch, weights, task->b_type, count));
        }
    }
}

/* --- Two pixels at a time --- */

/* Whether numbers and weights have 8 bits. */
static bool may_pair(const struct dot *task)
{
    bool pad_is_small = task->pad_value >= INT8_MIN && task->pad_value <= UINT8_MAX;
    return size_of(task->a_type) == 1 && size_of(task->b_type) == 1 && pad_is_small;
}

static void pair_patches(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        patch[i] += second_patch[i] << PAIR_SHIFT;
}

/* So many products may be added up: 224 · 128 · 128, 128 · 255 · 128 and 64 · 255 · 255 are
 * below 2^22. */
static uint32_t pair_limit(const struct dot *task)
{
    bool a_is_signed = task->a_type == I8 && task->pad_value <= INT8_MAX;
    bool b_is_signed = task->b_type == I8;
    return a_is_signed && b_is_signed ? 224 : a_is_signed || b_is_signed ? 128 : 64;
}

static void pair_product(const uint8_t *weights, uint32_t type, uint32_t count, uint32_t limit,
                         int64_t totals[2])
{
    totals[0] = totals[1] = 0;
    for (const int32_t *a = patch; count; a += limit, weights += limit) {
        uint32_t now = count < limit ? count : limit;
        int64_t both = product_of(a, weights, type, now);
        int32_t low = (int32_t)((uint32_t)both << (32 - PAIR_SHIFT)) >> (32 - PAIR_SHIFT);
        totals[0] += low;
        totals[1] += (int32_t)((both - low) >> PAIR_SHIFT);
        count -= now;
    }
}

static void pair_outputs(const struct dot *task, uint32_t pixel, uint8_t *out)
{
    struct row first = row_of(task, out, pixel), second = row_of(task, out, pixel + 1);
    uint32_t count = weights_of(task), limit = pair_limit(task);
    const struct run *last = locate_taps(task, pixel, runs);
    const struct run *second_last = locate_taps(task, pixel + 1, second_runs);
    for (uint32_t i = 0, group; i < task->channels;) {
        uint32_t end = i + channels_of_group(task, i, &group);
        uint32_t first_number = group * task->group_size;
        read_patch(task, runs, last, patch, first_number, task->group_size);
        read_patch(task, second_runs, second_last, second_patch, first_number, task->group_size);
        pair_patches(count);
        for (; i < end; i++) {
            int64_t totals[2];
            pair_product(channels[i].weights, task->b_type, count, limit, totals);
            put_total(&first, &channels[i], totals[0]);
            put_total(&second, &channels[i], totals[1]);
        }
    }
}

/* --- Depthwise: a channel sees one --- */

static bool is_depthwise(const struct dot *task)
{
    return task->group_size == 1 && task->channels_per_group == 1 && size_of(task->b_type) == 1;
}

/* The patch has all the channels of a tap, and then those of the next. */
static void depthwise_outputs(const struct dot *task, uint32_t pixel, uint8_t *out)
{
    strided_product *product = task->b_type == I8 ? strided_product_i8 : strided_product_u8;
    struct row row = row_of(task, out, pixel);
    uint32_t count = taps_of(task), stride = 4 * task->channels;
    const struct run *last = locate_taps(task, pixel, runs);
    read_patch(task, runs, last, patch, task->first_channel, task->channels);
    for (uint32_t i = 0; i < task->channels; i++)
        put_total(&row, &channels[i], product(patch + i, channels[i].weights, count, stride));
}

void dot(const void *record, uint8_t *out)
{
    const struct dot *task = record;
    bool depthwise = is_depthwise(task), pairs = may_pair(task);
    uint32_t pixel = task->first_pixel, end = pixel + task->pixels;
    find_channels(task);
    while (pixel < end) {
        if (depthwise)
            depthwise_outputs(task, pixel++, out);
        else if (pairs && end - pixel >= 2)
            pair_outputs(task, pixel, out), pixel += 2;
        else
            pixel_outputs(task, pixel++, out);
    }
}
