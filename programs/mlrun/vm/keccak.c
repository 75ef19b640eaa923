#include "keccak.h"

/* permute.S; the second half is its own. */
void permute(uint32_t state[100]);

enum { LANES = 25, WORDS = RATE / 4 };

/* Lanes are little-endian. */
static uint32_t swapped(uint32_t word)
{
    uint32_t odd = word & 0x00ff00ff, even = word >> 8 & 0x00ff00ff;
    word = odd << 8 | even;
    return word << 16 | word >> 16;
}

static void clear(uint32_t state[2 * LANES])
{
    static const uint8_t complemented[] = {1, 2, 8, 12, 17, 20};
    for (int i = 0; i < 2 * LANES; i++)
        state[i] = 0;
    for (unsigned i = 0; i < sizeof complemented; i++) {
        state[2 * complemented[i]] = ~0u;
        state[2 * complemented[i] + 1] = ~0u;
    }
}

/* Pads the message up to a whole number of blocks. Returns how many. */
static uint32_t pad(uint8_t *message, uint32_t length)
{
    uint32_t blocks = length / RATE + 1, end = blocks * RATE;
    message[length++] = 0x01;
    for (; length % 4; length++)
        message[length] = 0;
    for (; length < end; length += 4)
        *(uint32_t *)(message + length) = 0;
    message[end - 1] |= 0x80;
    return blocks;
}

void keccak256(uint8_t *message, uint32_t length, struct hash *digest)
{
    static uint32_t state[4 * LANES];
    uint32_t blocks = pad(message, length);
    const uint32_t *words = (const uint32_t *)message;
    clear(state);
    for (; blocks; blocks--, words += WORDS) {
#pragma unroll
        for (int i = 0; i < WORDS; i++)
            state[i] ^= swapped(words[i]);
        permute(state);
    }
    uint32_t *to = (uint32_t *)digest->bytes;
    for (int i = 0; i < 8; i++) {
        uint32_t word = swapped(state[i]);
        /* Lanes 1 and 2 are complemented. */
        to[i] = i / 2 == 1 || i / 2 == 2 ? ~word : word;
    }
}
