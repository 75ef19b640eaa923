#include "ranges.h"

uint32_t ranges_find(const struct ranges *set, uint32_t address)
{
    uint32_t first = 0, end = set->count;
    while (first < end) {
        uint32_t middle = (first + end) / 2;
        if (set->at[middle].high > address)
            end = middle;
        else
            first = middle + 1;
    }
    return first;
}

bool ranges_overlap(const struct ranges *set, uint32_t low, uint32_t high)
{
    uint32_t i = ranges_find(set, low);
    return i < set->count && set->at[i].low < high;
}

bool ranges_contain(const struct ranges *set, uint32_t low, uint32_t high)
{
    uint32_t i = ranges_find(set, low);
    return i < set->count && set->at[i].low <= low && set->at[i].high >= high;
}

/* Replaces the ranges [first, end) by `count` others, for the caller to fill in. */
static void replace(struct ranges *set, uint32_t first, uint32_t end, uint32_t count)
{
    struct range *at = set->at;
    uint32_t moved = set->count - end, to = first + count;
    if (to < end)
        for (uint32_t i = 0; i < moved; i++)
            at[to + i] = at[end + i];
    else if (to > end)
        for (uint32_t i = moved; i > 0; i--)
            at[to + i - 1] = at[end + i - 1];
    set->count = to + moved;
}

void ranges_add(struct ranges *set, uint32_t low, uint32_t high)
{
    /* All that overlap or touch become one. */
    uint32_t first = ranges_find(set, low - 1), end = first;
    while (end < set->count && set->at[end].low <= high)
        end++;
    if (first < end) {
        if (set->at[first].low < low)
            low = set->at[first].low;
        if (set->at[end - 1].high > high)
            high = set->at[end - 1].high;
    }
    replace(set, first, end, 1);
    set->at[first] = (struct range){low, high};
}

void ranges_remove(struct ranges *set, uint32_t low, uint32_t high)
{
    uint32_t first = ranges_find(set, low), end = first;
    while (end < set->count && set->at[end].low < high)
        end++;
    if (first == end)
        return;
    struct range below = {set->at[first].low, low}, above = {high, set->at[end - 1].high};
    bool keep_below = below.low < below.high, keep_above = above.low < above.high;
    replace(set, first, end, keep_below + keep_above);
    if (keep_below)
        set->at[first++] = below;
    if (keep_above)
        set->at[first] = above;
}

uint32_t ranges_gap(const struct ranges *set, uint32_t size, uint32_t low, uint32_t high)
{
    uint32_t i = ranges_find(set, high - 1);
    if (i < set->count && set->at[i].low < high)
        high = set->at[i].low;
    while (high > low && high - low >= size) {
        uint32_t below = i > 0 ? set->at[i - 1].high : low;
        if (high - below >= size)
            return high - size;
        if (i == 0)
            break;
        high = set->at[--i].low;
    }
    return 0;
}
