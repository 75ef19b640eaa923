/* The preimages of hashes. The machine vouches for what it reads, so nothing is hashed here. */
#pragma once

#include "machine.h"

enum { KECCAK_KEY = 2 };

/* Turns to the preimage of a hash. */
static inline void oracle_select(struct hash *hash)
{
    /* A key is the hash but for its first byte. Lending it one saves a copy. */
    uint8_t first = hash->bytes[0];
    hash->bytes[0] = KECCAK_KEY;
    machine_oracle_key(hash);
    hash->bytes[0] = first;
}

/* oracle.S: reads 1024 bytes at a multiple of 32, from offset 1 of the preimage on, and returns the
 * length of the preimage. */
uint32_t oracle_read_leaf(uint8_t *to);
