/* SHA-256 (FIPS 180-4). */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_DIGEST = 32, SHA256_BLOCK = 64 };

typedef struct {
    uint32_t state[8];
    uint64_t length;              /* bytes hashed so far */
    uint8_t block[SHA256_BLOCK];  /* the last length % SHA256_BLOCK of them */
} sha256_context;

void sha256_init(sha256_context *context);
void sha256_update(sha256_context *context, const uint8_t *data, size_t length);
void sha256_final(sha256_context *context, uint8_t digest[SHA256_DIGEST]);

#endif
