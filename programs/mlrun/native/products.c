/* products.h in C, for this machine: to test with. */
#include "../products.h"

#include "../numbers.h"

static int64_t sum(const int32_t *a, uint32_t a_stride, const uint8_t *b, uint32_t type,
                   uint32_t count)
{
    uint64_t total = 0;
    for (; count; count--, a = (const int32_t *)((const uint8_t *)a + a_stride), b += size_of(type))
        total += (uint64_t)((int64_t)*a * load(b, type));
    return (int64_t)total;
}

#define PRODUCT(name, type)                                                                        \
    int64_t name(const int32_t *a, const uint8_t *b, uint32_t count)                               \
    {                                                                                              \
        return sum(a, 4, b, type, count);                                                          \
    }

PRODUCT(product_i8, I8)
PRODUCT(product_u8, U8)
PRODUCT(product_i16, I16)
PRODUCT(product_i32, I32)

int64_t strided_product_i8(const int32_t *a, const uint8_t *b, uint32_t count, uint32_t stride)
{
    return sum(a, stride, b, I8, count);
}

int64_t strided_product_u8(const int32_t *a, const uint8_t *b, uint32_t count, uint32_t stride)
{
    return sum(a, stride, b, U8, count);
}
