/* The byte trees that blob and arena are committed to by (docs/mlvm.md, "Commitments"). */
#pragma once

#include "../leaves.h"
#include "machine.h"

enum { LEAF_TAG = 0, NODE_TAG = 1, LEAF_PREIMAGE = 1 + LEAF_SIZE, NODE_PREIMAGE = 1 + 2 * 32 };

/* Begins a tree of so many leaves, of which nothing is known but the root. */
void plant(struct bytes *bytes, uint32_t leaves, const void *root);

/* Writes into a tree: `size` bytes, not 0, at an offset. Afterwards only its root is of use. */
void overwrite(struct bytes *bytes, uint32_t offset, const uint8_t *data, uint32_t size);

/* The hash of a node of the tree. */
const struct hash *node_of(const struct bytes *bytes, uint32_t node);

/* Hashes a node. */
void hash_node(const struct hash *left, const struct hash *right, struct hash *node);

/* Reads 256 bytes of a tree of which nothing else is needed. */
void read_record(const void *root, uint32_t leaves, uint32_t offset, uint32_t *record);

/* What is no tree is no model's: the task changes nothing (mlrun.c). */
[[noreturn]] void change_nothing(void);
