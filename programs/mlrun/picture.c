#include "picture.h"

uint32_t locate(const struct picture *picture, uint32_t pixel, struct tap *taps)
{
    uint32_t row = pixel / picture->out_width, column = pixel % picture->out_width;
    int64_t y = (int64_t)((uint64_t)row * picture->stride_y) - picture->pad_top;
    int64_t first_x = (int64_t)((uint64_t)column * picture->stride_x) - picture->pad_left;
    uint32_t inside = 0;
    for (uint32_t ky = 0; ky < picture->kernel_height; ky++, y += picture->dilation_y) {
        bool row_is_inside = y >= 0 && y < picture->height;
        uint32_t start = picture->a + (uint32_t)y * picture->width * picture->a_stride;
        int64_t x = first_x;
        for (uint32_t kx = 0; kx < picture->kernel_width; kx++, x += picture->dilation_x, taps++) {
            taps->is_inside = row_is_inside && x >= 0 && x < picture->width;
            taps->offset = start + (uint32_t)x * picture->a_stride;
            inside += taps->is_inside;
        }
    }
    return inside;
}
