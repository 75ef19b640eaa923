/* Returns the sha256 of the data in a preimage tree whose root is the input word.
 *
 * The tree is described in programs/README.md. */
#include <stdio.h>
#include <string.h>

#include "../c/guest.h"
#include "../c/sha256.h"

enum { LEAF = 0, INNER = 1 };

/* Bounds the recursion: 4 levels of keys reach 36 PB, more than anybody can hash. */
enum { MAX_HEIGHT = 4 };

const char program_name[] = "preimage_c";

/* One node at each height: a parent's list of keys is read while its children are visited. */
static uint8_t nodes[MAX_HEIGHT + 1][MAX_PREIMAGE];

static void send_hint(const uint8_t root[WORD])
{
    static const char prefix[] = "preimage-tree ";
    char hint[sizeof prefix + 2 * WORD];
    strcpy(hint, prefix);
    for (int i = 0; i < WORD; i++)
        sprintf(hint + strlen(prefix) + 2 * i, "%02x", root[i]);
    guest_hint(hint);
}

/* Hashes the data below key, from left to right, and returns its length. */
static uint64_t walk(const uint8_t key[WORD], int height, sha256_context *digest)
{
    uint8_t *node = nodes[height];
    size_t length = guest_preimage(key, node);
    if (length == 0)
        guest_fail("empty node", key);
    if (node[0] == LEAF) {
        sha256_update(digest, node + 1, length - 1);
        return length - 1;
    }
    if (node[0] != INNER)
        guest_fail("unknown tag", key);
    if (length == 1 || (length - 1) % WORD != 0)
        guest_fail("not a list of keys", key);
    if (height == 0)
        guest_fail("the tree is too high", key);
    uint64_t total = 0;
    for (size_t i = 1; i < length; i += WORD)
        total += walk(node + i, height - 1, digest);
    return total;
}

int main(void)
{
    uint8_t root[WORD];
    guest_input(root);
    send_hint(root);

    sha256_context context;
    sha256_init(&context);
    uint64_t length = walk(root, MAX_HEIGHT, &context);
    uint8_t digest[SHA256_DIGEST];
    sha256_final(&context, digest);

    printf("%llu bytes, sha256 ", (unsigned long long)length);
    guest_print_word(digest);
    printf("\n");
    guest_output(digest);
    return 0;
}
