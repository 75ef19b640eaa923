#include "header.h"

#include "oracle.h"

static_assert(sizeof(struct header) == HEADER_SIZE);

static bool is_magic(const uint8_t magic[16])
{
    static const char expected[16] = "axonum-model-1";
    for (int i = 0; i < 16; i++) {
        if (magic[i] != expected[i])
            return false;
    }
    return true;
}

static bool is_sound(const struct header *header)
{
    uint32_t arena_size = header->arena_size;
    return is_magic(header->magic) && header->operators == 1 && header->zero == 0
        && header->tasks >= 1 && header->tasks <= MAX_TASKS
        && arena_size >= MIN_ARENA && arena_size <= MAX_ARENA && !(arena_size & (arena_size - 1))
        && header->input_size >= 1 && header->input_size <= arena_size
        && header->output_size >= 1 && header->output_size <= arena_size
        && header->blob_size[0] == 0 && header->blob_size[1] <= MAX_BLOB;
}

bool read_header(struct hash *address, struct header *header)
{
    uint32_t length = 0;
    oracle_select(address);
    for (uint32_t at = 0; at < HEADER_SIZE; at += 32)
        length = machine_oracle_read((uint8_t *)header + at, at);
    return length == HEADER_SIZE && is_sound(header);
}
