#include "trees.h"

#include "keccak.h"
#include "layout.h"
#include "oracle.h"

struct bytes blob = {
    .window = (uint8_t *)BLOB_WINDOW,
    .present = (uint8_t *)BLOB_PRESENT,
    .nodes = (struct hash *)BLOB_NODES,
};
struct bytes arena = {
    .window = (uint8_t *)ARENA_WINDOW,
    .present = (uint8_t *)ARENA_PRESENT,
    .nodes = (struct hash *)ARENA_NODES,
};

static void copy_words(void *to, const void *from, uint32_t count)
{
    uint32_t *t = to;
    for (const uint32_t *f = from; count; count--)
        *t++ = *f++;
}

void plant(struct bytes *bytes, uint32_t leaves, const void *root)
{
    bytes->leaves = leaves;
    copy_words(&bytes->nodes[1], root, 8);
}

/* Reads the hashes of a node's two children. */
static void expand(struct hash *node, struct hash children[2])
{
    oracle_select(node);
    machine_oracle_read(&children[0], 1);
    if (machine_oracle_read(&children[1], 1 + 32) != NODE_PREIMAGE)
        change_nothing();
}

/* Whether a hash has been read. One that begins with zeros is read again: nothing is lost by that
 * but time. */
static bool is_known(const struct hash *hash)
{
    return *(const uint32_t *)hash->bytes != 0;
}

const struct hash *node_of(const struct bytes *bytes, uint32_t node)
{
    int below = 0;
    while (node >> below > 1 && !is_known(&bytes->nodes[node >> below]))
        below++;
    for (; below; below--) {
        uint32_t parent = node >> below;
        expand(&bytes->nodes[parent], &bytes->nodes[2 * parent]);
    }
    return &bytes->nodes[node];
}

void fetch(const struct bytes *bytes, uint32_t leaf)
{
    oracle_select((struct hash *)node_of(bytes, bytes->leaves + leaf));
    if (oracle_read_leaf(bytes->window + (leaf << LEAF_SHIFT)) != LEAF_PREIMAGE)
        change_nothing();
    bytes->present[leaf] = 1;
}

void read_record(const void *root, uint32_t leaves, uint32_t offset, uint32_t *record)
{
    static struct hash node, children[2];
    copy_words(&node, root, 8);
    for (uint32_t half = leaves >> 1; half; half >>= 1) {
        expand(&node, children);
        node = children[(offset >> LEAF_SHIFT & half) != 0];
    }
    oracle_select(&node);
    uint32_t length = 0;
    for (uint32_t i = 0; i < RECORD_SIZE; i += 32)
        length = machine_oracle_read((uint8_t *)record + i, 1 + offset % LEAF_SIZE + i);
    if (length != LEAF_PREIMAGE)
        change_nothing();
}

/* --- Writing --- */

void hash_node(const struct hash *left, const struct hash *right, struct hash *node)
{
    static _Alignas(4) uint8_t message[ROOM_FOR(NODE_PREIMAGE)];
    message[0] = NODE_TAG;
    copy_bytes(message + 1, left->bytes, 32);
    copy_bytes(message + 33, right->bytes, 32);
    keccak256(message, NODE_PREIMAGE, node);
}

/* Hashes a leaf, of which the bytes from `first` on, so many, are new. */
static void hash_leaf(const struct bytes *bytes, uint32_t leaf, uint32_t first,
                      const uint8_t *data, uint32_t size)
{
    static _Alignas(4) uint8_t message[ROOM_FOR(LEAF_PREIMAGE)];
    if (size < LEAF_SIZE)
        copy_bytes(message + 1, bytes->window + (leaf << LEAF_SHIFT), LEAF_SIZE);
    message[0] = LEAF_TAG;
    copy_bytes(message + 1 + first, data, size);
    keccak256(message, LEAF_PREIMAGE, &bytes->nodes[bytes->leaves + leaf]);
}

void overwrite(struct bytes *bytes, uint32_t offset, const uint8_t *data, uint32_t size)
{
    uint32_t first = offset >> LEAF_SHIFT, last = (offset + size - 1) >> LEAF_SHIFT;
    /* With the paths to both ends come the hashes beside them, and what stays of the two leaves.
     * Behind this, no node may be read: its hash would replace a new one. */
    node_of(bytes, bytes->leaves + first);
    node_of(bytes, bytes->leaves + last);
    if (offset % LEAF_SIZE || size < LEAF_SIZE)
        bytes_at(bytes, first << LEAF_SHIFT, 1);
    if ((offset + size) % LEAF_SIZE)
        bytes_at(bytes, last << LEAF_SHIFT, 1);
    for (uint32_t leaf = first; leaf <= last; leaf++) {
        uint32_t start = offset % LEAF_SIZE, room = LEAF_SIZE - start;
        uint32_t count = size < room ? size : room;
        hash_leaf(bytes, leaf, start, data, count);
        offset += count, data += count, size -= count;
    }
    first += bytes->leaves, last += bytes->leaves;
    while (first > 1) {
        first >>= 1, last >>= 1;
        for (uint32_t node = first; node <= last; node++)
            hash_node(&bytes->nodes[2 * node], &bytes->nodes[2 * node + 1], &bytes->nodes[node]);
    }
}
