/* A set of addresses, kept as sorted ranges that neither overlap nor touch. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { MAX_RANGES = 1024 };

struct range {
    uint32_t low, high; /* [low, high) */
};

struct ranges {
    uint32_t count;
    struct range at[MAX_RANGES];
};

/* One add or remove makes at most one range more. */
static inline bool ranges_have_room(const struct ranges *set)
{
    return set->count < MAX_RANGES;
}

/* The index of the first range that ends above `address`. */
uint32_t ranges_find(const struct ranges *set, uint32_t address);
bool ranges_overlap(const struct ranges *set, uint32_t low, uint32_t high);
bool ranges_contain(const struct ranges *set, uint32_t low, uint32_t high);

/* These need low < high, and room. */
void ranges_add(struct ranges *set, uint32_t low, uint32_t high);
void ranges_remove(struct ranges *set, uint32_t low, uint32_t high);

/* The start of the highest free range of `size` inside [low, high), or 0. */
uint32_t ranges_gap(const struct ranges *set, uint32_t size, uint32_t low, uint32_t high);
