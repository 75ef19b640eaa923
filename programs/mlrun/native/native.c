/* The kernels as a library for this machine, to compare with mlvm/spec.py quickly. Blob and arena
 * are simply there: what brings their leaves in, and hashes them, is tested on the VM. */
#include "../checks.h"
#include "../kernels.h"
#include "../leaves.h"

enum { MOST_LEAVES = 1 << 21 };

struct bytes blob, arena;
static uint8_t present[MOST_LEAVES];

void fetch(const struct bytes *bytes, uint32_t leaf)
{
    bytes->present[leaf] = 1;
}

/* `size` bytes that are followed by zeros, up to a power of two of leaves and 8 bytes more. */
static struct bytes lay_out(uint8_t *data, uint32_t size)
{
    return (struct bytes){.window = data, .present = present, .leaves = leaf_count(size)};
}

static void read_words(uint32_t *words, const uint8_t *record)
{
    for (int i = 0; i < RECORD_WORDS; i++)
        words[i] = (uint32_t)load_32(record + 4 * i);
}

/* Whether the task of a record is valid in a model of these sizes. */
int mlrun_is_valid(const uint8_t *record, uint32_t arena_size, uint32_t input_size,
                   uint32_t output_size)
{
    uint32_t words[RECORD_WORDS];
    read_words(words, record);
    return is_valid(words, &(struct sizes){arena_size, input_size, output_size});
}

/* The cost of a task whose fields are valid. */
int64_t mlrun_cost(const uint8_t *record)
{
    uint32_t words[RECORD_WORDS];
    read_words(words, record);
    return cost(words);
}

/* Runs the kernel of a valid task, which writes to `out`, a multiple of 4. */
void mlrun_write(const uint8_t *record, uint8_t *blob_data, uint32_t blob_size,
                 uint8_t *arena_data, uint32_t arena_size, uint8_t *out)
{
    uint32_t words[RECORD_WORDS];
    read_words(words, record);
    blob = lay_out(blob_data, blob_size);
    arena = lay_out(arena_data, arena_size);
    kernels[words[0]](words, out);
}
