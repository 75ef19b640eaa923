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

/* Taps side by side: those inside of the picture, whose pixels lie `a_stride` bytes apart from
 * `offset` on, or some outside. */
struct run {
    uint32_t offset, taps;
    bool is_inside;
};

/* Makes runs of the taps of an output pixel, row by row. Returns the end of them. */
struct run *locate(const struct picture *picture, uint32_t pixel, struct run *runs);
