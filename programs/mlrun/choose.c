/* One of two ranges: mlvm/spec.py, choose. */
#include "kernels.h"
#include "leaves.h"
#include "numbers.h"

void choose(const void *record, uint8_t *out)
{
    const struct choose *task = record;
    bool is_first = word(&arena, task->condition) > task->threshold;
    struct stretch found = stretch(&arena, is_first ? task->a : task->b, 1, task->out_size);
    /* What is behind the arena is zero; the range does not begin again with offset 0. */
    uint32_t count = found.at ? found.count : 0;
    out = copy_bytes(out, found.at, count);
    zero_bytes(out, task->out_size - count);
}
