#include "checks.h"

#include <stddef.h>

#include "arithmetic.h"
#include "leaves.h"
#include "numbers.h"
#include "reach.h"
#include "tasks.h"

/* A count lies between 1 and this. */
enum { MAX_COUNT = 1 << 24 };
/* Segments of a table, and the bits of a step, that a map may have. */
enum { MAX_SEGMENTS = 1 << 16, MAX_STEP = 30 };
/* What a pool may divide by. */
enum { MAX_DIVISOR = (1 << 16) - 1 };
/* High half of the largest epsilon of a norm, and one more. */
enum { EPSILON_LIMIT = 1 << 29 };

/* --- Fields --- */

/* What a field has to be. */
enum rule { COUNT, FIRST, TYPE, SOURCE };

struct field {
    uint8_t kind, word, rule;
};

#define FIELD(kind, task, name, rule) {kind, offsetof(struct task, name) / 4, rule}

static const struct field fields[] = {
    FIELD(DOT, dot, height, COUNT),
    FIELD(DOT, dot, width, COUNT),
    FIELD(DOT, dot, group_size, COUNT),
    FIELD(DOT, dot, kernel_height, COUNT),
    FIELD(DOT, dot, kernel_width, COUNT),
    FIELD(DOT, dot, stride_y, COUNT),
    FIELD(DOT, dot, stride_x, COUNT),
    FIELD(DOT, dot, dilation_y, COUNT),
    FIELD(DOT, dot, dilation_x, COUNT),
    FIELD(DOT, dot, out_width, COUNT),
    FIELD(DOT, dot, channels_per_group, COUNT),
    FIELD(DOT, dot, pixels, COUNT),
    FIELD(DOT, dot, channels, COUNT),
    FIELD(DOT, dot, first_pixel, FIRST),
    FIELD(DOT, dot, first_channel, FIRST),
    FIELD(DOT, dot, a_type, TYPE),
    FIELD(DOT, dot, b_type, TYPE),
    FIELD(DOT, dot, out_type, TYPE),
    FIELD(DOT, dot, a_source, SOURCE),
    FIELD(DOT, dot, b_source, SOURCE),
    FIELD(MAP, map, count, COUNT),
    FIELD(MAP, map, a_type, TYPE),
    FIELD(MAP, map, out_type, TYPE),
    FIELD(BINARY, binary, size_2, COUNT),
    FIELD(BINARY, binary, size_3, COUNT),
    FIELD(BINARY, binary, size_4, COUNT),
    FIELD(BINARY, binary, count, COUNT),
    FIELD(BINARY, binary, first, FIRST),
    FIELD(BINARY, binary, a_type, TYPE),
    FIELD(BINARY, binary, b_type, TYPE),
    FIELD(BINARY, binary, out_type, TYPE),
    FIELD(BINARY, binary, b_source, SOURCE),
    FIELD(SOFTMAX, softmax, rows, COUNT),
    FIELD(SOFTMAX, softmax, length, COUNT),
    FIELD(SOFTMAX, softmax, a_type, TYPE),
    FIELD(SOFTMAX, softmax, out_type, TYPE),
    FIELD(NORM, norm, rows, COUNT),
    FIELD(NORM, norm, length, COUNT),
    FIELD(QUANTISE, quantise, rows, COUNT),
    FIELD(QUANTISE, quantise, length, COUNT),
    FIELD(POOL, pool, height, COUNT),
    FIELD(POOL, pool, width, COUNT),
    FIELD(POOL, pool, channels, COUNT),
    FIELD(POOL, pool, kernel_height, COUNT),
    FIELD(POOL, pool, kernel_width, COUNT),
    FIELD(POOL, pool, stride_y, COUNT),
    FIELD(POOL, pool, stride_x, COUNT),
    FIELD(POOL, pool, out_width, COUNT),
    FIELD(POOL, pool, pixels, COUNT),
    FIELD(POOL, pool, first_pixel, FIRST),
    FIELD(POOL, pool, a_type, TYPE),
    FIELD(POOL, pool, out_type, TYPE),
    FIELD(REDUCE, reduce, rows, COUNT),
    FIELD(REDUCE, reduce, length, COUNT),
    FIELD(REDUCE, reduce, a_type, TYPE),
    FIELD(REDUCE, reduce, out_type, TYPE),
    FIELD(COPY, copy, size_2, COUNT),
    FIELD(COPY, copy, size_3, COUNT),
    FIELD(COPY, copy, size_4, COUNT),
    FIELD(COPY, copy, size_5, COUNT),
    FIELD(COPY, copy, count, COUNT),
    FIELD(COPY, copy, first, FIRST),
    FIELD(COPY, copy, a_source, SOURCE),
    FIELD(GATHER, gather, table_rows, COUNT),
    FIELD(GATHER, gather, length, COUNT),
    FIELD(GATHER, gather, count, COUNT),
    FIELD(GATHER, gather, table_type, TYPE),
    FIELD(GATHER, gather, out_type, TYPE),
    FIELD(GATHER, gather, table_source, SOURCE),
    FIELD(ROTATE, rotate, rows, COUNT),
    FIELD(ROTATE, rotate, length, COUNT),
    FIELD(ROTATE, rotate, repeat, COUNT),
};

static bool follows(uint32_t value, uint8_t rule)
{
    switch (rule) {
    case COUNT: return value >= 1 && value <= MAX_COUNT;
    case FIRST: return value <= MAX_COUNT;
    case TYPE: return value < TYPES;
    default: return value < SOURCES;
    }
}

static bool fields_are_valid(const uint32_t *record)
{
    const struct field *end = fields + sizeof fields / sizeof *fields;
    for (const struct field *field = fields; field != end; field++) {
        if (field->kind == record[0] && !follows(record[field->word], field->rule))
            return false;
    }
    return true;
}

/* --- Kinds --- */

/* Whether so many counts, at most MAX_COUNT each, have a product of at most MAX_COUNT. */
static bool fit(uint32_t a, uint32_t b, uint32_t c)
{
    uint64_t product = (uint64_t)a * b;
    return product <= MAX_COUNT && product * c <= MAX_COUNT;
}

static bool map_is_valid(const struct map *task)
{
    bool has_segments = task->segments >= 1 && task->segments <= MAX_SEGMENTS;
    return size_of(task->a_type) == 1 || (has_segments && task->step <= MAX_STEP);
}

static bool dot_is_valid(const struct dot *task)
{
    return fit(task->height, task->width, 1)
        && fit(task->kernel_height, task->kernel_width, task->group_size);
}

static bool pool_is_valid(const struct pool *task)
{
    return fit(task->height, task->width, task->channels) && task->divisor <= MAX_DIVISOR;
}

static bool copy_is_valid(const struct copy *task)
{
    return task->size == 1 || task->size == 2 || task->size == 4;
}

static bool kind_is_valid(const uint32_t *record)
{
    const void *task = record;
    switch (record[0]) {
    case DOT: return dot_is_valid(task);
    case MAP: return map_is_valid(task);
    case BINARY: return ((const struct binary *)task)->operation < OPERATIONS;
    case NORM: return ((const struct norm *)task)->epsilon_high < EPSILON_LIMIT;
    case POOL: return pool_is_valid(task);
    case REDUCE: return ((const struct reduce *)task)->operation < REDUCTIONS;
    case COPY: return copy_is_valid(task);
    case ROTATE: return ((const struct rotate *)task)->length % 2 == 0;
    default: return true;
    }
}

/* --- What is written --- */

/* A product of counts, of at most MAX_COUNT each; one that is too large stays so. */
static uint64_t counted(uint64_t so_far, uint32_t count)
{
    return so_far > MAX_WRITTEN ? so_far : so_far * count;
}

static uint64_t copied_size(const struct copy *task)
{
    uint64_t size = counted(counted(task->size, task->count), task->size_2);
    return counted(counted(counted(size, task->size_3), task->size_4), task->size_5);
}

/* `a` times `b` numbers of a size. */
static uint64_t numbers_size(uint32_t size, uint32_t a, uint32_t b)
{
    return counted(counted(size, a), b);
}

static uint64_t written_size(const uint32_t *record)
{
    const void *task = record;
    const struct dot *dot = task;
    const struct map *map = task;
    const struct binary *binary = task;
    const struct softmax *softmax = task;
    const struct norm *norm = task;
    const struct quantise *quantise = task;
    const struct pool *pool = task;
    const struct reduce *reduce = task;
    const struct gather *gather = task;
    const struct rotate *rotate = task;
    switch (record[0]) {
    case DOT: return numbers_size(size_of(dot->out_type), dot->pixels, dot->channels);
    case MAP: return numbers_size(size_of(map->out_type), map->count, 1);
    case BINARY: return numbers_size(size_of(binary->out_type), binary->count, 1);
    case SOFTMAX: return numbers_size(size_of(softmax->out_type), softmax->rows, softmax->length);
    case NORM: return numbers_size(4, norm->rows, norm->length);
    case QUANTISE: return counted(4 + (2 * quantise->length + 3) / 4 * 4, quantise->rows);
    case POOL: return numbers_size(size_of(pool->out_type), pool->pixels, pool->channels);
    case REDUCE: return numbers_size(size_of(reduce->out_type), reduce->rows, 1);
    case COPY: return copied_size(task);
    case GATHER: return numbers_size(size_of(gather->out_type), gather->count, gather->length);
    case ROTATE: return numbers_size(4, rotate->rows, rotate->length);
    default: return record[2];
    }
}

/* --- Cost --- */

/* Of every task: header, record, and the hashes above what it writes, up to the root. */
#define COST_OF_TASK (1 << 16)
/* Of every leaf that is written, and so hashed; and of one that is read, with the path to it. */
#define COST_OF_LEAF_WRITTEN (1 << 14)
#define COST_OF_LEAF_READ 80
/* Of every row of a softmax or a norm: a reciprocal, a square root. */
#define COST_OF_ROW 384

/* What pixels see is read, once for each group; then come the products; and each channel is looked
 * up, its weights copied if they are not aligned. */
static int64_t dot_work(const struct dot *task)
{
    int64_t taps = (int64_t)task->kernel_height * task->kernel_width;
    int64_t channels = task->channels, weights = taps * task->group_size;
    uint32_t last_group = (task->first_channel + task->channels - 1) / task->channels_per_group;
    int64_t groups = last_group - task->first_channel / task->channels_per_group + 1;
    int64_t seen = taps * (4 + groups * (16 + (int64_t)task->group_size));
    if (task->group_size == 1 && task->channels_per_group == 1 && size_of(task->b_type) == 1)
        seen = taps * (20 + channels);
    int64_t outputs = channels * (32 + weights);
    return task->pixels * (64 + seen + outputs) + channels * (32 + weights / 2);
}

static int64_t pool_work(const struct pool *task)
{
    int64_t taps = smaller((int64_t)task->kernel_height * task->kernel_width, MAX_COST);
    return task->pixels * (20 * taps + task->channels * (28 + 3 * taps));
}

/* Of the numbers that are dealt with in a row: the last dimension with more than one place. */
static uint32_t row_length(const uint32_t *sizes, int count)
{
    while (count > 1 && sizes[count - 1] == 1)
        count--;
    return sizes[count - 1];
}

static int64_t binary_work(const struct binary *task)
{
    const uint32_t sizes[] = {task->count, task->size_2, task->size_3, task->size_4};
    return (int64_t)24 * task->count + 64 * (task->count / row_length(sizes, 4) + 2);
}

static int64_t copy_work(const struct copy *task)
{
    const uint32_t sizes[] = {
        task->count, task->size_2, task->size_3, task->size_4, task->size_5,
    };
    uint32_t numbers = task->out_size / task->size;
    return (int64_t)6 * numbers + (int64_t)48 * (numbers / row_length(sizes, 5));
}

/* Of so many rows of so many numbers. */
static int64_t rows_work(int64_t rows, int64_t of_row, int64_t of_number, uint32_t length)
{
    return rows * (of_row + of_number * length);
}

/* Of the numbers that are computed. What exceeds MAX_COST by far need not be exact. */
static int64_t work(const uint32_t *record)
{
    const void *task = record;
    const struct softmax *softmax = task;
    const struct norm *norm = task;
    const struct quantise *quantise = task;
    const struct reduce *reduce = task;
    const struct gather *gather = task;
    const struct rotate *rotate = task;
    switch (record[0]) {
    case DOT: return dot_work(task);
    case MAP: return 256 + (int64_t)24 * ((const struct map *)task)->count;
    case BINARY: return binary_work(task);
    case SOFTMAX: return rows_work(softmax->rows, COST_OF_ROW, 32, softmax->length);
    case NORM: return rows_work(norm->rows, COST_OF_ROW, 32, norm->length);
    case QUANTISE: return rows_work(quantise->rows, 64, 10, quantise->length);
    case POOL: return pool_work(task);
    case REDUCE: return rows_work(reduce->rows, 64, 16, reduce->length);
    case COPY: return copy_work(task);
    case GATHER: return rows_work(gather->count, 64, 16, gather->length);
    case ROTATE: return rows_work(rotate->rows, 64, 12, rotate->length);
    default: return record[2];
    }
}

int64_t cost(const uint32_t *record)
{
    uint64_t last = (uint64_t)record[1] + record[2] - 1;
    int64_t leaves_written = (int64_t)(last >> LEAF_SHIFT) - (record[1] >> LEAF_SHIFT) + 1;
    return COST_OF_TASK + COST_OF_LEAF_WRITTEN * leaves_written
        + COST_OF_LEAF_READ * leaves_read(record) + work(record);
}

/* --- A task --- */

/* The leaves of a tree of so many bytes: a power of two. */
uint32_t leaf_count(uint32_t size)
{
    uint32_t needed = (uint32_t)(((uint64_t)size + LEAF_SIZE - 1) >> LEAF_SHIFT);
    return needed <= 1 ? 1 : 1u << (32 - __builtin_clz(needed - 1));
}

/* The task that fills the arena, or the one that takes the output from it. */
static bool end_is_valid(const struct task *task, const struct sizes *sizes)
{
    uint32_t size = task->kind == INPUT ? sizes->input : sizes->output;
    uint64_t room = (uint64_t)leaf_count(size) << LEAF_SHIFT;
    bool is_placed = task->kind == INPUT ? task->out == 0 : (task->out & (room - 1)) == 0;
    return task->out_size == size && is_placed && task->out + room <= sizes->arena;
}

bool is_valid(const uint32_t *record, const struct sizes *sizes)
{
    const struct task *task = (const struct task *)record;
    if (task->kind == NOTHING || task->kind >= KINDS)
        return task->kind == NOTHING;
    if (task->kind == INPUT || task->kind == OUTPUT)
        return end_is_valid(task, sizes);
    return fields_are_valid(record) && kind_is_valid(record)
        && task->out_size == written_size(record)
        && task->out_size >= 1 && task->out_size <= MAX_WRITTEN
        && (uint64_t)task->out + task->out_size <= sizes->arena
        && cost(record) <= MAX_COST;
}
