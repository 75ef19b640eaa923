/* Which tasks are valid, and what they cost: mlvm/checks.py. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A task writes no more bytes, and costs no more. */
enum { MAX_WRITTEN = 16 * 1024, MAX_COST = 1 << 20 };

/* Of a model. */
struct sizes {
    uint32_t arena, input, output;
};

bool is_valid(const uint32_t *record, const struct sizes *sizes);

/* Of a task whose fields are valid. */
int64_t cost(const uint32_t *record);

/* The leaves of a tree of so many bytes: a power of two. */
uint32_t leaf_count(uint32_t size);
