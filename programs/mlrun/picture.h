/* What a window sees of a picture: for dot and pool. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Taps that a window may have: more of them cost too much (mlvm/checks.py). */
enum { MAX_TAPS = 1 << 18 };

/* Geometry of a tile: the fields of a task, by their names. */
struct picture {
    uint32_t a, a_stride, height, width;
    uint32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x;
    int32_t pad_top, pad_left;
    uint32_t out_width;
};

/* A tap: the offset of the pixel that it sees, if it is inside of the picture. */
struct tap {
    uint32_t offset, is_inside;
};

/* Fills in the taps of an output pixel, row by row, and returns how many are inside. */
uint32_t locate(const struct picture *picture, uint32_t pixel, struct tap *taps);
