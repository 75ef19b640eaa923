#include "picture.h"

#include "arithmetic.h"

static struct run *add(struct run *end, uint32_t offset, uint32_t taps, bool is_inside)
{
    if (!taps)
        return end;
    *end = (struct run){offset, taps, is_inside};
    return end + 1;
}

/* How many of a row's taps, which see places from `x` on, are before a place. */
static uint32_t taps_before(const struct picture *picture, int64_t x, int64_t place)
{
    return (uint32_t)larger(0, smaller(place - x, picture->kernel_width));
}

/* A row inside of the picture, which begins at `start`. */
static struct run *add_row(const struct picture *picture, struct run *end, uint32_t start,
                           int64_t x)
{
    if (picture->dilation_x == 1) {
        uint32_t left = taps_before(picture, x, 0);
        uint32_t right = taps_before(picture, x, picture->width);
        uint32_t offset = start + ((uint32_t)x + left) * picture->a_stride;
        end = add(end, 0, left, false);
        end = add(end, offset, right - left, true);
        return add(end, 0, picture->kernel_width - right, false);
    }
    for (uint32_t kx = 0; kx < picture->kernel_width; kx++, x += picture->dilation_x) {
        uint32_t offset = start + (uint32_t)x * picture->a_stride;
        end = add(end, offset, 1, x >= 0 && x < picture->width);
    }
    return end;
}

struct run *locate(const struct picture *picture, uint32_t pixel, struct run *runs)
{
    uint32_t row = pixel / picture->out_width, column = pixel % picture->out_width;
    int64_t y = (int64_t)((uint64_t)row * picture->stride_y) - picture->pad_top;
    int64_t x = (int64_t)((uint64_t)column * picture->stride_x) - picture->pad_left;
    struct run *end = runs;
    for (uint32_t ky = 0; ky < picture->kernel_height; ky++, y += picture->dilation_y) {
        uint32_t start = picture->a + (uint32_t)y * picture->width * picture->a_stride;
        if (y >= 0 && y < picture->height)
            end = add_row(picture, end, start, x);
        else
            end = add(end, 0, picture->kernel_width, false);
    }
    return end;
}
