/* Hashes 32 zero bytes again and again and returns the last digest.
 *
 * The number of iterations is the last eight bytes of the input word, big-endian; 0 means 20000. */
#include <stdio.h>
#include <string.h>

#include "../c/guest.h"
#include "../c/sha256.h"

enum { DEFAULT_ITERATIONS = 20000 };

const char program_name[] = "sha256chain_c";

static uint64_t iterations(const uint8_t input[WORD])
{
    uint64_t count = 0;
    for (int i = WORD - 8; i < WORD; i++)
        count = count << 8 | input[i];
    return count ? count : DEFAULT_ITERATIONS;
}

int main(void)
{
    uint8_t input[WORD];
    guest_input(input);

    uint8_t digest[SHA256_DIGEST] = {0};
    for (uint64_t i = iterations(input); i > 0; i--) {
        sha256_context context;
        sha256_init(&context);
        sha256_update(&context, digest, sizeof digest);
        sha256_final(&context, digest);
    }

    guest_print_word(digest);
    printf("\n");
    guest_output(digest);
    return 0;
}
