#include "reach.h"

#include "arithmetic.h"

#include "leaves.h"
#include "numbers.h"
#include "tasks.h"

/* Words of the tables of a softmax. */
enum { SOFTMAX_WORDS = 16 + 256 + 256 };

/* The bytes `start` to `end` - 1, of which at most `pieces` are read that are no longer than a
 * leaf. Of valid fields, offsets here are far from 64 bits. */
struct reach {
    int64_t start, end, pieces;
};

/* A product of counts; one that does not fit is as good as the largest that twice does. */
static int64_t times(int64_t a, int64_t b)
{
    const int64_t limit = INT64_MAX / 4;
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? limit : smaller(product, limit);
}

/* At most so many leaves: a piece may lie in two. */
static int64_t leaves_of(struct reach reach)
{
    int64_t span = ((reach.end - reach.start) >> LEAF_SHIFT) + 2;
    return smaller(2 * reach.pieces, span);
}

static struct reach range(int64_t start, int64_t size, int64_t pieces)
{
    return (struct reach){start, start + size, pieces};
}

/* All numbers of a tensor, dimension by dimension: `count` more of what there is, `stride` bytes
 * apart. */
static void repeat(struct reach *reach, int64_t stride, int64_t count)
{
    int64_t reached = stride * (count - 1);
    if (reached < 0)
        reach->start += reached;
    else
        reach->end += reached;
    reach->pieces = times(reach->pieces, count);
}

/* Two dimensions. */
static struct reach rows(int64_t at, int64_t size, int64_t stride, int64_t count,
                         int64_t inner_stride, int64_t inner_count)
{
    struct reach reach = range(at, size, 1);
    repeat(&reach, stride, count);
    repeat(&reach, inner_stride, inner_count);
    return reach;
}

/* A part of a table in the blob, if there is the table. */
static int64_t table_leaves(uint32_t offset, int64_t first, int64_t count, int64_t size)
{
    return offset == NONE ? 0 : leaves_of(range(offset + first * size, count * size, count));
}

/* The words of a mask, if there is one. */
static int64_t mask_leaves(uint32_t mask, int64_t count)
{
    return table_leaves(mask, 0, count, 4);
}

/* The rows of a picture that a tile sees: of those of dot or pool. */
struct seen {
    int64_t top, rows;
};

static struct seen rows_seen(uint32_t first_pixel, uint32_t pixels, uint32_t out_width,
                             uint32_t stride, int32_t padding, uint32_t kernel, uint32_t dilation,
                             uint32_t height)
{
    int64_t top = (int64_t)(first_pixel / out_width) * stride - padding;
    int64_t bottom = (int64_t)((first_pixel + pixels - 1) / out_width) * stride - padding
        + (int64_t)(kernel - 1) * dilation;
    top = top > 0 ? top : 0;
    bottom = bottom < (int64_t)height - 1 ? bottom : (int64_t)height - 1;
    return (struct seen){top, bottom >= top ? bottom - top + 1 : 0};
}

static int64_t dot_picture_leaves(const struct dot *task)
{
    int64_t size = size_of(task->a_type);
    uint32_t last_channel = task->first_channel + task->channels - 1;
    uint32_t first_group = task->first_channel / task->channels_per_group;
    int64_t groups = last_channel / task->channels_per_group - first_group + 1;
    int64_t numbers = groups * task->group_size;
    struct seen seen = rows_seen(task->first_pixel, task->pixels, task->out_width, task->stride_y,
                                 task->pad_top, task->kernel_height, task->dilation_y,
                                 task->height);
    int64_t pixels = seen.rows * task->width;
    if (!seen.rows)
        return 0;
    int64_t start = task->a + seen.top * task->width * task->a_stride
        + (int64_t)first_group * task->group_size * size;
    int64_t reached = (pixels - 1) * task->a_stride + numbers * size;
    return leaves_of(range(start, reached, times(pixels, numbers)));
}

static int64_t dot_leaves(const struct dot *task)
{
    int64_t leaves = dot_picture_leaves(task);
    int64_t weights = (int64_t)task->kernel_height * task->kernel_width * task->group_size;
    int64_t pixels = task->a + (int64_t)task->first_pixel * task->a_stride;
    int64_t channels = task->b + (int64_t)task->first_channel * task->b_stride;
    int64_t size = size_of(task->b_type);
    if (task->a_exponents)
        leaves += leaves_of(rows(pixels - 4, 1, task->a_stride, task->pixels, 1, 4));
    leaves += leaves_of(rows(channels, size, task->b_stride, task->channels, size, weights));
    if (task->b_exponents)
        leaves += leaves_of(rows(channels - 4, 1, task->b_stride, task->channels, 1, 4));
    leaves += table_leaves(task->bias, task->first_channel, task->channels, 8);
    return leaves + table_leaves(task->multipliers, task->first_channel, task->channels, 4);
}

static int64_t map_leaves(const struct map *task)
{
    int64_t size = size_of(task->a_type), count = task->count;
    int64_t words = size == 1 ? 256 : (int64_t)task->segments + 1;
    return leaves_of(range(task->a, count * size, count))
        + leaves_of(range(task->table, 4 * words, 2 * count));
}

/* The numbers `first` to `first` + `count` - 1 of a tensor: of the first dimension that they do not
 * lie at one place of, a range; of those behind it, all. */
static int64_t tensor_leaves(const struct binary *task, uint32_t at, uint32_t type,
                             const int32_t strides[4])
{
    const uint32_t sizes[] = {0, task->size_2, task->size_3, task->size_4};
    int64_t start = at, size = size_of(type);
    int64_t first = task->first, last = first + task->count - 1;
    for (int dimension = 0; dimension < 4; dimension++) {
        int64_t inner = 1;
        for (int i = dimension + 1; i < 4; i++)
            inner = times(inner, sizes[i]);
        int64_t low = (int64_t)quotient((uint64_t)first, (uint64_t)inner);
        int64_t high = (int64_t)quotient((uint64_t)last, (uint64_t)inner);
        start += low * strides[dimension];
        if (low != high) {
            struct reach reach = range(start, size, 1);
            repeat(&reach, strides[dimension], high - low + 1);
            for (int i = dimension + 1; i < 4; i++)
                repeat(&reach, strides[i], sizes[i]);
            reach.pieces = task->count;
            return leaves_of(reach);
        }
        first -= low * inner;
        last -= low * inner;
    }
    return leaves_of(range(start, size, 1));
}

static int64_t binary_leaves(const struct binary *task)
{
    const int32_t a[] = {task->a_stride_1, task->a_stride_2, task->a_stride_3, task->a_stride_4};
    const int32_t b[] = {task->b_stride_1, task->b_stride_2, task->b_stride_3, task->b_stride_4};
    return tensor_leaves(task, task->a, task->a_type, a)
        + tensor_leaves(task, task->b, task->b_type, b);
}

static int64_t softmax_leaves(const struct softmax *task)
{
    int64_t size = size_of(task->a_type);
    return leaves_of(rows(task->a, size, task->a_stride, task->rows, size, task->length))
        + mask_leaves(task->mask, task->length)
        + leaves_of(range(task->table, 4 * SOFTMAX_WORDS, SOFTMAX_WORDS));
}

static int64_t words_leaves(uint32_t a, uint32_t stride, uint32_t count, uint32_t length)
{
    return leaves_of(rows(a, 4, stride, count, 4, length));
}

static int64_t norm_leaves(const struct norm *task)
{
    return words_leaves(task->a, task->a_stride, task->rows, task->length)
        + table_leaves(task->gamma, 0, task->length, 4)
        + table_leaves(task->beta, 0, task->length, 4);
}

static int64_t quantise_leaves(const struct quantise *task)
{
    return words_leaves(task->a, task->a_stride, task->rows, task->length);
}

static int64_t pool_leaves(const struct pool *task)
{
    struct seen seen = rows_seen(task->first_pixel, task->pixels, task->out_width, task->stride_y,
                                 task->pad_top, task->kernel_height, 1, task->height);
    int64_t row = (int64_t)task->width * task->channels, size = size_of(task->a_type);
    int64_t count = seen.rows * row;
    return seen.rows ? leaves_of(range(task->a + seen.top * row * size, count * size, count)) : 0;
}

static int64_t reduce_leaves(const struct reduce *task)
{
    return leaves_of(rows(task->a, size_of(task->a_type), task->row_stride, task->rows,
                          task->stride, task->length))
        + mask_leaves(task->mask, task->length);
}

static int64_t copy_leaves(const struct copy *task)
{
    int64_t start = task->a + (int64_t)task->first * task->stride_1;
    struct reach reach = range(start, task->size, 1);
    repeat(&reach, task->stride_1, task->count);
    repeat(&reach, task->stride_2, task->size_2);
    repeat(&reach, task->stride_3, task->size_3);
    repeat(&reach, task->stride_4, task->size_4);
    repeat(&reach, task->stride_5, task->size_5);
    return leaves_of(reach);
}

static int64_t gather_leaves(const struct gather *task)
{
    int64_t count = task->count, size = (int64_t)task->length * size_of(task->table_type);
    int64_t reached = (int64_t)(task->table_rows - 1) * task->table_stride + size;
    int64_t leaves = leaves_of(range(task->indices, 4 * count, count));
    leaves += leaves_of(range(task->table, reached, count * ((size >> LEAF_SHIFT) + 1)));
    if (task->multipliers != NONE)
        leaves += leaves_of(range(task->multipliers, 4 * (int64_t)task->table_rows, count));
    return leaves;
}

static int64_t rotate_leaves(const struct rotate *task)
{
    uint32_t turns = (task->rows - 1) / task->repeat + 1;
    return words_leaves(task->a, task->a_stride, task->rows, task->length)
        + words_leaves(task->table, task->table_stride, turns, task->length);
}

static int64_t choose_leaves(const struct choose *task)
{
    return leaves_of(range(task->condition, 4, 1))
        + leaves_of(range(task->a, task->out_size, task->out_size))
        + leaves_of(range(task->b, task->out_size, task->out_size));
}

int64_t leaves_read(const uint32_t *record)
{
    const void *task = record;
    switch (record[0]) {
    case DOT: return dot_leaves(task);
    case MAP: return map_leaves(task);
    case BINARY: return binary_leaves(task);
    case SOFTMAX: return softmax_leaves(task);
    case NORM: return norm_leaves(task);
    case QUANTISE: return quantise_leaves(task);
    case POOL: return pool_leaves(task);
    case REDUCE: return reduce_leaves(task);
    case COPY: return copy_leaves(task);
    case GATHER: return gather_leaves(task);
    case ROTATE: return rotate_leaves(task);
    case CHOOSE: return choose_leaves(task);
    default: return 0;
    }
}
