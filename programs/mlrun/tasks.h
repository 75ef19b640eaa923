/* Tasks: mlvm/tasks.py, whose words these are, field by field (a test compares the two). */
#pragma once

#include <stdint.h>

/* Bytes, and words, of a record. */
enum { RECORD_SIZE = 256, RECORD_WORDS = 64 };

/* Types of numbers, big-endian in arena and blob. */
enum { I8, I16, I32, U8, TYPES };

/* Where an operand is. */
enum { BLOB, ARENA, SOURCES };

/* An offset that says that there is nothing. */
#define NONE 0xffffffffu

enum {
    NOTHING, INPUT, OUTPUT, DOT, MAP, BINARY, SOFTMAX, NORM, QUANTISE, POOL, REDUCE, COPY,
    GATHER, ROTATE, CHOOSE, KINDS,
};

/* Of binary, and of reduce. */
enum { ADD, MUL, MAX, MIN, OPERATIONS };
enum { SUM, MAXIMUM, ARGMAX, REDUCTIONS };

struct dot {
    uint32_t kind, out, out_size, a_source, a, a_type, a_stride, a_exponents, height, width,
        group_size, kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x;
    int32_t pad_top, pad_left, pad_value;
    uint32_t out_width, channels_per_group, b_source, b, b_type, b_stride, b_exponents, bias,
        multipliers;
    int32_t shift;
    uint32_t out_type;
    int32_t out_zero, out_lowest, out_highest;
    uint32_t first_pixel, pixels, first_channel, channels;
};

struct map {
    uint32_t kind, out, out_size, a, a_type, table, segments;
    int32_t low;
    uint32_t step;
    int32_t slope;
    uint32_t out_type, count;
};

struct binary {
    uint32_t kind, out, out_size, operation, a, a_type;
    int32_t a_zero, a_multiplier, a_stride_1, a_stride_2, a_stride_3, a_stride_4;
    uint32_t b_source, b, b_type;
    int32_t b_zero, b_multiplier, b_stride_1, b_stride_2, b_stride_3, b_stride_4;
    uint32_t size_2, size_3, size_4;
    int32_t multiplier, shift;
    uint32_t out_type;
    int32_t out_zero, out_lowest, out_highest;
    uint32_t first, count;
};

struct softmax {
    uint32_t kind, out, out_size, a, a_type, a_stride, rows, length, valid, mask;
    int32_t multiplier, shift;
    uint32_t table, out_type, valid_step;
};

struct norm {
    uint32_t kind, out, out_size, a, a_stride, rows, length, centred, epsilon_high, epsilon_low,
        gamma, beta;
    int32_t shift;
};

struct quantise {
    uint32_t kind, out, out_size, a, a_stride, rows, length;
};

struct pool {
    uint32_t kind, out, out_size, is_mean, a, a_type;
    int32_t a_zero;
    uint32_t height, width, channels, kernel_height, kernel_width, stride_y, stride_x;
    int32_t pad_top, pad_left;
    uint32_t out_width, divisor;
    int32_t multiplier, shift;
    uint32_t out_type;
    int32_t out_zero, out_lowest, out_highest;
    uint32_t first_pixel, pixels;
};

struct reduce {
    uint32_t kind, out, out_size, operation, a, a_type;
    int32_t a_zero;
    uint32_t row_stride, stride, rows, length, mask, is_mean;
    int32_t multiplier, shift;
    uint32_t out_type;
    int32_t out_zero, out_lowest, out_highest;
};

struct copy {
    uint32_t kind, out, out_size, a_source, a, size;
    int32_t stride_1, stride_2, stride_3, stride_4, stride_5;
    uint32_t size_2, size_3, size_4, size_5;
    int32_t low_1, low_2, low_3, low_4, low_5, high_1, high_2, high_3, high_4, high_5,
        pad_value;
    uint32_t first, count;
};

struct gather {
    uint32_t kind, out, out_size, indices, table_source, table, table_type, table_stride,
        table_rows, length, multipliers;
    int32_t shift;
    uint32_t out_type, count;
};

struct rotate {
    uint32_t kind, out, out_size, a, a_stride, rows, length, table, table_stride, repeat;
};

struct choose {
    uint32_t kind, out, out_size, condition;
    int32_t threshold;
    uint32_t a, b;
};

/* Every task begins like this. */
struct task {
    uint32_t kind, out, out_size;
};
