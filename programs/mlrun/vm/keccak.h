/* Keccak256, Ethereum's: the padding begins with 01. */
#pragma once

#include <stdint.h>

#include "machine.h"

/* Bytes that one permutation takes in. */
enum { RATE = 136 };
/* A message of n bytes needs room for its padding. */
#define ROOM_FOR(n) (((n) / RATE + 1) * RATE)

/* Hashes a message whose address is a multiple of 4. The padding is written behind it. */
void keccak256(uint8_t *message, uint32_t length, struct hash *digest);
