#include "arithmetic.h"

/* By a divisor of at most 16 bits: digit by digit, of 16 bits each, as on paper. */
static uint64_t short_quotient(uint64_t number, uint32_t divisor)
{
    uint32_t high = (uint32_t)(number >> 32), low = (uint32_t)number;
    uint32_t rest = high % divisor << 16 | low >> 16;
    uint32_t last = rest % divisor << 16 | (low & 0xffff);
    return (uint64_t)(high / divisor) << 32 | ((uint64_t)(rest / divisor) << 16) + last / divisor;
}

uint64_t quotient(uint64_t number, uint64_t divisor)
{
    if (divisor >> 16 == 0)
        return short_quotient(number, (uint32_t)divisor);
    /* Bit by bit, from the first at which the quotient may have one. */
    int shift = bit_length(number) - bit_length(divisor);
    uint64_t result = 0;
    for (divisor <<= shift > 0 ? shift : 0; shift >= 0; shift--, divisor >>= 1) {
        result <<= 1;
        if (number >= divisor) {
            number -= divisor;
            result |= 1;
        }
    }
    return result;
}

int64_t floored(int64_t number, uint32_t divisor)
{
    /* Of a negative number, -1 - number, which ~number is, is not negative, and rounds the same. */
    if (number < 0)
        return ~(int64_t)quotient((uint64_t)~number, divisor);
    return (int64_t)quotient((uint64_t)number, divisor);
}

uint32_t square_root(uint64_t number)
{
    /* Two bits of the number give one of the root; `rest` is what the root's square lacks. */
    uint64_t root = 0, rest = number;
    for (uint64_t bit = (uint64_t)1 << 62; bit; bit >>= 2) {
        uint64_t trial = root + bit;
        root >>= 1;
        if (rest >= trial) {
            rest -= trial;
            root += bit;
        }
    }
    return (uint32_t)root;
}

int bit_length(uint64_t number)
{
    uint32_t high = (uint32_t)(number >> 32), low = (uint32_t)number;
    if (high)
        return 64 - __builtin_clz(high);
    return low ? 32 - __builtin_clz(low) : 0;
}
