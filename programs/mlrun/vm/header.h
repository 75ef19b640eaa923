/* Models: mlvm/model.py, Header. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "machine.h"

struct header {
    uint8_t magic[16];
    uint32_t operators, tasks, arena_size, input_size, output_size, zero;
    uint32_t macs[2], blob_size[2];
    uint8_t task_root[32], blob_root[32], description_hash[32];
};

enum { HEADER_SIZE = 152 };
/* Limits of what it says. */
#define MAX_TASKS (1u << 16)
#define MIN_ARENA (1u << 10)
#define MAX_ARENA (1u << 30)
#define MAX_BLOB  (7u << 28)

/* Reads the header of a model. False if it is none. */
bool read_header(struct hash *address, struct header *header);
