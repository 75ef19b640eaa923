/* The inner loops of dot: a · b, summed up in 64 bits. */
#pragma once

#include <stdint.h>

/* Of `count` words with as many numbers of a type, which are aligned. */
typedef int64_t product(const int32_t *a, const uint8_t *b, uint32_t count);

product product_i8, product_u8, product_i16, product_i32;

/* The same with words `stride` bytes apart, and numbers of 8 bits. */
typedef int64_t strided_product(const int32_t *a, const uint8_t *b, uint32_t count,
                                uint32_t stride);

strided_product strided_product_i8, strided_product_u8;
