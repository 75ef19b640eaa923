/* What a task may read: mlvm/reach.py. */
#pragma once

#include <stdint.h>

/* How many leaves a task reads at most, all operands added up. Its fields are valid. */
int64_t leaves_read(const uint32_t *record);
