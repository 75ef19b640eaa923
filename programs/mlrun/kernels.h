/* What tasks write: mlvm/spec.py, kernel by kernel. */
#pragma once

#include "tasks.h"

/* By kind, for those that write the arena; `out` is a multiple of 4. */
extern void (*const kernels[KINDS])(const void *task, uint8_t *out);

void dot(const void *task, uint8_t *out);
void map(const void *task, uint8_t *out);
void binary(const void *task, uint8_t *out);
void softmax(const void *task, uint8_t *out);
void norm(const void *task, uint8_t *out);
void quantise(const void *task, uint8_t *out);
void pool(const void *task, uint8_t *out);
void reduce(const void *task, uint8_t *out);
void copy(const void *task, uint8_t *out);
void gather(const void *task, uint8_t *out);
void rotate(const void *task, uint8_t *out);
void choose(const void *task, uint8_t *out);
